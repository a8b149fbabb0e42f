internal import JSON
internal import Kernel

/// Finds the lines of the json-file form. Lines as Skiff and docker write them are read where they lie; what has another
/// order of its members, or escapes beside the newline's, is read by the JSON parser. What is no line of a log is left out.
struct LogDecoder: ~Copyable {
  /// The text and the time of a line that could not be taken as it lies.
  private var text: [UInt8] = []
  private var time: [UInt8] = []
  private var attributes: [UInt8] = []

  /// Where the parts of a line lie.
  private struct Parts {
    var textEnd: Int
    var endsWithNewline: Bool
    var stream: LogStream
    var time: Int
    var attributes: Range<Int>
    /// Behind the line's newline.
    var end: Int
  }

  /// Hands over the whole lines in `bytes` until `take` is false.
  ///
  /// - Returns: the number of bytes that are done with; what is left is no whole line yet.
  @unsafe mutating func decode(
    _ bytes: UnsafeRawBufferPointer, _ format: LogFormat, _ take: (borrowing LogLine) throws(Fault) -> Bool
  ) throws(Fault) -> Int {
    switch format {
    case .json: try unsafe decode(bytes, take)
    case .local: try unsafe LocalLogFormat.decode(bytes, take)
    }
  }

  @unsafe private mutating func decode(
    _ bytes: UnsafeRawBufferPointer, _ take: (borrowing LogLine) throws(Fault) -> Bool
  ) throws(Fault) -> Int {
    var position = 0
    while position < bytes.count {
      if let parts = unsafe Self.parts(of: bytes, from: position) {
        let line = unsafe LogLine(
          text: UnsafeRawBufferPointer(rebasing: bytes[(position + 8)..<parts.textEnd]),
          endsWithNewline: parts.endsWithNewline,
          time: UnsafeRawBufferPointer(rebasing: bytes[parts.time..<(parts.time + LogMoment.length)]),
          attributes: UnsafeRawBufferPointer(rebasing: bytes[parts.attributes]), stream: parts.stream)
        position = parts.end
        if try !take(line) { break }
        continue
      }
      guard let newline = unsafe bytes.position(of: 10, from: position) else { break }
      let isWanted = try unsafe takeSlowly(UnsafeRawBufferPointer(rebasing: bytes[position..<newline]), take)
      position = newline + 1
      if !isWanted { break }
    }
    return position
  }

  /// `{"log":"TEXT\n","stream":"stdout","time":"…Z"}` and a newline, with `"attrs":{…}` before the time perhaps. Nil when
  /// it is not of that form, or not whole.
  private static func parts(of bytes: UnsafeRawBufferPointer, from start: Int) -> Parts? {
    guard unsafe bytes.holds("{\"log\":\"", at: start) else { return nil }
    guard var end = unsafe plainEnd(of: bytes, from: start + 8) else { return nil }
    let textEnd = end
    let endsWithNewline = unsafe bytes[end] == UInt8(ascii: "\\")
    if endsWithNewline {
      guard unsafe bytes.holds("\\n\"", at: end) else { return nil }
      end += 2
    }
    let stream: LogStream
    if unsafe bytes.holds("\",\"stream\":\"stdout\",\"", at: end) {
      stream = .output
    } else if unsafe bytes.holds("\",\"stream\":\"stderr\",\"", at: end) {
      stream = .errors
    } else {
      return nil
    }
    // At the name of the next member.
    end += 21
    var time = end + 7
    var attributes = 0..<0
    if unsafe bytes.holds("attrs\":{", at: end) {
      guard let newline = unsafe bytes.position(of: 10, from: end) else { return nil }
      time = newline - 2 - LogMoment.length
      guard time - 9 > end + 7, unsafe bytes.holds(",\"time\":\"", at: time - 9) else { return nil }
      attributes = (end + 7)..<(time - 9)
    } else if unsafe !bytes.holds("time\":\"", at: end) {
      return nil
    }
    let timeEnd = time + LogMoment.length
    guard unsafe bytes.holds("Z\"}\n", at: timeEnd - 1), unsafe bytes[time + 4] == UInt8(ascii: "-"),
      unsafe bytes[time + 10] == UInt8(ascii: "T"), unsafe bytes[time + 19] == UInt8(ascii: ".")
    else { return nil }
    return Parts(
      textEnd: textEnd, endsWithNewline: endsWithNewline, stream: stream, time: time, attributes: attributes,
      end: timeEnd + 3)
  }

  /// The first quotation mark or backslash, eight bytes at a time.
  private static func plainEnd(of bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    /// The highest bit of each byte that is zero, at least up to the first of them.
    @inline(__always) func zeros(_ word: UInt64) -> UInt64 {
      (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }
    var index = start
    while index + 8 <= bytes.count {
      let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      let found = zeros(word ^ 0x2222_2222_2222_2222) | zeros(word ^ 0x5c5c_5c5c_5c5c_5c5c)
      if found != 0 { return index + found.trailingZeroBitCount / 8 }
      index += 8
    }
    while index < bytes.count {
      if unsafe bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "\\") { return index }
      index += 1
    }
    return nil
  }

  private mutating func takeSlowly(
    _ line: UnsafeRawBufferPointer, _ take: (borrowing LogLine) throws(Fault) -> Bool
  ) throws(Fault) -> Bool {
    guard let stream = unsafe readSlowly(Array(line)) else { return true }
    return try unsafe text.span.bytes.withUnsafeBytes { (text) throws(Fault) in
      try unsafe time.span.bytes.withUnsafeBytes { (time) throws(Fault) in
        try unsafe attributes.span.bytes.withUnsafeBytes { (attributes) throws(Fault) in
          let line = unsafe LogLine(
            text: text, endsWithNewline: false, time: time, attributes: attributes, stream: stream)
          return try take(line)
        }
      }
    }
  }

  private mutating func readSlowly(_ line: [UInt8]) -> LogStream? {
    var (stream, time): (LogStream?, Timestamp?) = (nil, nil)
    var isText = false
    attributes.removeAll(keepingCapacity: true)
    do throws(JSONError) {
      var reader = try JSONReader(line, limits: JSONLimits(length: LogFile.longestLine * 2, depth: 4, values: 1024))
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "log":
          text = Array(try reader.string().utf8)
          isText = true
        case "stream": stream = LogStream(rawValue: try reader.string())
        case "time": time = Timestamp(rfc3339: try reader.string())
        case "attrs": LogFile.encode(attributes: try reader.stringMap(), into: &attributes)
        default: try reader.skip()
        }
      }
    } catch { return nil }
    guard isText, let stream, let time else { return nil }
    self.time = LogMoment(time).text
    return self.time.count == LogMoment.length ? stream : nil
  }
}
