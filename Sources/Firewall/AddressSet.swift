package import Kernel

/// Addresses of one family as intervals, in order, none touching the next: whom a rule is about.
package struct AddressSet: Hashable, Sendable {
  package enum Family: Hashable, Sendable {
    case v4, v6
    /// In bytes.
    var size: Int { self == .v4 ? 4 : 16 }
    fileprivate var last: UInt128 { self == .v4 ? UInt128(UInt32.max) : .max }
  }

  /// An address as a number. Two halves, as IPv6Address has them and for the same reason.
  private struct Interval: Hashable {
    private var bounds: (IPv6Address, IPv6Address)
    var first: UInt128 { bounds.0.value }
    var last: UInt128 { bounds.1.value }
    init(_ first: UInt128, _ last: UInt128) { bounds = (IPv6Address(value: first), IPv6Address(value: last)) }
    static func == (one: Interval, two: Interval) -> Bool { one.bounds == two.bounds }
    func hash(into hasher: inout Hasher) {
      hasher.combine(bounds.0)
      hasher.combine(bounds.1)
    }
  }
  package let family: Family
  private var intervals: [Interval]

  package static func all(_ family: Family) -> AddressSet { AddressSet(family, [(0, family.last)]) }
  package static func none(_ family: Family) -> AddressSet { AddressSet(family, []) }

  /// - Parameter intervals: the first and the last address of each; in any order.
  init(_ family: Family, _ intervals: [(first: UInt128, last: UInt128)]) {
    self.family = family
    var merged: [(first: UInt128, last: UInt128)] = []
    for interval in intervals.sorted(by: { $0.first < $1.first }) {
      if let last = merged.last, last.last == .max || interval.first <= last.last + 1 {
        merged[merged.count - 1].last = max(last.last, interval.last)
      } else {
        merged.append(interval)
      }
    }
    self.intervals = merged.map { Interval($0.first, $0.last) }
  }

  package init(_ prefix: IPv4Prefix) {
    self.init(.v4, [(UInt128(prefix.first.value), UInt128(prefix.last.value))])
  }

  package init(_ prefix: IPv6Prefix) { self.init(.v6, [(prefix.first.value, prefix.last.value)]) }

  package var isEmpty: Bool { intervals.isEmpty }
  package var isAll: Bool { self == .all(family) }

  package func contains(_ address: IPAddress) -> Bool {
    let (family, value): (Family, UInt128) =
      switch address {
      case .v4(let address): (.v4, UInt128(address.value))
      case .v6(let address): (.v6, address.value)
      }
    return family == self.family && intervals.contains { $0.first <= value && value <= $0.last }
  }

  private var pairs: [(first: UInt128, last: UInt128)] { intervals.map { ($0.first, $0.last) } }

  func union(_ other: AddressSet) -> AddressSet { AddressSet(family, pairs + other.pairs) }

  var complement: AddressSet {
    var found: [(first: UInt128, last: UInt128)] = []
    var next: UInt128? = 0
    for interval in intervals {
      if let start = next, start < interval.first { found.append((start, interval.first - 1)) }
      next = interval.last == family.last ? nil : interval.last + 1
    }
    if let start = next { found.append((start, family.last)) }
    return AddressSet(family, found)
  }

  package func intersection(_ other: AddressSet) -> AddressSet {
    var found: [(first: UInt128, last: UInt128)] = []
    for one in intervals {
      for two in other.intervals where one.first <= two.last && two.first <= one.last {
        found.append((max(one.first, two.first), min(one.last, two.last)))
      }
    }
    return AddressSet(family, found)
  }

  package func subtracting(_ other: AddressSet) -> AddressSet { intersection(other.complement) }

  private func address(_ value: UInt128) -> IPAddress {
    family == .v4
      ? .v4(IPv4Address(value: UInt32(truncatingIfNeeded: value))) : .v6(IPv6Address(value: value))
  }

  /// The first and the last of each interval.
  package var bounds: [(first: IPAddress, last: IPAddress)] {
    intervals.map { (address($0.first), address($0.last)) }
  }

  /// As prefixes, which is how rules and people write addresses: the address and the length.
  package var prefixes: [(address: IPAddress, length: Int)] {
    let width = family.size * 8
    var found: [(address: IPAddress, length: Int)] = []
    for interval in intervals {
      var start: UInt128? = interval.first
      while let first = start, first <= interval.last {
        // The largest block that begins here and ends within.
        var bits = first == 0 ? width : min(width, first.trailingZeroBitCount)
        while bits > 0, interval.last - first < UInt128.max >> UInt128(128 - bits) { bits -= 1 }
        found.append((address(first), width - bits))
        let (next, isOver) = first.addingReportingOverflow(bits == 128 ? 0 : 1 << UInt128(bits))
        start = isOver || bits == 128 ? nil : next
      }
    }
    return found
  }
}

extension AddressSet: CustomStringConvertible {
  package var description: String {
    if isAll { return "anywhere" }
    let list = prefixes
    return list.prefix(4).map { $0.length == family.size * 8 ? "\($0.address)" : "\($0.address)/\($0.length)" }
      .joined(separator: ", ") + (list.count > 4 ? " and \(list.count - 4) more" : "")
  }
}
