internal import Kernel

/// The filter rules of everybody else on this host, so far as they decide about what is forwarded or comes in: nf_tables'
/// own, iptables' in both its forms. They are read and asked, never changed.
package struct HostRules: Sendable {
  package enum Hook: UInt32, Sendable { case input = 1, forward = 2 }

  struct Chain: Sendable {
    /// `ip filter`, `inet firewalld`, `iptables-legacy filter`, `ip6 filter`.
    var table: String
    /// By getsockopt(2): no table of nf_tables.
    var isLegacy: Bool { table.hasPrefix("iptables-legacy") || table.hasPrefix("ip6tables-legacy") }
    /// Whether packets of that family come by there.
    func sees(_ family: AddressSet.Family) -> Bool {
      switch table.prefix(while: { $0 != " " }) {
      case "ip", "iptables-legacy": family == .v4
      case "ip6", "ip6tables-legacy": family == .v6
      default: true
      }
    }
    var name: String
    /// Of a base chain.
    var hook: Hook?
    var priority: Int32 = 0
    var policyDrops = false
    var rules: [Rule] = []
  }

  struct Rule: Sendable {
    var handle: UInt64 = 0
    var tests: [Test] = []
    /// In order; the first that is final ends the rule.
    var outcome = Outcome.none
  }

  indirect enum Outcome: Hashable, Sendable {
    case none, accept, drop, leave
    case jump(String)
    case goTo(String)
    /// What the map has for the value.
    case byMap(String, [Field])
  }

  /// What a rule looks at.
  enum Field: Hashable, Sendable {
    case input, output, inputIndex, outputIndex, family, etherType, transport, state, status, mark, flags
    case destinationPort, addressType
    /// Bytes of the network's header; what they are depends on the packet's family.
    case network(offset: Int, count: Int)
    case unknown
    /// Behind a mask.
    indirect case masked(Field, mask: [UInt8], xor: [UInt8])
  }

  enum Test: Sendable {
    case compare(Field, Operator, [UInt8])
    case range(Field, Ends, isInverted: Bool)
    case lookUp([Field], set: String, isInverted: Bool)
    case ports([ClosedRange<UInt16>], isInverted: Bool)
    /// States of the connection, as xtables has them in bits.
    case states(UInt32, isInverted: Bool)
    /// Always so, or never.
    case known(Bool)
    case unknown
  }

  enum Operator: UInt32, Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }

  var chains: [Chain] = []
  /// Rules of ours among them.
  package internal(set) var own: [OwnRule] = []
  /// By `table`, a space, and the name.
  var sets: [String: ElementSet] = [:]

  package init() {}

  /// The number of a table's family and its name, of `inet firewalld`.
  static func parts(of table: String) -> (family: UInt8, name: String)? {
    let words = table.split(separator: " ", maxSplits: 1)
    guard words.count == 2 else { return nil }
    // NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6.
    let family: UInt8? =
      switch words[0] {
      case "inet": inetFamily
      case "ip": 2
      case "ip6": 10
      default: nil
      }
    return family.map { ($0, String(words[1])) }
  }

  /// Whether anything of others' filters here at all.
  package var isEmpty: Bool { !chains.contains { $0.hook != nil } }
}

/// A rule that we have put into somebody else's chain.
package struct OwnRule: Hashable, Sendable {
  package var table: String
  package var chain: String
  package var handle: UInt64
  package var comment: String
}

/// An interval of values of some length; both ends are in it.
struct Ends: Sendable {
  var lower: [UInt8]
  var upper: [UInt8]
}

/// The elements of a set or map.
struct ElementSet: Sendable {
  struct Element: Sendable {
    var key: [UInt8]
    /// The last key of an interval; the key itself otherwise.
    var end: [UInt8]
    var outcome: HostRules.Outcome?
  }
  var elements: [Element] = []
  /// Too large to be read, or of a kind that is not understood.
  var isOpaque = false

  func first(_ key: [UInt8]) -> Element? {
    elements.first { element in
      guard element.key.count == key.count else { return false }
      // Each part of a concatenation is in an interval of its own, in four-byte registers.
      var start = 0
      while start < key.count {
        let part = start..<(element.key == element.end || key.count <= 4 ? key.count : min(start + 4, key.count))
        if precedes(key[part], element.key[part]) || precedes(element.end[part], key[part]) { return false }
        start = part.upperBound
      }
      return true
    }
  }
}

func precedes(_ one: ArraySlice<UInt8>, _ two: ArraySlice<UInt8>) -> Bool { one.lexicographicallyPrecedes(two) }
