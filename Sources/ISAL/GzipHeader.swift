internal import Compression

/// The header of a gzip member (RFC 1952, 2.3), read byte by byte. ISA-L 2.30 could do it, but refuses headers with everything
/// in them when they come in small pieces, and takes flags that are reserved.
struct GzipHeader {
  private enum Part { case fixed, extraLength, extra, name, comment, checkSum }
  private struct Flags {
    static let checkSum: UInt8 = 2
    static let extra: UInt8 = 4
    static let name: UInt8 = 8
    static let comment: UInt8 = 16
    static let reserved: UInt8 = 0xe0
  }

  private var part = Part.fixed
  /// Bytes of the part so far.
  private var count = 0
  private var flags: UInt8 = 0
  private var number = 0
  private var crc: UInt32 = ~0
  private(set) var isComplete = false

  /// - Returns: how many bytes belong to the header.
  mutating func read(_ input: RawSpan) throws(CompressionError) -> Int {
    var index = 0
    while index < input.byteCount, !isComplete {
      try take(unsafe input.unsafeLoad(fromByteOffset: index, as: UInt8.self))
      index += 1
    }
    return index
  }

  private mutating func take(_ byte: UInt8) throws(CompressionError) {
    let before = crc
    add(byte)
    count += 1
    switch part {
    case .fixed:
      switch count {
      case 1 where byte != 0x1f, 2 where byte != 0x8b: throw Self.refused("incorrect header")
      case 3 where byte != 8: throw Self.refused("unknown compression method")
      case 4:
        guard byte & Flags.reserved == 0 else { throw Self.refused("unknown header flags") }
        flags = byte
      case 10: proceed(to: .extraLength)
      default: break
      }
    case .extraLength:
      number |= Int(byte) << (8 * (count - 1))
      if count == 2 { proceed(to: number == 0 ? .name : .extra) }
    case .extra: if count == number { proceed(to: .name) }
    case .name: if byte == 0 { proceed(to: .comment) }
    case .comment: if byte == 0 { proceed(to: .checkSum) }
    case .checkSum:
      // Of all that stands before it.
      crc = before
      number |= Int(byte) << (8 * (count - 1))
      guard count == 2 else { return }
      guard number == Int(~crc & 0xffff) else { throw Self.refused("incorrect check sum of the header") }
      isComplete = true
    }
  }

  /// The first part from this one on that the flags say is there.
  private mutating func proceed(to next: Part) {
    (count, number) = (0, next == .extra ? number : 0)
    part = next
    switch next {
    case .fixed, .extra: break
    case .extraLength: if flags & Flags.extra == 0 { proceed(to: .name) }
    case .name: if flags & Flags.name == 0 { proceed(to: .comment) }
    case .comment: if flags & Flags.comment == 0 { proceed(to: .checkSum) }
    case .checkSum: isComplete = flags & Flags.checkSum == 0
    }
  }

  /// CRC-32, bit by bit: a header has ten bytes.
  private mutating func add(_ byte: UInt8) {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xedb8_8320 : crc >> 1 }
  }

  private static func refused(_ reason: String) -> CompressionError {
    CompressionError("it is not gzip data, or damaged: \(reason)")
  }
}
