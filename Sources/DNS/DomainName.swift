package import Kernel

/// A name: labels of 1 to 63 bytes; 255 bytes in all, lengths and the end counted (RFC 1035 2.3.4).
package struct DomainName: Hashable, Sendable, CustomStringConvertible {
  /// As an uncompressed message has it: each label behind its length, then a zero.
  package let wire: [UInt8]

  static let limit = 255
  static let labelLimit = 63

  package static let root = DomainName(wire: [0])

  init(wire: [UInt8]) { self.wire = wire }

  /// Labels with dots between them, with or without one at the end. Bytes stand for themselves: no escapes are read.
  package init?(_ text: some StringProtocol) {
    if text == "." {
      self = .root
      return
    }
    var wire: [UInt8] = []
    let full = text.utf8
    for label in full.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      if label.isEmpty {
        // Only behind the last dot.
        guard label.startIndex == full.endIndex, !wire.isEmpty else { return nil }
        continue
      }
      guard label.count <= Self.labelLimit, wire.count + label.count + 2 <= Self.limit else { return nil }
      wire.append(UInt8(label.count))
      wire += label
    }
    guard !wire.isEmpty else { return nil }
    self.init(wire: wire + [0])
  }

  package var labels: [ArraySlice<UInt8>] {
    var labels: [ArraySlice<UInt8>] = []
    var index = 0
    while index < wire.count, wire[index] > 0 {
      let end = index + 1 + Int(wire[index])
      labels.append(wire[(index + 1)..<end])
      index = end
    }
    return labels
  }

  /// Letters of ASCII alone have cases here (RFC 4343). Lengths are below 64, so no length is taken for a letter.
  package var lowercased: DomainName {
    guard wire.contains(where: { (65...90).contains($0) }) else { return self }
    return DomainName(wire: wire.map { (65...90).contains($0) ? $0 + 32 : $0 })
  }

  /// With a dot at the end; what is no plain letter of a name is escaped, so that it is safe on a terminal.
  package var description: String {
    let labels = labels
    if labels.isEmpty { return "." }
    var text: [UInt8] = []
    for label in labels {
      for byte in label {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
        case 0x21...0x7e: text.append(byte)
        default:
          text.append(UInt8(ascii: "\\"))
          text += [byte / 100, byte / 10 % 10, byte % 10].map { $0 + 48 }
        }
      }
      text.append(UInt8(ascii: "."))
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// In lower case, without the dot at the end: what a host's or a container's name is compared with. Nil where a label
  /// holds anything but letters, digits, `-` and `_`: no such name is ours.
  package var hostName: String? {
    guard wire.count > 1 else { return nil }
    var text: [UInt8] = []
    text.reserveCapacity(wire.count)
    var left = 0
    for byte in wire.dropLast() {
      if left == 0 {
        left = Int(byte)
        if !text.isEmpty { text.append(UInt8(ascii: ".")) }
        continue
      }
      left -= 1
      switch byte {
      case 65...90: text.append(byte + 32)
      case 97...122, 48...57, UInt8(ascii: "-"), UInt8(ascii: "_"): text.append(byte)
      default: return nil
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension MessageBytes {
  /// A name, where it stands or by pointers (RFC 1035 4.1.4).
  ///
  /// - Parameter mayPoint: a question's name has nothing before it to point to.
  mutating func name(mayPoint: Bool = true) -> DomainName? {
    var wire: [UInt8] = []
    var after: Int?
    // A pointer leads to an earlier name. Each one further back than the last, so that there is an end to it.
    var barrier = position
    while let length = byte() {
      switch length >> 6 {
      case 0:
        guard length > 0 else {
          if let after { seek(to: after) }
          return DomainName(wire: wire + [0])
        }
        guard let label = take(Int(length)), wire.count + label.count + 2 <= DomainName.limit else { return nil }
        wire.append(length)
        wire += label
      case 3:
        guard mayPoint, let low = byte() else { return nil }
        let target = Int(length & 0x3f) << 8 | Int(low)
        guard target < barrier, target >= Header.size else { return nil }
        after = after ?? position
        barrier = target
        seek(to: target)
      default: return nil
      }
    }
    return nil
  }
}

// MARK: - Addresses as names

extension DomainName {
  /// The address that a name below in-addr.arpa or ip6.arpa stands for (RFC 1035 3.5, RFC 3596 2.5); nil for any other.
  package var reversedAddress: IPAddress? {
    let labels = lowercased.labels
    guard labels.count >= 2, labels[labels.count - 1].equals("arpa") else { return nil }
    let zone = labels[labels.count - 2]
    if zone.equals("in-addr"), labels.count == 6 {
      let text = labels[..<4].reversed().map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
      return IPv4Address(text).map { .v4($0) }
    }
    guard zone.equals("ip6"), labels.count == 34 else { return nil }
    var value: UInt128 = 0
    for label in labels[..<32].reversed() {
      guard label.count == 1, let byte = label.first else { return nil }
      switch byte {
      case 48...57: value = value << 4 | UInt128(byte - 48)
      case 97...102: value = value << 4 | UInt128(byte - 87)
      default: return nil
      }
    }
    return .v6(IPv6Address(value: value))
  }

  /// Under which an address is asked for.
  package init(reversing address: IPAddress) {
    let (labels, zone): ([String], String) =
      switch address {
      case .v4(let address): (address.bytes.reversed().map { "\($0)" }, "in-addr.arpa")
      case .v6(let address):
        (address.bytes.reversed().flatMap { [String($0 & 15, radix: 16), String($0 >> 4, radix: 16)] }, "ip6.arpa")
      }
    // At most 74 bytes: it cannot be too long.
    self = DomainName(labels.joined(separator: ".") + "." + zone) ?? .root
  }
}
