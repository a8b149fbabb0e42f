import Firewall
import Kernel
import Steps
import Testing

private let missing =
  namespacesAreMissing ?? (isInstalled("nft") ? nil : "nft is not installed (Debian package nftables)")

/// What we write is what nft(8) reads back, and the same as what nft itself makes of our script.
@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct FirewallSocketTests {
  /// One of everything.
  static func change(_ networks: Int = 2) -> FirewallChange {
    let web = IPv4Address(value: 0xac11_0002)
    let bridges = (0..<networks).map { "br\($0)" }
    let prefixes = (0..<networks).map { IPv4Prefix(IPv4Address(value: 0xac11_0000 + UInt32($0) << 8), length: 24) }
    return FirewallChange(
      table: "skiff",
      [
        .addTable, .deleteTable, .addTable,
        .addSet(FirewallSet("bridges", .interfaces(bridges))),
        .addSet(FirewallSet("within", .interfacePairs(bridges.map { InterfacePair(input: $0, output: $0) }))),
        .addSet(
          FirewallSet("subnets", .prefixes(prefixes))),
        .addSet(FirewallSet("nothing", .interfaces([]))),
        .addMap(
          PortMap(
            "everywhere", isByAddress: false,
            [PortEntry(.tcp, port: 8080, to: web, 80), PortEntry(.udp, port: 53, to: web, 5353)])),
        .addMap(
          PortMap(
            "addressed", isByAddress: true,
            [PortEntry(.sctp, address: IPv4Address("127.0.0.1"), port: 65535, to: web, 1)])),
        .addMap(PortMap("empty", isByAddress: true, [])),
        .addSet(
          FirewallSet("subnets6", .prefixes6([IPv6Prefix("fd00:1::/64"), IPv6Prefix("ff00::/8")].compactMap { $0 }))),
        .addMap(
          PortMap(
            "everywhere6", isByAddress: false, isIPv6: true,
            [PortEntry(.tcp, address: nil, port: 8080, to: .v6(IPv6Address(value: 0xfd << 120 | 2)), 80)])),
        .addMap(
          PortMap(
            "addressed6", isByAddress: true, isIPv6: true,
            [
              PortEntry(
                .udp, address: .v6(IPv6Address(value: 0xfd << 120 | 1)), port: 53,
                to: .v6(IPv6Address(value: 0xfd << 120 | 2)), 5353)
            ])),
        .addChain(FirewallChain("arrival", .arrival)),
        .addRule(
          chain: "arrival", FirewallRule([.toLoopbackFromOutside], .drop, comment: "the loopback is not for others")),
        .addChain(FirewallChain("prerouting", .prerouting)),
        .addRule(
          chain: "prerouting",
          FirewallRule([.toThisHost], .destination(inMap: "addressed", isByAddress: true), comment: "one address")),
        .addRule(
          chain: "prerouting",
          FirewallRule([.toThisHost], .destination(inMap: "everywhere", isByAddress: false), comment: "all addresses")),
        .addRule(
          chain: "prerouting",
          FirewallRule([.toThisHost], .destination6(inMap: "addressed6", isByAddress: true), comment: "one of IPv6")),
        .addRule(
          chain: "prerouting",
          FirewallRule(
            [.notToLoopback6, .toThisHost], .destination6(inMap: "everywhere6", isByAddress: false),
            comment: "all of IPv6")),
        .addChain(FirewallChain("output", .output)),
        .addRule(chain: "output", FirewallRule([.translated], .accept, comment: "translated")),
        .addChain(FirewallChain("forward", .forward)),
        .addRule(chain: "forward", FirewallRule([.path(inSet: "within")], .accept, comment: "one network")),
        .addRule(
          chain: "forward",
          FirewallRule([.input(inSet: "bridges"), .output(inSet: "bridges")], .drop, comment: "apart")),
        .addRule(
          chain: "forward",
          FirewallRule([.output(inSet: "bridges"), .establishedOrRelated], .accept, comment: "answers")),
        .addChain(FirewallChain("postrouting", .postrouting)),
        .addRule(
          chain: "postrouting",
          FirewallRule([.source(inSet: "subnets"), .outputNot(inSet: "bridges")], .masquerade, comment: "masquerade")),
        .addRule(
          chain: "postrouting",
          FirewallRule([.fromLoopback, .output(inSet: "bridges")], .masquerade, comment: "the host's own")),
        .addRule(
          chain: "postrouting",
          FirewallRule([.source6(inSet: "subnets6"), .outputNot(inSet: "bridges")], .masquerade, comment: "IPv6")),
        .addRule(chain: "postrouting", FirewallRule([.isIPv4], .accept, comment: "IPv4 alone")),
        .addRule(chain: "postrouting", FirewallRule([.isIPv6], .accept, comment: "IPv6 alone")),
      ] + NameRedirect.change.operations.filter { $0 != .addTable })
  }

  /// Elements of hashed sets come in any order.
  private static func listing() throws -> [String] {
    let lines = try run("nft", "list", "ruleset").split(separator: "\n").map(String.init)
    return lines.map { line in
      guard line.contains("elements") || line.contains("\"br") else { return line }
      return line.split { " ,\t{}=".contains($0) }.sorted().joined(separator: " ")
    }
  }

  /// Elements come and go in a table that stays; one entry leads elsewhere afterwards.
  static var elements: FirewallChange {
    let web = IPv4Address(value: 0xac11_0002)
    let callers = [
      Caller(.v4(IPv4Address(value: 0)), .v4(IPv4Address(value: .max)), .tcp, port: 81),
      Caller(.v4(IPv4Address(10, 0, 0, 1)), .v4(IPv4Address(10, 0, 0, 9)), .udp, port: 81),
    ]
    let callers6 = [
      Caller(.v6(IPv6Address(value: 0)), .v6(IPv6Address(value: .max)), .tcp, port: 81),
      Caller(link: "eth0", .v6(IPv6Address(value: 1)), .v6(IPv6Address(value: 9 << 64)), .udp, port: 81),
    ]
    return FirewallChange(
      table: "skiff",
      [
        .addSet(FirewallSet("callers", .callers(callers))),
        .addSet(FirewallSet("callers6", .callers6([callers6[0]]))),
        .addSet(FirewallSet("callers6_by_link", .callers6ByLink([callers6[1]]))),
        .addRule(
          chain: "prerouting",
          FirewallRule(
            [.caller6Not(inSet: "callers6"), .caller6ByLinkNot(inSet: "callers6_by_link")], .accept, comment: "gate")),
        .deleteEntries(PortMap("everywhere", isByAddress: false, [PortEntry(.tcp, port: 8080, to: web, 80)])),
        .deleteElements(FirewallSet("bridges", .interfaces(["br0"]))),
        .addEntries(
          PortMap(
            "everywhere", isByAddress: false,
            [PortEntry(.tcp, port: 8080, to: web, 81), PortEntry(.tcp, port: 9, to: web, 9)])),
        .addElements(FirewallSet("bridges", .interfaces(["eth7", "eth8"]))),
        .deleteElements(FirewallSet("callers", .callers([callers[1]]))),
        .deleteEntries(
          PortMap(
            "addressed", isByAddress: true,
            [PortEntry(.sctp, address: IPv4Address("127.0.0.1"), port: 65535, to: web, 1)])),
        .deleteElements(
          FirewallSet("subnets6", .prefixes6([IPv6Prefix("fd00:1::/64")].compactMap { $0 }))),
      ])
  }

  @Test func theTableIsWhatNftMakesOfTheScript() throws {
    let changes = [Self.change(), Self.elements]
    let ours = try inNewNamespace {
      var socket = try FirewallSocket()
      for change in changes { try socket.apply(change) }
      return try Self.listing()
    }
    let theirs = try inNewNamespace {
      for change in changes {
        let file = try makeMemoryFile("script")
        try file.borrowed.write(change.script)
        try run("nft", "-f", "/proc/\(processIdentifier())/fd/\(file.rawValue)")
      }
      return try Self.listing()
    }
    #expect(ours == theirs)
    #expect(ours.joined().contains("ip saddr @subnets oifname != @bridges masquerade comment \"masquerade\""))
    #expect(ours.contains { $0.contains("172.17.0.0/23") || $0.contains("172.17.0.0/24") })
  }

  @Test func replacingIsAtomicAndLeavesOtherTablesAlone() throws {
    try inNewNamespace {
      try run("nft", "add", "table", "inet", "theirs")
      var socket = try FirewallSocket()
      try socket.apply(Self.change(2))
      try socket.apply(Self.change(3))
      let text = try run("nft", "list", "ruleset")
      #expect(text.contains("table inet theirs") && text.contains("br2"))
      #expect(text.components(of: "chain forward") == 1)

      // The last operation of this one is refused: nothing of it may stay.
      var broken = Self.change(9)
      broken.operations.append(.addRule(chain: "nowhere", FirewallRule([], .drop, comment: "")))
      let fault = #expect(throws: Fault.self) { try socket.apply(broken) }
      #expect(fault?.errno == .noSuchFile && fault?.operation == "nf_tables")
      #expect(try run("nft", "list", "ruleset") == text)

      try socket.apply(FirewallChange(table: "skiff", [.deleteTable]))
      #expect(try !run("nft", "list", "ruleset").contains("skiff"))
      #expect(throws: Fault.self) { try socket.apply(FirewallChange(table: "skiff", [.deleteTable])) }
    }
  }

  @Test func manyNetworksInOneTransaction() throws {
    try inNewNamespace {
      var socket = try FirewallSocket()
      try socket.apply(Self.change(3000))
      #expect(try run("nft", "list", "set", "inet", "skiff", "bridges").components(of: "\"br") == 3000)
    }
  }

  @Test func theMarkSeesEveryChange() throws {
    try inNewNamespace {
      var socket = try FirewallSocket()
      let sets = Self.change().operations.compactMap {
        switch $0 {
        case .addSet(let set): set.name
        case .addMap(let map): map.name
        default: nil
        }
      }
      #expect(try socket.mark(of: "skiff", sets: sets) == nil)
      try socket.apply(Self.change())
      let generation = try socket.generation()
      let before = try #require(try socket.mark(of: "skiff", sets: sets))
      #expect(try socket.mark(of: "skiff", sets: sets) == before)
      #expect(try socket.generation() == generation)

      // Of elements it is known beforehand, and after they came and went too.
      #expect(before.elements == Self.change().elementMark)
      try socket.apply(Self.elements)
      let changed = try #require(
        try socket.mark(of: "skiff", sets: sets + ["callers", "callers6", "callers6_by_link"]))
      #expect(changed.elements == before.elements &+ Self.elements.elementMark)
      #expect(changed.elements != before.elements)
      // A set more is another frame; one transaction is one number further.
      #expect(try changed.frame != before.frame && socket.generation() == generation + 1)
      try socket.apply(Self.change())

      // Another table's change is another generation, and not another table of ours.
      try run("nft", "add", "table", "inet", "theirs")
      #expect(try socket.generation() == generation + 3)
      #expect(try socket.mark(of: "skiff", sets: sets)?.elements == before.elements)

      let damage: [[String]] = [
        ["flush", "chain", "inet", "skiff", "forward"], ["add", "element", "inet", "skiff", "bridges", "{ eth9 }"],
        ["delete", "element", "inet", "skiff", "subnets", "{ 172.17.0.0/24 }"],
        ["add", "rule", "inet", "skiff", "forward", "accept"],
        ["add", "chain", "inet", "skiff", "forward", "{ policy drop; }"], ["flush", "ruleset"],
      ]
      for command in damage {
        try socket.apply(Self.change())
        let whole = try #require(try socket.mark(of: "skiff", sets: sets))
        try run("nft", arguments: command)
        #expect(try socket.mark(of: "skiff", sets: sets) != whole, "\(command)")
      }
    }
  }

  /// nf_tables refuses a generation that another writer overtook; both writers must get their rules in all the same.
  @Test func writersAtTheSameTimeDoNotFail() throws {
    try inNewNamespace {
      let namespace = try currentNamespace()
      let here = namespace.borrowed
      let other = background {
        try joinNamespace(here, .network)
        for round in 0..<60 { try run("nft", "add table inet t\(round); delete table inet t\(round)") }
      }
      var socket = try FirewallSocket()
      for round in 0..<300 {
        try socket.apply(Self.change(round % 5 + 1))
        _ = try socket.mark(of: "skiff", sets: ["bridges"])
      }
      try other()
    }
  }
}

extension String {
  func components(of part: String) -> Int {
    var count = 0
    var rest = self[...]
    while let found = rest.firstRange(of: part) {
      count += 1
      rest = rest[found.upperBound...]
    }
    return count
  }
}
