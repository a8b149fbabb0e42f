internal import Kernel

/// What the files of a log look like.
package enum LogFormat: Sendable {
  /// Docker's json-file: a JSON object a line, with the attributes in each.
  case json(attributes: [UInt8])
  /// Docker's local: protocol buffers between their lengths (LocalLogFormat.swift). It keeps every byte as it was.
  case local

  package static func json(attributes: [String: String]) -> LogFormat {
    var bytes: [UInt8] = []
    LogFile.encode(attributes: attributes, into: &bytes)
    return .json(attributes: bytes)
  }

  /// A newline ends what it holds, so that a reader finds the next line behind a torn one.
  var hasLines: Bool {
    switch self {
    case .json: true
    case .local: false
    }
  }

  func encode(
    _ text: ArraySlice<UInt8>, _ stream: LogStream, _ time: borrowing LogTime, into bytes: inout [UInt8]
  ) {
    switch self {
    case .json(let attributes): LogFile.encode(text, stream, time: time.text, attributes: attributes, into: &bytes)
    case .local: LocalLogFormat.encode(text, stream, time.timestamp, into: &bytes)
    }
  }

  /// Takes away half a line that a crash left at the end; the size after that.
  func repairEnd(of file: BorrowedDescriptor) throws(Fault) -> Int {
    let size = try status(of: file).size
    if size == 0 { return 0 }
    let end =
      switch self {
      case .json: try LogFile.wholeLines(of: file, size: size)
      case .local: try LocalLogFormat.wholeEntries(of: file, size: size)
      }
    if end < size { try file.truncate(to: end) }
    return end
  }
}

extension LogFile {
  fileprivate static func wholeLines(of file: BorrowedDescriptor, size: Int) throws(Fault) -> Int {
    let start = max(0, size - longestLine)
    let tail = try file.read(size - start, at: start)
    // No line of ours is that long: leave it, it is not ours to judge.
    guard let newline = tail.lastIndex(of: 10) else { return start > 0 ? size : 0 }
    return start + newline + 1
  }
}
