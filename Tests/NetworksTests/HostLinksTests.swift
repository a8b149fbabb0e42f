import Firewall
import Kernel
import Netlink
import Steps
import Testing

@testable import Networks

private let missing =
  namespacesAreMissing
  ?? (["nft", "ip"].allSatisfy(isInstalled) ? nil : "needs nft and ip (Debian packages nftables, iproute2)")

/// Of a host's links those are asked that its firewall tells apart, and the answer is the one that all of them would give.
@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct HostLinksTests {
  private static let links = ["eth0", "eth1", "docker0", "veth1", "veth2", "wan0", "wan1", "tap0"]
  private static let base = "add chain inet f in { type filter hook input priority 0; policy drop; }\n"

  private static func load(_ rules: String) throws {
    try run("nft", arguments: ["add table inet f\n" + rules])
  }

  private static func host(_ store: NetworkStore, allLinks: Bool = false) throws -> HostFirewall {
    var socket = try FirewallSocket()
    return try store.readHost(&socket, allLinks: allLinks)
  }

  private static let entries = [
    PortEntry(.tcp, port: 80, to: IPv4Address(172, 17, 0, 2), 80),
    PortEntry(.udp, port: 53, to: IPv4Address(172, 17, 0, 3), 53),
  ]

  @Test(arguments: [
    // Nothing about links, names, beginnings of names, numbers, sets, maps, concatenations, ranges.
    ("add rule inet f in tcp dport 80 ip saddr 10.0.0.0/8 accept", 1),
    ("add rule inet f in iifname lo accept; add rule inet f in iifname eth0 tcp dport 80 accept", 2),
    ("add rule inet f in iifname != eth0 tcp dport 80 accept", 2),
    ("add rule inet f in iifname docker0 drop; add rule inet f in tcp dport 80 accept", 2),
    ("add rule inet f in iifname \"veth*\" tcp dport 80 accept", 3),
    ("add rule inet f in iif eth1 tcp dport 80 accept; add rule inet f in udp dport 53 accept", 2),
    ("add rule inet f in iifname { wan0, wan1, gone0 } udp dport 53 accept", 3),
    ("add rule inet f in iifname . tcp dport { wan0 . 80, eth0 . 81 } accept", 3),
    (
      "add chain inet f one; add rule inet f one tcp dport 80 accept; add rule inet f in iifname vmap { wan0 : jump one, eth1 : drop }",
      3
    ),
    ("add rule inet f in oifname eth0 accept; add rule inet f in tcp dport 80 accept", 2),
  ])
  func fewAreAskedAndSpeakForAll(rules: String, count: Int) throws {
    try withStore { store in
      for name in Self.links { try run("ip", "link", "add", name, "type", "bridge") }
      try Self.load(Self.base + rules.replacing("; ", with: "\n"))
      let (few, all) = (try Self.host(store), try Self.host(store, allLinks: true))
      #expect(few.links.count == count, "\(few.links.map(\.name)) \(rules)")
      #expect(all.links.count == Self.links.count)
      let (one, other) = (few.callers(of: Self.entries), all.callers(of: Self.entries))
      #expect(Set(one.list) == Set(other.list) && one.isClosing == other.isClosing, "\(rules)")
      #expect(one.list.count == other.list.count)
      for entry in Self.entries {
        #expect((few.obstacle(on: entry, to: "skiff0") == nil) == (all.obstacle(on: entry, to: "skiff0") == nil))
      }
    }
  }

  /// The same few with two hundred more links, of which no rule has heard.
  @Test func itDoesNotGrowWithTheLinks() throws {
    try withStore { store in
      try run("ip", "link", "add", "eth0", "type", "bridge")
      try Self.load(Self.base + "add rule inet f in iifname eth0 tcp dport 80 accept")
      let before = try Self.host(store).links.count
      let batch = (0..<200).map { "link add d\($0) type bridge" }.joined(separator: "\n")
      try run("sh", "-c", "ip -batch - <<'END'\n\(batch)\nEND")
      let after = try Self.host(store).links.map(\.name)
      #expect(before == 1 && after.count == 2 && after.contains("eth0"), "\(before) \(after)")
    }
  }

  /// Of the bridge's own ports alone.
  @Test func portsOfABridge() throws {
    try withStore { _ in
      for command in [
        "link add br0 type bridge", "link add br1 type bridge", "link add va type veth peer name vb",
        "link add vc type veth peer name vd", "link set va master br0", "link set vc master br1",
      ] { try run("ip", arguments: command.split(separator: " ").map(String.init)) }
      var socket = try RouteSocket()
      var names: [String] = []
      let bridge = try #require(try socket.link("br0"))
      try socket.eachPort(of: bridge.index) { names.append($0.name) }
      #expect(names == ["va"])
      #expect(try socket.link(at: bridge.index)?.name == "br0" && socket.link(at: 4711) == nil)
      #expect(try someLink { $0.name == "vd" }?.name == "vd")
      #expect(try someLink { $0.name == "nobody" } == nil)
    }
  }
}
