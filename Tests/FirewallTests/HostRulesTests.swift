import Kernel
import Testing

@testable import Firewall
@testable import Netlink

/// What rules say to a packet of either family, and that no answer of a kernel, cut or damaged, is more than read.
@Suite struct HostRulesTests {
  private static func v4(_ text: String) -> IPAddress {
    IPv4Address(text).map { .v4($0) } ?? .v4(IPv4Address(value: 0))
  }
  private static func v6(_ text: String) -> IPAddress {
    IPv6Address(text).map { .v6($0) } ?? .v6(IPv6Address(value: 0))
  }

  private static func chain(_ table: String, _ rules: [HostRules.Rule], drops: Bool = true) -> HostRules.Chain {
    HostRules.Chain(table: table, name: "input", hook: .input, policyDrops: drops, rules: rules)
  }

  private static func accepted(_ chains: [HostRules.Chain], _ family: AddressSet.Family) -> AddressSet {
    var rules = HostRules()
    rules.chains = chains
    return rules.ruling(Flow(from: "eth0", family: family, port: 80)).accepted
  }

  @Test func eachFamilyHasItsTables() {
    for (table, v4, v6) in [
      ("ip filter", false, true), ("ip6 filter", true, false), ("inet filter", false, false),
      ("iptables-legacy filter", false, true), ("ip6tables-legacy filter", true, false),
    ] {
      #expect(Self.accepted([Self.chain(table, [])], .v4).isAll == v4, "\(table)")
      #expect(Self.accepted([Self.chain(table, [])], .v6).isAll == v6, "\(table)")
    }
  }

  /// nft writes a prefix as so many bytes, or behind a mask; and where the family matters, it asks for it first.
  @Test func sourcesOfBothFamilies() {
    let byBytes = HostRules.Rule(
      tests: [.compare(.network(offset: 8, count: 2), .equal, [0xfd, 0x00])], outcome: .accept)
    let byMask = HostRules.Rule(
      tests: [
        .compare(
          .masked(
            .network(offset: 8, count: 16), mask: [255, 255, 254] + [UInt8](repeating: 0, count: 13),
            xor: [UInt8](repeating: 0, count: 16)), .equal, [0x20, 0x01, 0x0c] + [UInt8](repeating: 0, count: 13))
      ], outcome: .accept)
    #expect(Self.accepted([Self.chain("ip6 filter", [byBytes])], .v6).description == "fd00::/16")
    #expect(Self.accepted([Self.chain("ip6 filter", [byMask])], .v6).description == "2001:c00::/23")
    let ofIPv4 = HostRules.Rule(
      tests: [.compare(.family, .equal, [2]), .compare(.network(offset: 12, count: 4), .equal, [10, 0, 0, 9])],
      outcome: .accept)
    #expect(Self.accepted([Self.chain("inet filter", [ofIPv4])], .v4).description == "10.0.0.9")
    #expect(Self.accepted([Self.chain("inet filter", [ofIPv4])], .v6).isEmpty)
    // The same bytes of the other family's header are something else: nobody is let in by a misreading.
    let bare = HostRules.Rule(
      tests: [.compare(.network(offset: 12, count: 4), .equal, [10, 0, 0, 9])], outcome: .accept)
    #expect(Self.accepted([Self.chain("inet filter", [bare])], .v6).isEmpty)
  }

