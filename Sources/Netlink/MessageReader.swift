package import Kernel

/// One message that came from the kernel: its header and what follows.
package struct Message: Sendable {
  package var type: UInt16
  package var flags: UInt16
  package var sequence: UInt32
  package var payload: ArraySlice<UInt8>

  static let noOperation: UInt16 = 1
  static let error: UInt16 = 2
  static let done: UInt16 = 3
  /// "Data lost" (<linux/netlink.h>).
  static let overrun: UInt16 = 4
  /// The first type that belongs to the family.
  static let firstOfFamily: UInt16 = 16

  static let multipart: UInt16 = 0x2
  /// The dumped list changed while it was read: what came is not one moment's state.
  static let dumpInterrupted: UInt16 = 0x10
  /// In an acknowledgement: the request's payload is not repeated; attributes follow.
  static let capped: UInt16 = 0x100
  static let hasAttributes: UInt16 = 0x200
}

/// An attribute: its type without the two flag bits, and its payload.
package struct Attribute: Sendable {
  package var type: UInt16
  package var payload: ArraySlice<UInt8>
}

/// All messages of one datagram. A length that does not fit is the end of all trust in it.
package func parseMessages(_ bytes: ArraySlice<UInt8>) throws(Fault) -> [Message] {
  var messages: [Message] = []
  var rest = bytes
  while rest.count >= 16 {
    guard let length = rest.word(at: 0), length >= 16, Int(length) <= rest.count else {
      throw Fault("netlink", .badMessage, arguments: "a message of \(rest.word(at: 0) ?? 0) bytes in \(rest.count)")
    }
    messages.append(
      Message(
        type: rest.half(at: 4) ?? 0, flags: rest.half(at: 6) ?? 0, sequence: rest.word(at: 8) ?? 0,
        payload: rest.dropFirst(16).prefix(Int(length) - 16)))
    rest = rest.dropFirst(aligned(Int(length)))
  }
  guard rest.isEmpty else {
    throw Fault("netlink", .badMessage, arguments: "\(rest.count) bytes after the last message")
  }
  return messages
}

/// The attributes in `bytes`. Fewer than four bytes at the end are padding.
package func parseAttributes(_ bytes: ArraySlice<UInt8>) throws(Fault) -> [Attribute] {
  var attributes: [Attribute] = []
  var rest = bytes
  while rest.count >= 4 {
    guard let length = rest.half(at: 0), length >= 4, Int(length) <= rest.count, let type = rest.half(at: 2) else {
      throw Fault("netlink", .badMessage, arguments: "an attribute of \(rest.half(at: 0) ?? 0) bytes in \(rest.count)")
    }
    // NLA_F_NESTED and NLA_F_NET_BYTEORDER are no part of the type.
    attributes.append(Attribute(type: type & 0x3fff, payload: rest.dropFirst(4).prefix(Int(length) - 4)))
    rest = rest.dropFirst(aligned(Int(length)))
  }
  return attributes
}

extension ArraySlice<UInt8> {
  /// In the machine's order; nil beyond the end.
  package func byte(at offset: Int) -> UInt8? { offset < count ? self[startIndex + offset] : nil }
  package func half(at offset: Int) -> UInt16? {
    guard offset + 2 <= count else { return nil }
    return UInt16(self[startIndex + offset]) | UInt16(self[startIndex + offset + 1]) << 8
  }
  package func word(at offset: Int) -> UInt32? {
    guard let low = half(at: offset), let high = half(at: offset + 2) else { return nil }
    return UInt32(low) | UInt32(high) << 16
  }
  /// Up to the first NUL.
  package var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}

private func aligned(_ length: Int) -> Int { (length + 3) & ~3 }
