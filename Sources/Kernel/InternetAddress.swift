/// An IPv4 address; `1.2.3.4` has the value 0x01020304.
package struct IPv4Address: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var value: UInt32
  package init(value: UInt32) { self.value = value }
  package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    value = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }

  /// Four decimal numbers, no leading zeros: inet_aton's octal and short forms ("010.1", "127.1") have been the cause of
  /// filters that meant another address than the one connected to.
  package init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard let octet = decimal(part, atMost: 255) else { return nil }
      value = value << 8 | octet
    }
    self.value = value
  }

  /// In network order.
  package var bytes: [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 else { return nil }
    value = bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }

  package static func < (a: IPv4Address, b: IPv4Address) -> Bool { a.value < b.value }
  package var description: String { bytes.map(String.init).joined(separator: ".") }

  package var isLoopback: Bool { value >> 24 == 127 }
  /// Class D and E, `0.x.x.x`: nothing a host can have.
  package var isUnusableForHosts: Bool { value >> 28 >= 14 || value >> 24 == 0 }
}

/// An IPv4 address with the length of its network part: an interface's address, or (with no host bits) a network.
package struct IPv4Prefix: Hashable, Sendable, CustomStringConvertible {
  package var address: IPv4Address
  /// 0 to 32.
  package var length: UInt8

  package init(_ address: IPv4Address, length: UInt8) {
    precondition(length <= 32, "an IPv4 prefix has at most 32 bits")
    self.address = address
    self.length = length
  }

  /// `10.1.2.0/24`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(parts[0]), let length = decimal(parts[1].utf8, atMost: 32) else {
      return nil
    }
    self.init(address, length: UInt8(length))
  }

  package var mask: UInt32 { length == 0 ? 0 : ~UInt32(0) << (32 - UInt32(length)) }
  /// The same prefix with the host bits cleared.
  package var network: IPv4Prefix { IPv4Prefix(IPv4Address(value: address.value & mask), length: length) }
  package var hasHostBits: Bool { address.value & ~mask != 0 }
  package var first: IPv4Address { IPv4Address(value: address.value & mask) }
  package var last: IPv4Address { IPv4Address(value: address.value | ~mask) }

  package func contains(_ other: IPv4Address) -> Bool { other.value & mask == address.value & mask }
  package func overlaps(_ other: IPv4Prefix) -> Bool {
    let shared = mask & other.mask
    return address.value & shared == other.address.value & shared
  }

  package var description: String { "\(address)/\(length)" }
}

/// A decimal number as only digits write it: no sign, no white space, no leading zero.
private func decimal(_ digits: some Collection<UInt8>, atMost limit: UInt32) -> UInt32? {
  guard let first = digits.first, digits.count <= 3, digits.count == 1 || first != UInt8(ascii: "0") else { return nil }
  var value: UInt32 = 0
  for digit in digits {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
    value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
  }
  return value <= limit ? value : nil
}