  @Test func setsOfAddresses() throws {
    let (low, high) = (Self.v6("fd00::1"), Self.v6("fd00::ff"))
    let set = AddressSet(.v6, [(first: try #require(low.v6).value, last: try #require(high.v6).value)])
    #expect(set.contains(Self.v6("fd00::80")) && !set.contains(Self.v6("fd00::100")))
    #expect(!set.contains(Self.v4("10.0.0.1")))
    #expect(set.union(set.complement).isAll && set.intersection(set.complement).isEmpty)
    #expect(set.complement.complement == set && AddressSet.all(.v6).complement.isEmpty)
    // As prefixes they are the same addresses, without one twice.
    for set in [set, set.complement, .all(.v6), .all(.v4), AddressSet(.v4, [(1, 6), (9, 9)])] {
      let pieces = set.prefixes.map { prefix -> AddressSet in
        switch prefix.address {
        case .v4(let address): AddressSet(IPv4Prefix(address, length: UInt8(prefix.length)))
        case .v6(let address): AddressSet(IPv6Prefix(address, length: UInt8(prefix.length)))
        }
      }
      #expect(pieces.reduce(AddressSet.none(set.family)) { $0.union($1) } == set)
      for (index, piece) in pieces.enumerated() {
        #expect(pieces[..<index].allSatisfy { $0.intersection(piece).isEmpty })
      }
    }
    #expect(set.complement.bounds.last?.last == Self.v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
  }

  // MARK: - Bytes

  /// struct ipt_entry or ip6t_entry: one that lets a source in and goes to a verdict.
  private static func entry(
    _ family: AddressSet.Family, source: [UInt8], mask: [UInt8], verdict: Int32, target: String = ""
  ) -> [UInt8] {
    let size = family.size
    let begin = family == .v4 ? 112 : 168
    var bytes = [UInt8](repeating: 0, count: begin + 40)
    bytes.replaceSubrange(0..<source.count, with: source)
    bytes.replaceSubrange((2 * size)..<(2 * size + mask.count), with: mask)
    let offsets = family == .v4 ? 88 : 140
    bytes[offsets] = UInt8(begin)
    bytes[offsets + 2] = UInt8(begin + 40)
    bytes[begin] = 40
    bytes.replaceSubrange((begin + 2)..<(begin + 2 + target.utf8.count), with: Array(target.utf8))
    let word = UInt32(bitPattern: verdict)
    for index in 0..<4 { bytes[begin + 32 + index] = UInt8(truncatingIfNeeded: word >> UInt32(8 * index)) }
    return bytes
  }

  /// struct ipt_getinfo: at 36 where each hook's chain begins, at 56 where its policy is.
  private static func information(input: (UInt8, UInt8), forward: (UInt8, UInt8), output: (UInt8, UInt8)) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 84)
    for (hook, place) in [(1, input), (2, forward), (3, output)] {
      bytes[36 + 4 * hook] = place.0
      bytes[56 + 4 * hook] = place.1
    }
    return bytes
  }

  @Test func legacyTablesOfBothFamilies() throws {
    for (family, source, name) in [
      (AddressSet.Family.v4, [10, 0, 0, 0] as [UInt8], "10.0.0.0/8"), (.v6, [0xfd, 0], "fd00::/8"),
    ] {
      let entries =
        Self.entry(family, source: source, mask: [255], verdict: -2)
        + Self.entry(family, source: [], mask: [], verdict: -1)
      let length = UInt8(entries.count / 2)
      let chains = try legacyChains(
        family, information: Self.information(input: (0, length), forward: (255, 255), output: (255, 255))[...],
        entries: entries[...])
      #expect(chains.map(\.name) == ["INPUT"] && chains[0].policyDrops && chains[0].isLegacy)
      #expect(Self.accepted(chains, family).description == name)
      // Cut anywhere, or with any byte another one: it is read as something, and it ends.
      for index in entries.indices {
        let information = Self.information(input: (0, length), forward: (0, length), output: (length, 0))
        _ = try legacyChains(family, information: information[...], entries: entries[..<index])
        var damaged = entries
        for value in [0, 1, 0x7f, 0xff] as [UInt8] {
          damaged[index] = value
          _ = try legacyChains(family, information: information[...], entries: damaged[...])
        }
      }
    }
    for count in 0..<68 {
      let fault = #expect(throws: Fault.self) {
        try legacyChains(.v4, information: [UInt8](repeating: 0, count: count)[...], entries: [])
      }
      #expect(fault?.errno == .badMessage)
    }
  }

  /// One of many expressions: a meta, a payload behind a mask, a comparison, a lookup, a verdict.
  static var rule: [UInt8] {
    var writer = MessageWriter()
    func add(_ name: String, _ body: (inout MessageWriter) -> Void) {
      writer.nest(1) {
        $0.attribute(1, text: name)
        $0.nest(2, body)
      }
    }
    add("meta") {
      $0.attribute(2, bigEndian: 16)
      $0.attribute(1, bigEndian: 1)
    }
    add("cmp") {
      $0.attribute(1, bigEndian: 1)
      $0.attribute(2, bigEndian: 0)
      $0.nest(3) { $0.attribute(1, [6]) }
    }
    add("payload") {
      $0.attribute(1, bigEndian: 1)
      $0.attribute(2, bigEndian: 1)
      $0.attribute(3, bigEndian: 8)
      $0.attribute(4, bigEndian: 16)
    }
    add("bitwise") {
      $0.attribute(1, bigEndian: 1)
      $0.attribute(2, bigEndian: 1)
      $0.nest(4) { $0.attribute(1, [255] + [UInt8](repeating: 0, count: 15)) }
      $0.nest(5) { $0.attribute(1, [UInt8](repeating: 0, count: 16)) }
    }
    add("cmp") {
      $0.attribute(1, bigEndian: 1)
      $0.attribute(2, bigEndian: 0)
      $0.nest(3) { $0.attribute(1, [0xfd] + [UInt8](repeating: 0, count: 15)) }
    }
    add("immediate") {
      $0.attribute(1, bigEndian: 0)
      $0.nest(2) { $0.nest(2) { $0.attribute(1, bigEndian: 1) } }
    }
    return writer.bytes
  }

  @Test func aRuleIsReadBack() throws {
    var reader = RuleReader()
    try reader.read(Self.rule[...])
    #expect(reader.rule.outcome == .accept)
    #expect(Self.accepted([Self.chain("ip6 filter", [reader.rule])], .v6).description == "fd00::/8")
    #expect(Self.accepted([Self.chain("ip filter", [reader.rule])], .v4).isEmpty)
    for index in Self.rule.indices {
      for value in [0, 1, 8, 0x7f, 0xff] as [UInt8] {
        var damaged = Self.rule
        damaged[index] = value
        var reader = RuleReader()
        _ = try? reader.read(damaged[...])
        _ = Self.accepted([Self.chain("inet filter", [reader.rule])], .v6)
      }
      var cut = RuleReader()
      _ = try? cut.read(Self.rule[..<index])
    }
  }
}
