internal import Kernel

/// Integers and texts one behind another, for a file that only this program reads again, and may as well lose.
struct Packing {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ value: Int) {
    unsafe withUnsafeBytes(of: Int64(value).littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  mutating func add(_ text: String) {
    add(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  mutating func add(_ time: Timestamp) {
    add(Int(time.seconds))
    add(Int(time.nanoseconds))
  }

  mutating func add(_ packed: ArraySlice<UInt8>) {
    add(packed.count)
    bytes.append(contentsOf: packed)
  }
}

/// Reads what `Packing` wrote. Past the end, or where a length is a lie, everything is empty and `isWhole` says so.
struct Unpacking {
  private let bytes: [UInt8]
  private var offset: Int
  private let end: Int
  private var isDamaged = false

  init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
    self.bytes = bytes
    offset = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// All of it was read, and nothing more.
  var isWhole: Bool { !isDamaged && offset == end }
  var isAtEnd: Bool { isDamaged || offset >= end }

  mutating func integer() -> Int {
    guard end - offset >= 8 else {
      isDamaged = true
      return 0
    }
    // Both machines that this is built for have the low byte first.
    let value = unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self)
    offset += 8
    return Int(Int64(littleEndian: value))
  }

  /// How many things follow, each of eight bytes or more.
  mutating func count() -> Int {
    let count = integer()
    guard (0...(end - offset) / 8).contains(count) else {
      isDamaged = true
      return 0
    }
    return count
  }

  /// The place of what was packed as one.
  mutating func range() -> Range<Int> {
    let count = integer()
    guard !isDamaged, (0...end - offset).contains(count) else {
      isDamaged = true
      return offset..<offset
    }
    offset += count
    return offset - count..<offset
  }

  mutating func string() -> String { String(decoding: bytes[range()], as: UTF8.self) }

  mutating func timestamp() -> Timestamp {
    Timestamp(seconds: Int64(integer()), nanoseconds: UInt32(truncatingIfNeeded: integer()))
  }
}
