internal import Kernel

/// Bytes of one or more netlink messages (struct nlmsghdr, then a fixed structure, then attributes), each part padded to 4.
package struct MessageWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() { bytes.reserveCapacity(512) }

  /// struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port (0: the kernel fills in ours).
  package mutating func message(
    _ type: UInt16, _ flags: RequestFlags, sequence: UInt32, _ body: (inout MessageWriter) -> Void
  ) {
    let start = bytes.count
    word(0)
    half(type)
    half(flags.rawValue)
    word(sequence)
    word(0)
    body(&self)
    setLength(UInt32(bytes.count - start), at: start)
  }

  /// Sets NLM_F_ACK in the header of the message that begins at `offset`.
  package mutating func requestAcknowledgement(ofMessageAt offset: Int) {
    bytes[offset + 6] |= UInt8(RequestFlags.acknowledge.rawValue)
  }

  // Numbers of the fixed structures, in the machine's order: all that Swift runs Linux on is little-endian.

  package mutating func byte(_ value: UInt8) { bytes.append(value) }
  package mutating func half(_ value: UInt16) {
    bytes.append(UInt8(truncatingIfNeeded: value))
    bytes.append(UInt8(truncatingIfNeeded: value >> 8))
  }
  package mutating func word(_ value: UInt32) {
    half(UInt16(truncatingIfNeeded: value))
    half(UInt16(truncatingIfNeeded: value >> 16))
  }

  // struct nlattr: u16 length without padding, u16 type, then the payload.

  package mutating func attribute(_ type: UInt16, _ payload: some Collection<UInt8>) {
    precondition(payload.count <= Int(UInt16.max) - 4, "an attribute holds less than 64 KiB")
    half(UInt16(4 + payload.count))
    half(type)
    bytes.append(contentsOf: payload)
    pad()
  }

  /// In the machine's order.
  package mutating func attribute(_ type: UInt16, word value: UInt32) {
    half(8)
    half(type)
    word(value)
  }

  /// In network order, as nf_tables has all its numbers.
  package mutating func attribute(_ type: UInt16, bigEndian value: UInt32) {
    attribute(type, word: value.byteSwapped)
  }

  package mutating func attribute(_ type: UInt16, bigEndian64 value: UInt64) {
    half(12)
    half(type)
    word(UInt32(truncatingIfNeeded: value >> 32).byteSwapped)
    word(UInt32(truncatingIfNeeded: value).byteSwapped)
  }

  /// With its NUL.
  package mutating func attribute(_ type: UInt16, text: String) {
    half(UInt16(clamping: 5 + text.utf8.count))
    half(type)
    bytes.append(contentsOf: text.utf8.prefix(Int(UInt16.max) - 5))
    bytes.append(0)
    pad()
  }

  /// An attribute that holds attributes (NLA_F_NESTED).
  package mutating func nest(_ type: UInt16, _ body: (inout MessageWriter) -> Void) {
    let start = bytes.count
    half(0)
    half(type | 0x8000)
    body(&self)
    let length = bytes.count - start
    precondition(length <= Int(UInt16.max), "an attribute holds less than 64 KiB")
    bytes[start] = UInt8(truncatingIfNeeded: length)
    bytes[start + 1] = UInt8(truncatingIfNeeded: length >> 8)
  }

  private mutating func pad() {
    while bytes.count % 4 != 0 { bytes.append(0) }
  }

  private mutating func setLength(_ length: UInt32, at offset: Int) {
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
  }
}

/// NLM_F_*: what is asked for.
package struct RequestFlags: FlagWord {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  package static let request = RequestFlags(rawValue: 0x1)
  package static let acknowledge = RequestFlags(rawValue: 0x4)
  /// For a get: all objects rather than one.
  package static let dump = RequestFlags(rawValue: 0x300)
  /// For a new: EEXIST when it is there.
  package static let exclusive = RequestFlags(rawValue: 0x200)
  /// For a new: in place of the one that is there.
  package static let replace = RequestFlags(rawValue: 0x100)
  package static let create = RequestFlags(rawValue: 0x400)
  package static let append = RequestFlags(rawValue: 0x800)
}
