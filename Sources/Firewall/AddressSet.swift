package import Kernel

/// IPv4 addresses as intervals, in order, none touching the next: whom a rule is about.
package struct AddressSet: Hashable, Sendable {
  private(set) var intervals: [ClosedRange<UInt32>]

  package static let all = AddressSet([0...UInt32.max])
  package static let none = AddressSet([])

  init(_ intervals: [ClosedRange<UInt32>]) {
    var merged: [ClosedRange<UInt32>] = []
    for interval in intervals.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, last.upperBound == .max || interval.lowerBound <= last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, interval.upperBound)
      } else {
        merged.append(interval)
      }
    }
    self.intervals = merged
  }

  package init(_ prefix: IPv4Prefix) { self.init([prefix.first.value...prefix.last.value]) }

  package var isEmpty: Bool { intervals.isEmpty }
  package var isAll: Bool { self == .all }

  package func contains(_ address: IPv4Address) -> Bool { intervals.contains { $0.contains(address.value) } }

  func union(_ other: AddressSet) -> AddressSet { AddressSet(intervals + other.intervals) }

  var complement: AddressSet {
    var found: [ClosedRange<UInt32>] = []
    var next: UInt32? = 0
    for interval in intervals {
      if let start = next, start < interval.lowerBound { found.append(start...(interval.lowerBound - 1)) }
      next = interval.upperBound == .max ? nil : interval.upperBound + 1
    }
    if let start = next { found.append(start...UInt32.max) }
    return AddressSet(found)
  }

  package func intersection(_ other: AddressSet) -> AddressSet {
    var found: [ClosedRange<UInt32>] = []
    for one in intervals {
      for two in other.intervals where one.overlaps(two) {
        found.append(max(one.lowerBound, two.lowerBound)...min(one.upperBound, two.upperBound))
      }
    }
    return AddressSet(found)
  }

  package func subtracting(_ other: AddressSet) -> AddressSet { intersection(other.complement) }

  /// The first and the last of each interval.
  package var bounds: [(first: IPv4Address, last: IPv4Address)] {
    intervals.map { (IPv4Address(value: $0.lowerBound), IPv4Address(value: $0.upperBound)) }
  }

  /// As prefixes, which is how rules and people write addresses.
  package var prefixes: [IPv4Prefix] {
    var found: [IPv4Prefix] = []
    for interval in intervals {
      var start = UInt64(interval.lowerBound)
      let end = UInt64(interval.upperBound)
      while start <= end {
        // The largest block that begins here and ends within.
        var size = start == 0 ? UInt64(1) << 32 : start & (~start + 1)
        while start + size - 1 > end { size /= 2 }
        found.append(
          IPv4Prefix(IPv4Address(value: UInt32(start)), length: UInt8(32 - size.trailingZeroBitCount)))
        start += size
      }
    }
    return found
  }
}

extension AddressSet: CustomStringConvertible {
  package var description: String {
    if isAll { return "anywhere" }
    let list = prefixes
    return list.prefix(4).map { $0.length == 32 ? "\($0.address)" : "\($0)" }.joined(separator: ", ")
      + (list.count > 4 ? " and \(list.count - 4) more" : "")
  }
}
