package import Kernel

/// Writes a container's log. It never throws: a full disk must not stop a container, so what cannot be kept is counted, and
/// the log says so as soon as it takes a line again.
package struct LogWriter: ~Copyable {
  private let path: Path
  private let maximumSize: Int
  private let maximumFiles: Int
  private var file: Descriptor?
  private var size = 0
  /// A write was cut off and could not be taken back: the next one starts with a newline.
  private var isTorn = false

  /// What was written without a newline yet.
  private var partialOutput: [UInt8] = []
  private var partialErrors: [UInt8] = []
  /// Whole lines that wait for the end of the call: they go out in one write(2), so that no reader sees half a line.
  private var encoded: [UInt8] = []
  private var encodedLines = 0
  private var encodedBytes = 0

  /// Lines and bytes of the container that are not in the log, and why the last of them is not.
  package private(set) var lost: (lines: Int, bytes: Int, reason: Errno)?

  /// - Parameters:
  ///   - maximumSize: bytes of one file before the next is begun.
  ///   - maximumFiles: how many are kept, this one included; 1 begins the same one anew.
  package init(_ path: Path, maximumSize: Int = 10 << 20, maximumFiles: Int = 3) throws(Fault) {
    let opened = try openLog(path)
    size = try repairEnd(of: opened.borrowed)
    file = consume opened
    self.path = path
    self.maximumSize = max(4096, maximumSize)
    self.maximumFiles = max(1, maximumFiles)
  }

  /// What the container wrote, as it came: lines may begin and end anywhere in it.
  package mutating func append(_ bytes: ArraySlice<UInt8>, stream: LogStream) {
    let time = Array(now().rfc3339.utf8)
    // Out of the way while it is changed: two names for one array would copy it.
    var partial = stream == .output ? exchange(&partialOutput, []) : exchange(&partialErrors, [])
    var rest = bytes
    while let newline = rest.firstIndex(of: 10) {
      let line = rest[...newline]
      rest = rest[(newline + 1)...]
      if partial.isEmpty {
        keep(line, stream, time)
      } else {
        partial.append(contentsOf: line)
        keep(partial[...], stream, time)
        partial.removeAll(keepingCapacity: true)
      }
    }
    partial.append(contentsOf: rest)
    // Only what can no longer grow a part is kept now; the rest waits for its newline.
    var start = 0
    while partial.count - start > LogFile.longestPart {
      let length = LogFile.partLength(partial[start...])
      encode(partial[start..<(start + length)], stream, time)
      start += length
    }
    partial.removeFirst(start)
    if stream == .output { partialOutput = partial } else { partialErrors = partial }
    flush()
    if encoded.capacity > 65_536 { encoded = [] }
  }

  /// Keeps what has no newline yet. The container is over.
  package mutating func finish() {
    let time = Array(now().rfc3339.utf8)
    if !partialOutput.isEmpty { keep(exchange(&partialOutput, [])[...], .output, time) }
    if !partialErrors.isEmpty { keep(exchange(&partialErrors, [])[...], .errors, time) }
    flush()
  }

  // MARK: - Renewal

  /// What is not in the file yet.
  borrowing func write(to message: inout RenewalMessage) {
    message.put(partialOutput)
    message.put(partialErrors)
    message.put(isTorn ? 1 : 0)
    message.put(Int32(clamping: lost?.lines ?? 0))
    message.put(Int32(clamping: lost?.bytes ?? 0))
    message.put(lost?.reason.rawValue ?? 0)
  }

  mutating func readOn(from message: inout RenewalMessage) throws(Fault) {
    partialOutput = try message.data()
    partialErrors = try message.data()
    isTorn = try message.number() == 1
    let (lines, bytes) = (Int(try message.number()), Int(try message.number()))
    let reason = Errno(rawValue: try message.number())
    if lines > 0 { lost = (lines, bytes, reason) }
  }

  // MARK: - Lines

  private mutating func keep(_ line: ArraySlice<UInt8>, _ stream: LogStream, _ time: [UInt8]) {
    var rest = line
    while !rest.isEmpty {
      let length = LogFile.partLength(rest)
      encode(rest.prefix(length), stream, time)
      rest = rest.dropFirst(length)
    }
  }

  private mutating func encode(_ text: ArraySlice<UInt8>, _ stream: LogStream, _ time: [UInt8]) {
    LogFile.encode(text, stream, time: time, into: &encoded)
    encodedLines += 1
    encodedBytes += text.count
    if encoded.count >= min(32_768, maximumSize) { flush() }
  }

  // MARK: - Disk

  private mutating func flush() {
    if encodedLines == 0 { return }
    var head: [UInt8] = isTorn ? [10] : []
    if let lost {
      let text = "skiff: \(lost.lines) lines (\(lost.bytes) bytes) of this log were lost: \(lost.reason)\n"
      LogFile.encode(Array(text.utf8)[...], .errors, time: Array(now().rfc3339.utf8), into: &head)
    }
    do throws(Fault) {
      if !head.isEmpty { encoded.insert(contentsOf: head, at: 0) }
      if size > 0 && size + encoded.count > maximumSize { try rotate() }
      try write()
      (lost, isTorn) = (nil, false)
    } catch {
      lost = ((lost?.lines ?? 0) + encodedLines, (lost?.bytes ?? 0) + encodedBytes, error.errno)
    }
    encoded.removeAll(keepingCapacity: true)
    (encodedLines, encodedBytes) = (0, 0)
  }

  /// All of it or nothing: what a full disk cut off is taken back.
  private mutating func write() throws(Fault) {
    if file == nil {
      let opened = try openLog(path)
      size = try repairEnd(of: opened.borrowed)
      file = consume opened
    }
    guard let target = file?.borrowed else { return }
    do throws(Fault) {
      try target.write(encoded)
      size += encoded.count
    } catch {
      do throws(Fault) { try target.truncate(to: size) } catch {
        isTorn = true
        size = (try? status(of: target).size) ?? size
      }
      throw error
    }
  }

  /// Each file takes the name of the one before it; the oldest is overwritten by the next. A crash between two renames
  /// leaves a gap in the numbers, which readers step over and the next rotation closes.
  private mutating func rotate() throws(Fault) {
    if maximumFiles == 1 {
      try file?.borrowed.truncate(to: 0)
      size = 0
      return
    }
    do throws(Fault) {
      for rotation in stride(from: maximumFiles - 2, through: 0, by: -1) {
        do throws(Fault) {
          try rename(LogFile.name(path, rotation: rotation), to: LogFile.name(path, rotation: rotation + 1))
        } catch {
          if error.errno != .noSuchFile { throw error }
        }
      }
    } catch {
      // A directory that takes no rename: the log grows on, which is better than to lose it.
      return
    }
    file = nil
    size = 0
  }
}

private func openLog(_ path: Path) throws(Fault) -> Descriptor {
  try open(path, [.readWrite, .create, .append, .noFollow], mode: 0o600)
}

/// Takes away half a line that a crash left at the end; the size after that.
private func repairEnd(of file: BorrowedDescriptor) throws(Fault) -> Int {
  let size = try status(of: file).size
  if size == 0 { return 0 }
  let start = max(0, size - LogFile.longestLine)
  let tail = try file.read(size - start, at: start)
  guard let newline = tail.lastIndex(of: 10) else {
    // No line of ours is that long: leave it, it is not ours to judge.
    if start > 0 { return size }
    try file.truncate(to: 0)
    return 0
  }
  let end = start + newline + 1
  if end < size { try file.truncate(to: end) }
  return end
}

private func exchange<Value>(_ place: inout Value, _ new: Value) -> Value {
  let old = place
  place = new
  return old
}
