internal import Kernel

/// Makes lines, or parts of long ones, of what a container writes in pieces that begin and end anywhere.
struct LineAssembler {
  /// What was written without a newline yet.
  private var output: [UInt8] = []
  private var errors: [UInt8] = []

  mutating func append(_ bytes: ArraySlice<UInt8>, _ stream: LogStream, _ keep: (ArraySlice<UInt8>) -> Void) {
    var partial = stream == .output ? exchange(&output, []) : exchange(&errors, [])
    var rest = bytes
    while let newline = rest.firstIndex(of: 10) {
      let line = rest[...newline]
      rest = rest[(newline + 1)...]
      if partial.isEmpty {
        Self.cut(line, keep)
      } else {
        partial.append(contentsOf: line)
        Self.cut(partial[...], keep)
        partial.removeAll(keepingCapacity: true)
      }
    }
    partial.append(contentsOf: rest)
    // Only what can no longer grow a part is kept now; the rest waits for its newline.
    var start = 0
    while partial.count - start > LogFile.longestPart {
      let length = LogFile.partLength(partial[start...])
      keep(partial[start..<(start + length)])
      start += length
    }
    partial.removeFirst(start)
    if stream == .output { output = partial } else { errors = partial }
  }

  /// Keeps what has no newline.
  mutating func finish(_ keep: (ArraySlice<UInt8>, LogStream) -> Void) {
    Self.cut(exchange(&output, [])[...]) { keep($0, .output) }
    Self.cut(exchange(&errors, [])[...]) { keep($0, .errors) }
  }

  private static func cut(_ line: ArraySlice<UInt8>, _ keep: (ArraySlice<UInt8>) -> Void) {
    var rest = line
    while !rest.isEmpty {
      let length = LogFile.partLength(rest)
      keep(rest.prefix(length))
      rest = rest.dropFirst(length)
    }
  }

  func write(to message: inout RenewalMessage) {
    message.put(output)
    message.put(errors)
  }

  mutating func readOn(from message: inout RenewalMessage) throws(Fault) {
    output = try message.data()
    errors = try message.data()
  }
}
