internal import JSON
internal import Kernel

/// One line of the log, or a part of a long one, where the reader has it in memory: good for the call that gets it.
@safe package struct LogLine: ~Copyable {
  /// Without the newline, which is told apart so that most lines need no copy.
  private let text: UnsafeRawBufferPointer
  private let endsWithNewline: Bool
  /// RFC 3339 with nine digits, UTC: times sort as their texts do.
  private let time: UnsafeRawBufferPointer
  /// A JSON object, or nothing.
  private let attributes: UnsafeRawBufferPointer
  package let stream: LogStream

  @unsafe init(
    text: UnsafeRawBufferPointer, endsWithNewline: Bool, time: UnsafeRawBufferPointer,
    attributes: UnsafeRawBufferPointer, stream: LogStream
  ) {
    unsafe self.text = text
    self.endsWithNewline = endsWithNewline
    unsafe self.time = time
    unsafe self.attributes = attributes
    self.stream = stream
  }

  package func appendText(to bytes: inout [UInt8]) {
    unsafe bytes.append(contentsOf: text)
    if endsWithNewline { bytes.append(10) }
  }

  package func appendTime(to bytes: inout [UInt8]) { unsafe bytes.append(contentsOf: time) }

  /// What `--details` shows: the labels and variables that the log driver was told to keep, by name.
  package var details: [(name: String, value: String)] {
    guard unsafe !attributes.isEmpty, var reader = unsafe try? JSONReader(Array(attributes)),
      let map = try? reader.stringMap()
    else { return [] }
    return map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  package var entry: LogEntry {
    var bytes: [UInt8] = []
    appendText(to: &bytes)
    return LogEntry(
      text: String(decoding: bytes, as: UTF8.self), stream: stream,
      time: Timestamp(rfc3339: unsafe String(decoding: time, as: UTF8.self)) ?? Timestamp(seconds: 0, nanoseconds: 0))
  }

  func isBefore(_ moment: LogMoment) -> Bool { compare(moment) < 0 }
  func isAfter(_ moment: LogMoment) -> Bool { compare(moment) > 0 }

  private func compare(_ moment: LogMoment) -> Int {
    for (index, byte) in moment.text.enumerated() where unsafe time[index] != byte {
      return unsafe Int(time[index]) - Int(byte)
    }
    return 0
  }
}

/// A time in the form that a log's lines have.
struct LogMoment {
  /// The length of every line's time.
  static let length = 30
  let text: [UInt8]

  init(_ time: Timestamp) { text = Array(time.rfc3339.utf8.prefix(Self.length)) }
}
