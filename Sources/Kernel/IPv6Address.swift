/// An IPv6 address; `::1` has the value 1.
package struct IPv6Address: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Two halves: a UInt128 wants an alignment of 16 bytes, which the compiler (6.3, unoptimized) does not give to every copy
  /// of an enum that holds one.
  private var high: UInt64
  private var low: UInt64

  package var value: UInt128 { UInt128(high) << 64 | UInt128(low) }
  package init(value: UInt128) {
    high = UInt64(truncatingIfNeeded: value >> 64)
    low = UInt64(truncatingIfNeeded: value)
  }

  /// As RFC 4291 2.2 writes it, with `::` once at most and an IPv4 address as the last four bytes; no zone.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard (2...45).contains(bytes.count) else { return nil }
    let colon = UInt8(ascii: ":")
    guard let gap = (0..<(bytes.count - 1)).first(where: { bytes[$0] == colon && bytes[$0 + 1] == colon }) else {
      guard let groups = Self.groups(bytes[...]), groups.count == 8 else { return nil }
      self.init(groups: groups)
      return
    }
    guard let head = Self.groups(bytes[..<gap], mayEndInIPv4: false), let tail = Self.groups(bytes[(gap + 2)...]),
      head.count + tail.count <= 7
    else { return nil }
    self.init(groups: head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail)
  }

  private init(groups: [UInt16]) { self.init(value: groups.reduce(0) { $0 << 16 | UInt128($1) }) }

  /// Nil for what is not groups of one to four hexadecimal digits between single colons.
  private static func groups(_ bytes: ArraySlice<UInt8>, mayEndInIPv4: Bool = true) -> [UInt16]? {
    guard !bytes.isEmpty else { return [] }
    let parts = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 8, omittingEmptySubsequences: false)
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if mayEndInIPv4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
        guard let address = IPv4Address(String(decoding: part, as: UTF8.self)) else { return nil }
        groups += [UInt16(address.value >> 16), UInt16(truncatingIfNeeded: address.value)]
        continue
      }
      // UInt16(_:radix:) would take "+f".
      guard (1...4).contains(part.count), part.first != UInt8(ascii: "+"), part.first != UInt8(ascii: "-"),
        let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
      else { return nil }
      groups.append(group)
    }
    return groups.count <= 8 ? groups : nil
  }

  /// In network order.
  package var bytes: [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: value >> (120 - 8 * $0)) } }

  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    self.init(value: bytes.reduce(0) { $0 << 8 | UInt128($1) })
  }

  package static func < (a: IPv6Address, b: IPv6Address) -> Bool { a.value < b.value }

  /// RFC 5952: lower case, the longest run of zero groups (the first of equals, two at least) as `::`.
  package var description: String {
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> (112 - 16 * $0)) }
    var (start, count) = (0, 0)
    var index = 0
    while index < 8 {
      var end = index
      while end < 8, groups[end] == 0 { end += 1 }
      if end - index > count, end - index > 1 { (start, count) = (index, end - index) }
      index = max(end, index + 1)
    }
    func text(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    return count == 0 ? text(0..<8) : text(0..<start) + "::" + text((start + count)..<8)
  }

  package var isLoopback: Bool { value == 1 }
  /// fe80::/10
  package var isLinkLocal: Bool { value >> 118 == 0x3fa }
  /// ff00::/8
  package var isMulticast: Bool { value >> 120 == 0xff }
  /// fc00::/7 (RFC 4193)
  package var isUniqueLocal: Bool { value >> 121 == 0x7e }
}

/// An IPv6 address with the length of its network part: an interface's address, or (with no host bits) a network.
package struct IPv6Prefix: Hashable, Sendable, CustomStringConvertible {
  package var address: IPv6Address
  /// 0 to 128.
  package var length: UInt8

  package init(_ address: IPv6Address, length: UInt8) {
    precondition(length <= 128, "an IPv6 prefix has at most 128 bits")
    self.address = address
    self.length = length
  }

  /// `fd00:1:2::/64`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv6Address(parts[0]), (1...3).contains(parts[1].utf8.count),
      parts[1].utf8.allSatisfy({ (48...57).contains($0) }), parts[1] == "0" || parts[1].first != "0",
      let length = UInt8(parts[1]), length <= 128
    else { return nil }
    self.init(address, length: length)
  }

  package var mask: UInt128 { length == 0 ? 0 : ~UInt128(0) << (128 - UInt128(length)) }
  /// The same prefix with the host bits cleared.
  package var network: IPv6Prefix { IPv6Prefix(IPv6Address(value: address.value & mask), length: length) }
  package var hasHostBits: Bool { address.value & ~mask != 0 }
  package var first: IPv6Address { IPv6Address(value: address.value & mask) }
  package var last: IPv6Address { IPv6Address(value: address.value | ~mask) }

  package func contains(_ other: IPv6Address) -> Bool { other.value & mask == address.value & mask }
  package func overlaps(_ other: IPv6Prefix) -> Bool {
    let shared = mask & other.mask
    return address.value & shared == other.address.value & shared
  }

  package var description: String { "\(address)/\(length)" }
}

/// An address of either family.
package enum IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  case v4(IPv4Address)
  case v6(IPv6Address)

  package init?(_ text: some StringProtocol) {
    if let address = IPv4Address(text) {
      self = .v4(address)
    } else if let address = IPv6Address(text) {
      self = .v6(address)
    } else {
      return nil
    }
  }

  package var bytes: [UInt8] {
    switch self {
    case .v4(let address): address.bytes
    case .v6(let address): address.bytes
    }
  }

  package var isLoopback: Bool {
    switch self {
    case .v4(let address): address.isLoopback
    case .v6(let address): address.isLoopback
    }
  }

  package var v4: IPv4Address? { if case .v4(let address) = self { address } else { nil } }
  package var v6: IPv6Address? { if case .v6(let address) = self { address } else { nil } }

  /// IPv4 before IPv6.
  package static func < (a: IPAddress, b: IPAddress) -> Bool {
    switch (a, b) {
    case (.v4(let a), .v4(let b)): a < b
    case (.v6(let a), .v6(let b)): a < b
    case (.v4, .v6): true
    case (.v6, .v4): false
    }
  }

  package var description: String {
    switch self {
    case .v4(let address): address.description
    case .v6(let address): address.description
    }
  }
}
