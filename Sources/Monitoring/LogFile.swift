package import Kernel

// The log of a container, in the form of docker's json-file driver: one JSON object a line,
// {"log":"text\n","stream":"stdout","time":"2026-11-23T19:34:27.000000042Z"}, in `log.json`, and when that is full in
// `log.json.1` (newer) to `log.json.n` (older).

/// Which of its standard streams the container wrote to.
package enum LogStream: String, Sendable { case output = "stdout", errors = "stderr" }

/// One line of the log, or a part of a long one.
package struct LogEntry: Hashable, Sendable {
  /// With its newline, if it had one. Docker's format holds text: bytes that are no UTF-8 have become U+FFFD.
  package var text: String
  package var stream: LogStream
  package var time: Timestamp
}

enum LogFile {
  /// A line that is longer is kept in parts of this many bytes, as docker does it.
  static let longestPart = 16_384
  /// A part with every byte escaped, and what is around it. A reader need not believe in longer lines.
  static let longestLine = longestPart * 6 + 256

  /// 0 is the file that is written.
  static func name(_ path: Path, rotation: Int) -> Path { rotation == 0 ? path : Path("\(path.string).\(rotation)") }

  /// A file that was compressed when it was full.
  static func compressedName(_ path: Path) -> Path { Path("\(path.string).gz") }

  /// The line for `text`.
  ///
  /// - Parameter attributes: what `encode(attributes:)` made, or nothing.
  static func encode(
    _ text: ArraySlice<UInt8>, _ stream: LogStream, time: [UInt8], attributes: [UInt8] = [], into line: inout [UInt8]
  ) {
    append("{\"log\":\"", to: &line)
    escape(text, into: &line)
    append(stream == .output ? "\",\"stream\":\"stdout\"" : "\",\"stream\":\"stderr\"", to: &line)
    if !attributes.isEmpty {
      append(",\"attrs\":", to: &line)
      line.append(contentsOf: attributes)
    }
    append(",\"time\":\"", to: &line)
    line.append(contentsOf: time)
    append("\"}\n", to: &line)
  }

  /// What is kept beside each line, as a JSON object; nothing for none.
  static func encode(attributes: [String: String], into bytes: inout [UInt8]) {
    if attributes.isEmpty { return }
    var isFirst = true
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      append(isFirst ? "{\"" : ",\"", to: &bytes)
      isFirst = false
      escape(Array(name.utf8)[...], into: &bytes)
      append("\":\"", to: &bytes)
      escape(Array(value.utf8)[...], into: &bytes)
      append("\"", to: &bytes)
    }
    append("}", to: &bytes)
  }

  // MARK: - Compressed files

  /// An empty gzip member whose comment (RFC 1952, 2.3) says which file the members behind it were: a reader that has read
  /// that one must not read it again.
  static func head(identity: UInt64) -> [UInt8] {
    [0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff] + Array("skiff log \(identity)".utf8) + [0, 3, 0]
      + [UInt8](repeating: 0, count: 8)
  }

  /// At least as long as any head up to the end of its comment.
  static let headSize = 48

  static func identity(inHead head: [UInt8]) -> UInt64? {
    guard head.starts(with: [0x1f, 0x8b, 8, 0x10]), head.count > 10 else { return nil }
    let comment = String(decoding: head[10...].prefix { $0 != 0 }, as: UTF8.self)
    return comment.hasPrefix("skiff log ") ? UInt64(comment.dropFirst(10)) : nil
  }

  private static func append(_ text: StaticString, to line: inout [UInt8]) {
    unsafe line.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// The inside of a JSON string. What is not UTF-8 becomes U+FFFD, one for each byte.
  private static func escape(_ text: ArraySlice<UInt8>, into line: inout [UInt8]) {
    var index = text.startIndex
    // Where the bytes begin that go out as they are; they go in one piece.
    var plain = index
    while index < text.endIndex {
      let byte = text[index]
      let length = byte < 0x80 ? 1 : characterLength(text[index...])
      if length > 0, byte >= 0x20, byte != 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += length
        continue
      }
      line.append(contentsOf: text[plain..<index])
      index += 1
      plain = index
      switch byte {
      case UInt8(ascii: "\""): append("\\\"", to: &line)
      case UInt8(ascii: "\\"): append("\\\\", to: &line)
      case UInt8(ascii: "\n"): append("\\n", to: &line)
      case UInt8(ascii: "\r"): append("\\r", to: &line)
      case UInt8(ascii: "\t"): append("\\t", to: &line)
      case 0x80...: append("\\ufffd", to: &line)
      default:
        append("\\u00", to: &line)
        line.append(hexadecimal(byte >> 4))
        line.append(hexadecimal(byte & 15))
      }
    }
    line.append(contentsOf: text[plain...])
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 87 + digit }

  /// The length of the well-formed UTF-8 character at the start (RFC 3629, no surrogates, no overlong forms); 0 when there
  /// is none.
  static func characterLength(_ bytes: ArraySlice<UInt8>) -> Int {
    let start = bytes.startIndex
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch bytes[start] {
    case ..<0x80: return 1
    case 0xc2...0xdf: length = 2
    case 0xe0: (length, second) = (3, 0xa0...0xbf)
    case 0xed: (length, second) = (3, 0x80...0x9f)
    case 0xe1...0xef: length = 3
    case 0xf0: (length, second) = (4, 0x90...0xbf)
    case 0xf4: (length, second) = (4, 0x80...0x8f)
    case 0xf1...0xf3: length = 4
    default: return 0
    }
    guard bytes.count >= length, second.contains(bytes[start + 1]) else { return 0 }
    for index in 2..<max(2, length) where !(0x80...0xbf).contains(bytes[start + index]) { return 0 }
    return length
  }

  /// How much of `bytes` to keep as one part: at most `longestPart`, and no character cut in two.
  static func partLength(_ bytes: ArraySlice<UInt8>) -> Int {
    if bytes.count <= longestPart { return bytes.count }
    for back in 0..<4 {
      let end = longestPart - back
      // A byte that begins a character may begin the next part.
      if bytes[bytes.startIndex + end] & 0xc0 != 0x80 { return end }
    }
    return longestPart
  }
}
