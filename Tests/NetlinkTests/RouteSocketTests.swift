import Kernel
import Steps
import Synchronization
import Testing

@testable import Netlink

@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct RouteSocketTests {
  private static let pair = VethPair(
    host: "sk0000000000000", bridge: "skiff0", peer: "eth0",
    peerMac: MacAddress(for: IPv4Address(172, 17, 0, 2)))
  private static let gateway = IPv4Address(172, 17, 0, 1)

  @Test func bridgeVethAddressAndRouteAreWhatIpShows() throws {
    let peer = try makeNamespace()
    let inside = peer.borrowed
    // Kept: with the other end of its cable the peer goes too.
    let home = try makeNamespace()
    try inNamespace(home.borrowed) {
      var host = try RouteSocket()
      let mac = try #require(MacAddress("02:42:00:00:00:01"))
      try host.perform(.makeBridge(name: "skiff0", mac: mac), container: nil)
      #expect(try host.link("skiff0")?.isUp == false)
      try host.perform(.setUp("skiff0"), container: nil)
      try host.perform(.addAddress("skiff0", IPv4Prefix(Self.gateway, length: 24)), container: nil)
      try host.perform(.makeVeth(Self.pair), container: inside)

      let bridge = try #require(try host.link("skiff0"))
      let veth = try #require(try host.link(Self.pair.host))
      #expect(bridge.kind == "bridge" && bridge.isUp && bridge.mac == mac && bridge.mtu == 1500)
      #expect(veth.kind == "veth" && veth.isUp && veth.master == bridge.index)
      #expect(try host.links().map(\.name).contains("skiff0"))
      #expect(
        try host.addresses(of: bridge.index).map(\.prefix) == [IPv4Prefix(Self.gateway, length: 24)])
      #expect(try host.addresses(of: veth.index).isEmpty)
      #expect(try host.addresses(of: 4711).isEmpty)
      let routes = try host.routes()
      #expect(
        routes.contains {
          $0.destination.description == "172.17.0.0/24" && $0.output == bridge.index && $0.table == 254
        })

      #expect(try run("ip", "-d", "link", "show", "skiff0").contains("bridge "))
      #expect(
        try run("ip", "address", "show", "skiff0").contains("inet 172.17.0.1/24 brd 172.17.0.255 scope global skiff0"))
      #expect(try run("ip", "link", "show", "master", "skiff0").contains(Self.pair.host))
    }
    try inNamespace(inside) {
      var socket = try RouteSocket()
      // The peer is there under its final name, and still down.
      let eth0 = try #require(try socket.link("eth0"))
      #expect(!eth0.isUp && eth0.mac?.description == "02:42:ac:11:00:02")
      let link = LinkName("eth0", index: eth0.index)
      try perform(.setUp(.loopback))
      try perform(.addAddress(link, IPv4Prefix(IPv4Address(172, 17, 0, 2), length: 24)))
      try perform(.setUp(link))
      try perform(.addDefaultRoute(gateway: Self.gateway, link))
      let shown = try run("ip", "address")
      #expect(shown.contains("inet 127.0.0.1/8 scope host lo"))
      #expect(
        shown.contains("\(eth0.index): eth0@")
          && shown.contains("inet 172.17.0.2/24 brd 172.17.0.255 scope global eth0"))
      #expect(try run("ip", "route").contains("default via 172.17.0.1 dev eth0"))
    }
  }

  @Test func renameAndHardwareAddress() throws {
    try inNewNamespace {
      let mac = try #require(MacAddress("02:00:00:00:00:07"))
      try perform(.makeBridge(name: "before", mac: MacAddress(value: 0x0200_0000_0001)))
      try perform(.rename("before", to: "after"))
      try perform(.setMacAddress("after", mac))
      var socket = try RouteSocket()
      #expect(try socket.link("before") == nil)
      #expect(try socket.link("after")?.mac == mac)
      try perform(.deleteLink("after"))
      #expect(try socket.link("after") == nil)
    }
  }

  /// A container that starts again has its old name, while the kernel may still take its last namespace apart.
  @Test func aVethOfAnEarlierRunGivesWay() throws {
    let first = try makeNamespace()
    let second = try makeNamespace()
    let (one, two) = (first.borrowed, second.borrowed)
    let home = try makeNamespace()
    try inNamespace(home.borrowed) {
      try perform(.makeBridge(name: "skiff0", mac: MacAddress(value: 0x0200_0000_0001)))
      try perform(.makeVeth(Self.pair), container: one)
      try perform(.makeVeth(Self.pair), container: two)
      var socket = try RouteSocket()
      #expect(try socket.links().filter { $0.kind == "veth" }.map(\.name) == [Self.pair.host])
    }
    for (namespace, isThere) in [(one, false), (two, true)] {
      try inNamespace(namespace) {
        var socket = try RouteSocket()
        #expect(try (socket.link("eth0") != nil) == isThere)
      }
    }
  }

  @Test func faultsNameTheCallItsArgumentsAndTheReason() throws {
    try inNewNamespace {
      var socket = try RouteSocket()
      try socket.perform(.makeBridge(name: "b0", mac: MacAddress(value: 0x0200_0000_0001)), container: nil)

      let again = #expect(throws: Fault.self) {
        try socket.perform(.makeBridge(name: "b0", mac: MacAddress(value: 2)), container: nil)
      }
      #expect(again?.errno == .exists && again?.operation == "RTM_NEWLINK" && again?.hint?.contains("b0") == true)

      let missing = #expect(throws: Fault.self) { try socket.perform(.setUp("nowhere"), container: nil) }
      #expect(missing?.errno == .noSuchDevice && missing?.arguments.contains("nowhere") == true)

      // The kernel's own words: the gateway of a route must be reachable.
      let route = #expect(throws: Fault.self) {
        try socket.perform(.addDefaultRoute(gateway: IPv4Address(10, 9, 8, 7), "b0"), container: nil)
      }
      #expect(route?.hint?.hasPrefix("the kernel says: ") == true, "\(String(describing: route))")

      for name in ["", "sixteen-bytes-xx", "a/b", "a b", ".", "..", "a:b"] {
        let fault = #expect(throws: Fault.self) {
          try socket.perform(.makeBridge(name: name, mac: MacAddress(value: 2)), container: nil)
        }
        #expect(fault?.errno == .invalid)
      }
      // After all these refusals the socket still answers in step.
      #expect(try socket.link("b0")?.name == "b0")
    }
  }

  @Test func aDumpOfManyDatagramsIsWhole() throws {
    try inNewNamespace {
      var socket = try RouteSocket()
      for number in 0..<80 {
        try socket.perform(
          .makeBridge(name: "b\(number)", mac: MacAddress(value: 0x0200_0000_0000 | UInt64(number))), container: nil)
      }
      let names = Set(try socket.links().map(\.name))
      #expect(names.isSuperset(of: (0..<80).map { "b\($0)" }))
    }
  }

  @Test func aDumpThatChangesMeanwhileIsReadAgain() throws {
    try inNewNamespace {
      for number in 0..<80 {
        try perform(.makeBridge(name: "b\(number)", mac: MacAddress(value: UInt64(number + 2) << 8)))
      }
      let namespace = try currentNamespace()
      let other = namespace.borrowed
      let isDone = Mutex(false)
      // Another thread changes the list for as long as it is read.
      let writer = background {
        try joinNamespace(other, .network)
        try perform(.makeBridge(name: "x", mac: MacAddress(value: 0x0400_0000_0000)))
        var round = -1
        while !isDone.withLock({ $0 }) {
          round += 1
          try perform(.rename(LinkName(round % 2 == 0 ? "x" : "y"), to: round % 2 == 0 ? "y" : "x"))
        }
      }
      var socket = try RouteSocket()
      for _ in 0..<40 {
        let stable = try socket.links().map(\.name).filter { $0.hasPrefix("b") }
        #expect(stable.count == 80 && Set(stable).count == 80)
      }
      isDone.withLock { $0 = true }
      try writer()
    }
  }

  @Test func sysctlsAreOfTheCallersNamespace() throws {
    let before = try readText("/proc/sys/net/ipv4/ip_forward")
    try inNewNamespace {
      let step = NetworkStep.setSysctl(key: "net/ipv4/ip_forward", value: "1", before: "0")
      try perform(step)
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "1")
      try perform(#require(step.undo))
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "0")
    }
    #expect(try readText("/proc/sys/net/ipv4/ip_forward") == before)
  }

  /// As kernels before 6.2 want it: IPv6 addresses are there again afterwards, IPv4 ones never went.
  @Test func whatIsRenamedWhileDownIsAsItWas() throws {
    try inNewNamespace {
      try perform(.makeBridge(name: "one", mac: MacAddress(value: 0x0200_0000_0001)))
      try perform(.setUp("one"))
      try perform(.addAddress("one", IPv4Prefix(IPv4Address(10, 1, 0, 1), length: 24)))
      try perform(.addAddress6("one", try #require(IPv6Prefix("fd00::1/64"))))
      var socket = try RouteSocket()
      let before = try #require(try socket.link("one"))
      try socket.renameWhileDown("one", before.index, to: "two")
      let after = try #require(try socket.link("two"))
      #expect(after.isUp && after.index == before.index)
      #expect(try socket.link("one") == nil)
      #expect(try socket.addresses(of: after.index).map(\.prefix.description) == ["10.1.0.1/24"])
      #expect(try socket.addresses6(of: after.index).contains { $0.prefix.description == "fd00::1/64" })
      // Where the name is somebody else's all is as it was.
      try perform(.makeBridge(name: "three", mac: MacAddress(value: 0x0200_0000_0003)))
      #expect(throws: Fault.self) { try socket.renameWhileDown("two", after.index, to: "three") }
      #expect(try socket.link("two")?.isUp == true)
      #expect(try socket.addresses6(of: after.index).contains { $0.prefix.description == "fd00::1/64" })
    }
  }
}
