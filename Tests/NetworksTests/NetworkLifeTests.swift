import Kernel
import Netlink
import Networks
import Steps
import Testing

private let missing =
  namespacesAreMissing ?? (isInstalled("nft") ? nil : "nft is not installed (Debian package nftables)")

@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct NetworkLifeTests {
  @Test func theFirstUseMakesTheDefaultNetworkAndTheSecondNothing() throws {
    try withStore { store in
      var steps: [Step] = []
      let network = try store.ready("bridge") { steps.append($0) }
      #expect(
        network.isDefault && network.subnet.length == 24 && network.gateway.value == network.subnet.first.value + 1)
      #expect(try run("ip", "address", "show", network.bridge).contains("inet \(network.gatewayPrefix) "))
      #expect(try run("nft", "list", "ruleset").contains(network.bridge))
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "1")
      #expect(try readText("/proc/sys/net/ipv6/conf/\(network.bridge)/disable_ipv6") == "1")
      #expect(try !run("ip", "-6", "address", "show", network.bridge).contains("inet6"))
      #expect(steps.contains { if case .network(.applyFirewall) = $0 { true } else { false } })

      var again: [Step] = []
      #expect(try store.ready("bridge") { again.append($0) } == network)
      #expect(again.isEmpty)
      #expect(try status(of: store.root).mode == 0o700 && status(of: store.run).mode == 0o700)
    }
  }

  @Test(arguments: [
    ["nft", "flush", "ruleset"], ["nft", "delete", "table", "inet", "TABLE"],
    ["nft", "flush", "chain", "inet", "TABLE", "forward"],
    ["ip", "link", "delete", "BRIDGE"], ["ip", "address", "flush", "dev", "BRIDGE"],
    ["ip", "link", "set", "BRIDGE", "down"],
    ["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"],
  ])
  func whatWasBrokenIsHealedByTheNextUse(command: [String]) throws {
    try withStore { store in
      let network = try store.ready("bridge")
      let rules = try run("nft", "-s", "list", "ruleset")
      let table = try #require(rules.split(separator: " ").first { $0.hasPrefix("skiff") })
      try run("env", arguments: command.map { $0 == "BRIDGE" ? network.bridge : $0 == "TABLE" ? String(table) : $0 })
      var steps: [Step] = []
      #expect(try store.ready("bridge") { steps.append($0) } == network)
      #expect(!steps.isEmpty)
      #expect(try run("nft", "-s", "list", "ruleset").contains("what leaves a network takes the host's address"))
      #expect(try run("ip", "address", "show", network.bridge).contains("inet \(network.gatewayPrefix) "))
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "1")
      var again: [Step] = []
      _ = try store.ready("bridge") { again.append($0) }
      #expect(again.isEmpty)
    }
  }

  @Test func anothersTableChangesNothingForUs() throws {
    try withStore { store in
      _ = try store.ready("bridge")
      try run("nft", "add", "table", "inet", "theirs")
      var steps: [Step] = []
      _ = try store.ready("bridge") { steps.append($0) }
      #expect(steps.isEmpty)
    }
  }

  /// What a chain of the host's drops for not knowing containers, a rule of ours lets out; it goes with the network.
  @Test(arguments: [["ip", "filter", "FORWARD"], ["inet", "theirs", "walls"]])
  func anothersDropLetsContainersOut(place: [String]) throws {
    try withStore { store in
      try run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
      let network = try store.ready("bridge")
      try run("nft", arguments: ["add", "table"] + place.prefix(2))
      try run("nft", arguments: ["add", "chain"] + place + ["{ type filter hook forward priority 0; policy drop; }"])
      _ = try store.ready("bridge")
      let rules = try run("nft", arguments: ["list", "chain"] + place)
      #expect(rules.contains("iifname \"\(network.bridge)\" accept comment"), "\(rules)")
      #expect(store.warning(for: "bridge") == nil)
      try store.remove("bridge", isAlive: nobody)
      let left = try run("nft", arguments: ["list", "chain"] + place)
      #expect(!left.contains("accept"), "\(left)")
    }
  }

  @Test func aDamagedRecordIsRemovedLikeAnyOther() throws {
    try withStore { store in
      let network = try store.perform(store.prepareCreation(of: NetworkOptions(name: "back")))
      _ = try store.attach(identifier(1), to: "back", isAlive: everybody)
      try replaceFile(store.root.appending("back.json"), with: Array("{\"name\":".utf8))
      let damage = #expect(throws: NetworkError.self) { _ = try store.ready("back") }
      #expect(damage?.isDamage == true && damage?.hint?.contains("skiff network rm back") == true)
      let busy = #expect(throws: NetworkError.self) { try store.remove("back", isAlive: everybody) }
      #expect(busy?.hint?.contains("stop the 1 container") == true)
      try store.release(identifier(1))
      try store.remove("back", isAlive: everybody)
      #expect(try store.names().isEmpty && !exists(store.run.appending("back")))
      #expect(try !run("ip", "link").contains(network.bridge))
    }
  }

  @Test func createListFindRemove() throws {
    try withStore { store in
      var options = NetworkOptions(name: "back")
      options.subnets = ["10.90.0.0/24"]
      options.gateways = ["10.90.0.254"]
      options.labels = ["tier": "data"]
      let network = try store.perform(store.prepareCreation(of: options))
      #expect(network.gateway.description == "10.90.0.254")
      #expect(try store.all() == [network])
      #expect(try store.find(String(network.identifier.prefix(12))) == network)

      let twice = #expect(throws: NetworkError.self) { _ = try store.prepareCreation(of: options) }
      #expect(twice?.kind == .conflict && twice?.message == "network back exists already")

      _ = try store.attach(identifier(1), to: "back", isAlive: everybody)
      try store.announce(
        NetworkMember(container: identifier(1), address: IPv4Address(10, 90, 0, 1), names: ["web"], hosts: "/nowhere"),
        on: "back")
      let busy = #expect(throws: NetworkError.self) { _ = try store.remove("back", isAlive: everybody) }
      #expect(busy?.message == "network back is in use by web")

      try store.release(identifier(1))
      _ = try store.remove("back", isAlive: everybody)
      #expect(try store.all().isEmpty && !exists(store.run.appending("back")))
      #expect(try !run("ip", "link").contains(network.bridge))
      #expect(try run("nft", "list", "ruleset").isEmpty)
      #expect(throws: NetworkError.self) { _ = try store.find("back") }
    }
  }

  @Test(
    arguments: [
      ("x", nil, nil, "is no name"), ("../up", nil, nil, "is no name"), ("a b", nil, nil, "is no name"),
      ("host", nil, nil, "always there"), ("bridge", nil, nil, "always there"),
      ("net", "10.0.0.0", nil, "is no subnet"), ("net", "10.0.0.1/24", nil, "bits behind its length"),
      ("net", "10.0.0.0/31", nil, "no use"), ("net", "127.0.0.0/8", nil, "no host"),
      ("net", "224.0.0.0/8", nil, "no host"),
      ("net", "10.91.0.0/24", "10.92.0.1", "no host of"), ("net", "10.91.0.0/24", "10.91.0.255", "no host of"),
      ("net", "10.91.0.0/24", "gate", "no address"),
    ] as [(String, String?, String?, String)])
  func badRequestsAreRefused(name: String, subnet: String?, gateway: String?, expected: String) throws {
    try withStore { store in
      var options = NetworkOptions(name: name)
      options.subnets = [subnet].compactMap { $0 }
      options.gateways = [gateway].compactMap { $0 }
      let request = options
      let error = #expect(throws: NetworkError.self) { _ = try store.prepareCreation(of: request) }
      #expect(error?.message.contains(expected) == true, "\(String(describing: error))")
      #expect(error?.hint != nil)
    }
  }

  @Test func aConflictNamesTheRoute() throws {
    try withStore { store in
      try run("ip", "link", "add", "tun9", "type", "bridge")
      try run("ip", "link", "set", "tun9", "up")
      try run("ip", "route", "add", "10.0.0.0/8", "dev", "tun9")
      try run("ip", "route", "add", "172.16.0.0/13", "dev", "tun9", "table", "4711")
      try run("ip", "route", "add", "0.0.0.0/1", "dev", "tun9")
      var options = NetworkOptions(name: "back")
      options.subnets = ["10.90.0.0/24"]
      let request = options
      let error = #expect(throws: NetworkError.self) { _ = try store.prepareCreation(of: request) }
      #expect(error?.message == "the subnet 10.90.0.0/24 collides with the route 10.0.0.0/8 dev tun9")
      // Policy routing counts too, and the half of the world that a VPN client routes does not.
      let network = try store.ready("bridge")
      #expect(network.subnet.description == "172.24.0.0/24")
      let second = try store.perform(store.prepareCreation(of: NetworkOptions(name: "other")))
      #expect(second.subnet.description == "172.24.1.0/24")

      options.subnets = ["172.24.1.128/25"]
      let overlapping = options
      let ours = #expect(throws: NetworkError.self) { _ = try store.prepareCreation(of: overlapping) }
      #expect(ours?.message.contains("collides with network other") == true)
    }
  }

  /// After a boot: the bridge is gone and a VPN has taken the subnet.
  @Test func aChosenSubnetGivesWayAndAnAskedOneIsRefused() throws {
    try withStore { store in
      let network = try store.ready("bridge")
      var options = NetworkOptions(name: "back")
      options.subnets = ["10.90.0.0/24"]
      let back = try store.perform(store.prepareCreation(of: options))
      for bridge in [network.bridge, back.bridge] { try run("ip", "link", "delete", bridge) }
      try run("ip", "link", "add", "tun9", "type", "bridge")
      try run("ip", "link", "set", "tun9", "up")
      try run("ip", "route", "add", "172.16.0.0/12", "dev", "tun9")
      try run("ip", "route", "add", "10.0.0.0/8", "dev", "tun9")
      let moved = try store.ready("bridge")
      #expect(moved.subnet.description == "192.168.0.0/24" && moved.identifier == network.identifier)
      #expect(try store.read("bridge") == moved)
      let error = #expect(throws: NetworkError.self) { _ = try store.ready("back") }
      #expect(error?.message.contains("is taken by now by the route 10.0.0.0/8 dev tun9") == true)
    }
  }

  /// The same of IPv6; the addresses of IPv4 stay what they were.
  @Test func soItIsWithIPv6() throws {
    try withStore { store in
      var options = NetworkOptions(name: "six")
      options.hasIPv6 = true
      let six = try store.perform(store.prepareCreation(of: options))
      options.name = "asked"
      options.subnets = ["fd00:90::/64", "10.90.0.0/24"]
      let asked = try store.perform(store.prepareCreation(of: options))
      for bridge in [six.bridge, asked.bridge] { try run("ip", "link", "delete", bridge) }
      try run("ip", "link", "add", "tun9", "type", "bridge")
      try run("ip", "link", "set", "tun9", "up")
      let subnet6 = try #require(six.subnet6)
      let half = IPv6Prefix(subnet6.first, length: 32)
      try run("ip", "-6", "route", "add", "\(half)", "dev", "tun9")
      try run("ip", "-6", "route", "add", "fd00:90::/32", "dev", "tun9")
      let moved = try store.ready("six")
      #expect(moved.subnet == six.subnet && moved.identifier == six.identifier)
      let other = try #require(moved.subnet6)
      #expect(other != subnet6 && moved.gateway6 == IPv6Address(value: other.first.value + 1))
      #expect(try run("ip", "-6", "address", "show", "dev", moved.bridge).contains("\(other.first)1/64"))
      let error = #expect(throws: NetworkError.self) { _ = try store.ready("asked") }
      #expect(error?.message.contains("is taken by now by the route fd00:90::/32 dev tun9") == true)
    }
  }

  @Test func whatFailsInTheMiddleIsTakenBack() throws {
    try withStore { store in
      let prepared = try store.prepareCreation(of: NetworkOptions(name: "back"))
      // Somebody makes a link of the bridge's name in between: after the record and the firewall, before the forwarding.
      try run("ip", "link", "add", prepared.network.bridge, "type", "veth")
      let bridge = prepared.network.bridge
      do {
        _ = try store.perform(prepared)
        Issue.record("a link of that name was there")
      } catch let error as NetworkError {
        #expect(error.fault?.errno == .exists && error.hint?.contains(bridge) == true)
      }
      #expect(try store.all().isEmpty)
      #expect(try run("nft", "list", "ruleset").isEmpty)
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "0")
    }
  }

  @Test func twoAtOnceGetTwoSubnetsAndOneName() throws {
    try withStore { store in
      let namespace = try currentNamespace()
      let here = namespace.borrowed
      let others = (0..<6).map { number in
        background {
          try joinNamespace(here, .network)
          // Three want the same name, which only one of them gets.
          do {
            _ = try store.perform(store.prepareCreation(of: NetworkOptions(name: number < 3 ? "same" : "n\(number)")))
          } catch let error as NetworkError { #expect(error.message == "network same exists already") }
        }
      }
      for other in others { try other() }
      let networks = try store.all()
      #expect(networks.count == 4 && Set(networks.map(\.subnet)).count == 4)
      let rules = try run("nft", "list", "ruleset")
      for network in networks { #expect(rules.contains(network.bridge)) }
    }
  }
}
