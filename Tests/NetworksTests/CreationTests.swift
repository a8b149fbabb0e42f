import Kernel
import Networks
import Steps
import Testing

@Suite(.enabled(if: namespacesAreMissing == nil, "\(namespacesAreMissing ?? "")"))
struct CreationTests {
  private func make(_ store: NetworkStore, _ name: String = "back", _ change: (inout NetworkOptions) -> Void) throws
    -> Network
  {
    var options = NetworkOptions(name: name)
    change(&options)
    return try store.perform(store.prepareCreation(of: options))
  }

  @Test func rangesAndKeptAddresses() throws {
    try withStore { store in
      let network = try make(store) {
        $0.subnets = ["10.90.0.0/24", "fd00:90::/64"]
        $0.gateways = ["10.90.0.254", "fd00:90::fe"]
        $0.ranges = ["10.90.0.128/30", "fd00:90::100/120"]
        $0.auxiliary = ["printer": "10.90.0.129", "router": "fd00:90::100"]
      }
      #expect(network.gateway.description == "10.90.0.254" && network.gateway6?.description == "fd00:90::fe")
      let places = try (1...3).map { try store.attach(identifier($0), to: "back", isAlive: everybody) }
      #expect(places.map(\.address.address.description) == ["10.90.0.128", "10.90.0.130", "10.90.0.131"])
      #expect(places.map { $0.address6?.description } == ["fd00:90::101/64", "fd00:90::102/64", "fd00:90::103/64"])
      let error = #expect(throws: NetworkError.self) {
        try store.attach(identifier(4), to: "back", isAlive: everybody)
      }
      #expect(error?.message.contains("no free address") == true)
      // The record says all of it.
      #expect(try store.find("back") == network)
    }
  }

  @Test func aUniqueLocalPrefixIsChosenAndCollisionsAreNamed() throws {
    try withStore { store in
      let chosen = try make(store) { $0.hasIPv6 = true }
      let subnet6 = try #require(chosen.subnet6)
      #expect(subnet6.address.isUniqueLocal && subnet6.length == 64 && subnet6.address.value >> 120 == 0xfd)
      try run("ip", "link", "add", "name", "tun9", "type", "veth", "peer", "name", "tun8")
      try run("ip", "link", "set", "tun9", "up")
      try run("ip", "link", "set", "tun8", "up")
      try run("ip", "-6", "route", "add", "fd77::/32", "dev", "tun9")
      let error = #expect(throws: NetworkError.self) { try make(store, "vpn") { $0.subnets = ["fd77:0:1::/64"] } }
      #expect(error?.message.contains("the route fd77::/32 dev tun9") == true, "\(error?.message ?? "")")
      let other = #expect(throws: NetworkError.self) { try make(store, "same") { $0.subnets = ["\(subnet6)"] } }
      #expect(other?.message.contains("network back") == true)
    }
  }

  @Test(arguments: [
    (["10.0.0.0/8", "10.0.0.0/16"], "second IPv4 subnet"), (["10.90.0.1/24"], "bits behind"), (["x"], "no subnet"),
    (["10.90.0.0/31"], "no use"), (["fe80::/64"], "no host can have"), (["ff02::/64"], "no host can have"),
    (["fd00::1/64"], "bits behind"), (["::/64"], "no host can have"),
  ])
  func subnetsThatAreRefused(_ subnets: [String], _ reason: String) throws {
    try withStore { store in
      let error = #expect(throws: NetworkError.self) { try make(store) { $0.subnets = subnets } }
      #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
      let names = try store.names()
      #expect(names.isEmpty)
    }
  }

  @Test func whatIsOutsideOfTheSubnetIsRefused() throws {
    try withStore { store in
      for change in [
        { (options: inout NetworkOptions) in options.gateways = ["10.91.0.1"] }, { $0.gateways = ["fd00::1"] },
        { $0.ranges = ["10.91.0.0/28"] }, { $0.ranges = ["10.0.0.0/8"] }, { $0.auxiliary = ["x": "10.91.0.9"] },
      ] {
        #expect(throws: NetworkError.self) {
          try make(store) {
            $0.subnets = ["10.90.0.0/24"]
            change(&$0)
          }
        }
      }
    }
  }

  @Test func optionsAreThoseOfTheDriver() throws {
    try withStore { store in
      for (driver, option, value) in [
        (Network.Driver.bridge, "evil", "1"), (.bridge, "parent", "eth0"),
        (.bridge, "com.docker.network.driver.mtu", "1"), (.bridge, "com.docker.network.bridge.enable_icc", "maybe"),
        (.bridge, "com.docker.network.bridge.name", "a/b"), (.macvlan, "macvlan_mode", "wild"),
        (.macvlan, "com.docker.network.bridge.name", "x"), (.macvlan, "parent", "nothere"),
      ] {
        let error = #expect(throws: NetworkError.self) {
          try make(store) {
            $0.driver = driver
            $0.options = [option: value]
          }
        }
        let message = error?.message ?? ""
        #expect(error?.kind == .usage && (message.contains(value) || message.contains(option)), "\(message)")
      }
      let made = try make(store) {
        $0.options = [
          "com.docker.network.bridge.name": "own0", "com.docker.network.driver.mtu": "1400",
          "com.docker.network.bridge.enable_icc": "false", "com.docker.network.bridge.enable_ip_masquerade": "false",
          "com.docker.network.container_iface_prefix": "lan",
        ]
      }
      #expect(made.bridge == "own0")
      #expect(try run("ip", "link", "show", "own0").contains("mtu 1400"))
      let place = try store.attach(identifier(1), to: "back", isAlive: everybody)
      #expect(place.isIsolated && place.mtu == 1400 && place.name == "lan0")
      let rules = try run("nft", "list", "ruleset")
      #expect(!rules.contains("\"own0\" . \"own0\"") && rules.contains("\"own0\""))
      try store.release(identifier(1))
      try store.remove("back", isAlive: nobody)
      #expect(try !run("ip", "link").contains("own0"))
      // A link of somebody else's is not taken over.
      try run("ip", "link", "add", "name", "own1", "type", "bridge")
      let taken = #expect(throws: NetworkError.self) {
        try make(store) { $0.options = ["com.docker.network.bridge.name": "own1"] }
      }
      #expect(taken?.kind == .conflict)
    }
  }

  /// IPv6 is forwarded for such a network alone, the host's own links stay as they were, and all of it ends with it.
  @Test func forwardingOfIPv6IsTurnedOnAndOff() throws {
    try withStore { store in
      func value(_ key: String) throws -> String { try readText(Path("/proc/sys/net/ipv6/conf/\(key)")) }
      try writeControl("/proc/sys/net/ipv6/conf/all/forwarding", "0")
      try run("ip", "link", "add", "name", "up0", "type", "veth", "peer", "name", "up1")
      try writeControl("/proc/sys/net/ipv6/conf/up0/accept_ra", "1")
      _ = try make(store, "four") { _ in }
      #expect(try value("all/forwarding") == "0" && value("up0/accept_ra") == "1")
      let six = try make(store, "six") { $0.hasIPv6 = true }
      #expect(try value("all/forwarding") == "1" && value("up0/accept_ra") == "2")
      #expect(try value("\(six.bridge)/accept_ra") == "0" && value("\(store.find("four").bridge)/disable_ipv6") == "1")
      #expect(try run("nft", "list", "ruleset").contains("elements = { \"up0\""))
      try store.remove("six", isAlive: nobody)
      try store.remove("four", isAlive: nobody)
      #expect(try value("all/forwarding") == "0" && value("up0/accept_ra") == "1")
      #expect(try run("nft", "list", "ruleset").isEmpty)
    }
  }

  @Test func aMacvlanIsOnALinkOfTheHost() throws {
    let far = try makeNamespace()
    let inside = far.borrowed
    try withStore { store in
      try run("ip", "link", "add", "name", "lan0", "type", "veth", "peer", "name", "lan1")
      try run("ip", "address", "add", "10.90.0.200/24", "dev", "lan1")
      for link in ["lan0", "lan1"] { try run("ip", "link", "set", link, "up") }
      _ = try make(store) {
        $0.driver = .macvlan
        // The subnet is the one outside: the host has a route to it.
        $0.subnets = ["10.90.0.0/24"]
        $0.options = ["parent": "lan0", "macvlan_mode": "bridge"]
      }
      let twice = #expect(throws: NetworkError.self) {
        try make(store, "again") {
          $0.driver = .macvlan
          $0.options = ["parent": "lan0"]
        }
      }
      #expect(twice?.kind == .conflict)
      let place = try store.attach(identifier(1), to: "back", isAlive: everybody)
      for step in place.wiring { try performStep(step, inside) }
      let steps = place.inside
      let shown = try inNamespace(inside) {
        for step in steps { try performStep(step) }
        return try run("ip", "-d", "address") + run("busybox", "ping", "-c", "1", "-W", "5", "10.90.0.200")
      }
      #expect(
        shown.contains("macvlan mode bridge") && shown.contains("10.90.0.2/24") && shown.contains("1 packets received"))
      #expect(throws: NetworkError.self) {
        try store.publish(
          [PortRequest(.tcp, containerPort: 80)], for: identifier(1), at: place, isAlive: everybody, name: { _ in nil })
      }
      try store.release(identifier(1))
      try store.remove("back", isAlive: nobody)
      #expect(try run("ip", "link").contains("lan0"))
    }
  }
}
