internal import Kernel

/// The file format of docker's local log driver: for each line its length in four bytes, most significant first, a protocol
/// buffer (moby's daemon/logger/local and api/types/plugins/logdriver/entry.proto), and the length once more.
///
/// ```
/// message LogEntry { string source = 1; int64 time_nano = 2; bytes line = 3; bool partial = 4; }
/// ```
enum LocalLogFormat {
  /// More than any entry of ours is.
  private static let longestEntry = LogFile.longestPart + 128

  static func encode(_ text: ArraySlice<UInt8>, _ stream: LogStream, _ time: Timestamp, into bytes: inout [UInt8]) {
    let isWhole = text.last == 10
    let line = isWhole ? text.dropLast() : text
    var entry: [UInt8] = [0x0a, 6]
    entry += Array(stream.rawValue.utf8)
    entry.append(0x10)
    putNumber(UInt64(bitPattern: time.seconds &* 1_000_000_000 &+ Int64(time.nanoseconds)), into: &entry)
    entry.append(0x1a)
    putNumber(UInt64(line.count), into: &entry)
    entry += line
    if !isWhole { entry += [0x20, 1] }
    putLength(entry.count, into: &bytes)
    bytes += entry
    putLength(entry.count, into: &bytes)
  }

  private static func putNumber(_ value: UInt64, into bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func putLength(_ length: Int, into bytes: inout [UInt8]) {
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
  }

  /// Where the last whole entry ends.
  static func wholeEntries(of file: BorrowedDescriptor, size: Int) throws(Fault) -> Int {
    // The length that stands behind it leads to the one before it.
    if size >= 8 {
      let last = length(try file.read(4, at: size - 4), 0)
      if last <= longestEntry, size - 8 - last >= 0, length(try file.read(4, at: size - 8 - last), 0) == last {
        return size
      }
    }
    var position = 0
    var buffer = ReadingBuffer(capacity: 128 << 10)
    var end = 0
    while try buffer.fill(from: file, at: position) > 0 {
      position = end + buffer.count
      let used = unsafe wholeEntries(in: buffer.bytes)
      if used == 0 { break }
      buffer.drop(used)
      end += used
    }
    return end
  }

  private static func wholeEntries(in bytes: UnsafeRawBufferPointer) -> Int {
    var position = 0
    while let entry = unsafe entry(in: bytes, from: position) { position = entry.upperBound + 4 }
    return position
  }

  /// The bytes of the entry whose length stands at `start`; nil when it is not whole, or none.
  private static func entry(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
    guard start + 8 <= bytes.count else { return nil }
    let count = unsafe length(bytes, start)
    guard count <= longestEntry, start + 8 + count <= bytes.count, unsafe length(bytes, start + 4 + count) == count
    else { return nil }
    return (start + 4)..<(start + 4 + count)
  }

  private static func length(_ bytes: some RandomAccessCollection<UInt8>, _ offset: Int) -> Int {
    bytes.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | Int($1) }
  }

  /// Hands over the whole entries in `bytes` until `take` is false; the number of bytes that are done with.
  @unsafe static func decode(
    _ bytes: UnsafeRawBufferPointer, _ take: (borrowing LogLine) throws(Fault) -> Bool
  ) throws(Fault) -> Int {
    var position = 0
    while let entry = unsafe entry(in: bytes, from: position) {
      position = entry.upperBound + 4
      guard let fields = unsafe Fields(UnsafeRawBufferPointer(rebasing: bytes[entry])) else { continue }
      let time = LogMoment(
        Timestamp(seconds: 0, nanoseconds: 0).adding(nanoseconds: Int64(bitPattern: fields.time))
      ).text
      let text = (entry.lowerBound + fields.line.lowerBound)..<(entry.lowerBound + fields.line.upperBound)
      let goesOn = try unsafe time.span.bytes.withUnsafeBytes { (time) throws(Fault) in
        let line = unsafe LogLine(
          text: UnsafeRawBufferPointer(rebasing: bytes[text]), endsWithNewline: !fields.isPartial, time: time,
          attributes: UnsafeRawBufferPointer(start: nil, count: 0), stream: fields.stream)
        return try take(line)
      }
      if !goesOn { break }
    }
    return position
  }

  /// What an entry says. Fields of other numbers are passed over, as a newer docker may write them.
  private struct Fields {
    var stream = LogStream.output
    var time: UInt64 = 0
    var line = 0..<0
    var isPartial = false

    init?(_ bytes: UnsafeRawBufferPointer) {
      var position = 0
      func number() -> UInt64? {
        var (value, shift) = (UInt64(0), UInt64(0))
        while position < bytes.count, shift < 64 {
          let byte = unsafe bytes[position]
          position += 1
          value |= UInt64(byte & 0x7f) << shift
          if byte < 0x80 { return value }
          shift += 7
        }
        return nil
      }
      while position < bytes.count {
        guard let key = number() else { return nil }
        switch key & 7 {
        case 0:
          guard let value = number() else { return nil }
          if key == 0x10 { time = value }
          if key == 0x20 { isPartial = value != 0 }
        case 2:
          guard let count = number(), count <= UInt64(bytes.count - position) else { return nil }
          let range = position..<(position + Int(count))
          position = range.upperBound
          if key == 0x1a { line = range }
          if key == 0x0a {
            guard let stream = LogStream(rawValue: unsafe String(decoding: bytes[range], as: UTF8.self)) else {
              return nil
            }
            self.stream = stream
          }
        default: return nil
        }
      }
    }
  }
}
