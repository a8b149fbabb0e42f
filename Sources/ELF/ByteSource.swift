package import Kernel

/// Random access to the bytes of one file, so that a large one is never read whole.
package struct ByteSource {
  package let size: Int
  /// Up to `count` bytes at `offset`; fewer only at the end of the file.
  private let read: (_ offset: Int, _ count: Int) throws(Fault) -> [UInt8]

  package init(size: Int, read: @escaping (_ offset: Int, _ count: Int) throws(Fault) -> [UInt8]) {
    self.size = size
    self.read = read
  }

  package init(_ bytes: [UInt8]) {
    self.init(size: bytes.count) { (offset, count) throws(Fault) in
      guard offset >= 0, offset < bytes.count, count > 0 else { return [] }
      return Array(bytes[offset..<min(bytes.count, offset + min(count, bytes.count))])
    }
  }

  /// An open regular file, by pread(2). The descriptor must stay open for as long as the source is used.
  package init(_ file: BorrowedDescriptor, size: Int) {
    self.init(size: size) { (offset, count) throws(Fault) in try file.read(count, at: offset) }
  }

  /// The bytes that are there of `count` wanted at `offset`.
  package func some(_ count: Int, at offset: Int) throws(ELFError) -> [UInt8] {
    guard offset >= 0, offset < size, count > 0 else { return [] }
    do throws(Fault) { return try read(offset, min(count, size - offset)) } catch { throw .unreadable(error) }
  }
}

/// Reads a source in windows: the front of the file, where the headers and most interpreters are, costs one read, and the
/// strings of a table that lie close together cost another.
struct WindowedReader {
  private let source: ByteSource
  private var window: [UInt8]
  private var start = 0

  init(_ source: ByteSource, front: Int = 1024) throws(ELFError) {
    self.source = source
    window = try source.some(front, at: 0)
  }

  var size: Int { source.size }

  /// Exactly `count` bytes; `part` names them in the error.
  mutating func bytes(_ count: Int, at offset: UInt64, _ part: String) throws(ELFError) -> ArraySlice<UInt8> {
    guard let offset = Int(exactly: offset), offset <= size, count <= size - offset else { throw .truncated(part) }
    try cover(offset, count)
    let low = offset - start
    guard low >= 0, count <= window.count - low else { throw .truncated(part) }
    return window[low..<(low + count)]
  }

  /// The bytes up to the first NUL, which must come within `limit` bytes.
  mutating func string(at offset: UInt64, limit: Int, _ part: String) throws(ELFError) -> Path {
    guard let offset = Int(exactly: offset), offset < size else { throw .truncated(part) }
    var count = min(256, limit, size - offset)
    while true {
      try cover(offset, count)
      let low = offset - start
      guard low >= 0, count <= window.count - low else { throw .truncated(part) }
      let slice = window[low..<(low + count)]
      if let end = slice.firstIndex(of: 0) { return Path(bytes: slice[..<end]) ?? "" }
      if count == size - offset { throw .truncated(part) }
      if count == limit { throw .malformed("the \(part) is longer than \(limit) bytes") }
      count = min(count * 4, limit, size - offset)
    }
  }

  private mutating func cover(_ offset: Int, _ count: Int) throws(ELFError) {
    if offset >= start, offset + count <= start + window.count { return }
    window = try source.some(max(count, 2048), at: offset)
    start = offset
  }
}

/// Numbers in the byte order of the file. Reading past the end is a truncation, never a trap.
struct ByteView {
  let bytes: ArraySlice<UInt8>
  let isBigEndian: Bool

  func number(at offset: Int, width: Int) throws(ELFError) -> UInt64 {
    guard offset >= 0, offset <= bytes.count - width else { throw .truncated("number at byte \(offset)") }
    var value: UInt64 = 0
    for index in 0..<width {
      let position = isBigEndian ? index : width - 1 - index
      value = value << 8 | UInt64(bytes[bytes.startIndex + offset + position])
    }
    return value
  }

  func u16(_ offset: Int) throws(ELFError) -> UInt16 { UInt16(truncatingIfNeeded: try number(at: offset, width: 2)) }
  func u32(_ offset: Int) throws(ELFError) -> UInt32 { UInt32(truncatingIfNeeded: try number(at: offset, width: 4)) }
  func u64(_ offset: Int) throws(ELFError) -> UInt64 { try number(at: offset, width: 8) }
}
