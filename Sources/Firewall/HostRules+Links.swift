internal import Netlink

// Which links the rules tell from others. A host may have thousands, and most of them are the same to its firewall: of those one
// need be asked about.

/// Links that some rule is about.
package struct LinkMentions: Sendable {
  package private(set) var names: Set<String> = []
  package private(set) var indexes: Set<UInt32> = []
  /// Names from one to another, as they stand in a packet's register: `eth*` is such a range.
  private var ranges: [Ends] = []
  /// A rule looks at links in a way that is not understood: each is another matter.
  private var tellsAll = false

  /// Of no rules.
  package init() {}

  /// Whether what is mentioned may be more than the names and numbers.
  package var isWide: Bool { tellsAll || !ranges.isEmpty }

  package func tells(_ name: String, index: UInt32) -> Bool {
    if tellsAll || names.contains(name) || indexes.contains(index) { return true }
    let key = interfaceKey(name)
    return ranges.contains { !precedes(key[...], $0.lower[...]) && !precedes($0.upper[...], key[...]) }
  }
}

extension HostRules {
  package var linkMentions: LinkMentions {
    var found = LinkMentions()
    for chain in chains {
      for rule in chain.rules {
        for test in rule.tests {
          switch test {
          case .compare(let field, let operation, let value): found.add(field, operation, value)
          case .range(let field, let ends, _): found.add(field, from: ends.lower, to: ends.upper)
          case .lookUp(let fields, let set, _): found.add(fields, in: sets["\(chain.table) \(set)"])
          case .ports, .states, .known, .unknown: break
          }
        }
        if case .byMap(let map, let fields) = rule.outcome { found.add(fields, in: sets["\(chain.table) \(map)"]) }
      }
    }
    return found
  }

  /// The sets and maps of a table that its rules look into.
  func setNames(of table: String) -> Set<String> {
    var names: Set<String> = []
    for chain in chains where chain.table == table {
      for rule in chain.rules {
        for test in rule.tests { if case .lookUp(_, let set, _) = test { names.insert(set) } }
        if case .byMap(let map, _) = rule.outcome { names.insert(map) }
      }
    }
    return names
  }
}

extension HostRules.Field {
  fileprivate enum Kind { case name, index, other }

  fileprivate var kind: Kind {
    switch self {
    case .input, .output: .name
    case .inputIndex, .outputIndex: .index
    case .masked(let inner, _, _): inner.kind
    default: .other
    }
  }

  /// In bytes, as a key of a set has it; nil for what nobody knows.
  fileprivate var size: Int? {
    switch self {
    case .input, .output: 16
    case .inputIndex, .outputIndex, .state, .status, .mark, .addressType: 4
    case .family, .transport, .flags: 1
    case .etherType, .destinationPort: 2
    case .network(_, let count): count
    case .masked(_, let mask, _): mask.count
    case .unknown: nil
    }
  }
}

extension LinkMentions {
  fileprivate mutating func add(_ field: HostRules.Field, _ operation: HostRules.Operator, _ value: [UInt8]) {
    guard field.kind != .other else { return }
    guard operation == .equal || operation == .notEqual else {
      tellsAll = true
      return
    }
    switch field {
    case .input, .output: add(beginning: value)
    case .inputIndex, .outputIndex: add(number: value)
    // As iptables has it: ones as far as the name, or its beginning, goes.
    case .masked(let inner, let mask, let xor) where inner == .input || inner == .output:
      let count = mask.prefix { $0 == 255 }.count
      guard mask.dropFirst(count).allSatisfy({ $0 == 0 }), xor.allSatisfy({ $0 == 0 }) else {
        tellsAll = true
        return
      }
      add(beginning: Array(value.prefix(count)))
    default: tellsAll = true
    }
  }

  fileprivate mutating func add(_ field: HostRules.Field, from lower: [UInt8], to upper: [UInt8]) {
    switch field {
    case .input, .output: add(from: lower, to: upper)
    case .inputIndex, .outputIndex: if lower == upper { add(number: lower) } else { tellsAll = true }
    default: if field.kind != .other { tellsAll = true }
    }
  }

  /// Each part of a key with several fills registers of four bytes.
  fileprivate mutating func add(_ fields: [HostRules.Field], in set: ElementSet?) {
    // What is in it nobody knows, whatever the link.
    guard let set, !set.isOpaque else { return }
    var start = 0
    for field in fields {
      guard let size = field.size else { return }
      let part = start..<(start + size)
      if field.kind != .other {
        for element in set.elements where element.key.count >= part.upperBound && element.end.count >= part.upperBound {
          add(field, from: Array(element.key[part]), to: Array(element.end[part]))
        }
      }
      start += fields.count > 1 ? (size + 3) & ~3 : size
    }
  }

  /// A whole name, which ends with a zero, or what names begin with.
  private mutating func add(beginning bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    let rest = max(0, 16 - bytes.count)
    if bytes.contains(0) || rest == 0 {
      names.insert(bytes[...].text)
    } else {
      ranges.append(
        Ends(
          lower: bytes + [UInt8](repeating: 0, count: rest), upper: bytes + [UInt8](repeating: 255, count: rest)))
    }
  }

  private mutating func add(from lower: [UInt8], to upper: [UInt8]) {
    if lower == upper { names.insert(lower[...].text) } else { ranges.append(Ends(lower: lower, upper: upper)) }
  }

  /// In the machine's order, as meta(iif) has it.
  private mutating func add(number bytes: [UInt8]) {
    if bytes.count == 4, let number = bytes[...].word(at: 0) { indexes.insert(number) } else { tellsAll = true }
  }
}
