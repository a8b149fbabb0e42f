internal import JSON
package import Kernel

/// A container's log as the system's journal has it, read by journalctl(1): the journal's files are systemd's affair.
package struct JournalLog: Sendable {
  private let program: Path
  private let container: String
  private let query: LogQuery
  /// Of each line, as JSON members; empty where nobody asked for them.
  private let attributes: [UInt8]

  /// More than a line of ours comes to as JSON, every byte a number of its own.
  private static let longestLine = 1 << 20
  /// The journal takes a moment to write down what it was sent.
  private static let patience = 500

  /// Nil where there is no journalctl.
  ///
  /// - Parameter container: its identifier.
  package init?(of container: String, attributes: [String: String], _ query: LogQuery) {
    guard let program = ["/usr/bin/journalctl", "/bin/journalctl"].map({ Path($0) }).first(where: { mayExecute($0) })
    else { return nil }
    self.program = program
    self.container = container
    self.query = query
    var bytes: [UInt8] = []
    LogFile.encode(attributes: attributes, into: &bytes)
    self.attributes = bytes
  }

  /// Everything that is there, oldest first; with a supervisor, what comes too, until that is gone.
  ///
  /// - Parameters:
  ///   - pause: called when all that is there has been taken.
  /// - Returns: the exit code of journalctl, which has said why; 0 where it was ended here.
  package func read(
    following supervisor: BorrowedDescriptor?, pause: () throws(Fault) -> Void, _ take: LogReader.Take
  ) throws(Fault) -> Int32 {
    let pipe = try makePipe()
    let process = try start(pipe.writing.borrowed, follows: supervisor != nil)
    try pipe.writing.close()
    var reading = Reading(input: pipe.reading, supervisor: supervisor)
    do throws(Fault) {
      let isAtEnd = try read(&reading, pause, take)
      if !isAtEnd { try? sendSignal(Signal.terminate, toProcess: process) }
      let code = try wait(for: .process(process))?.status.code ?? 0
      return isAtEnd ? code : 0
    } catch {
      try? sendSignal(Signal.terminate, toProcess: process)
      _ = try? wait(for: .process(process))
      throw error
    }
  }

  private struct Reading: ~Copyable {
    let input: Descriptor
    let supervisor: BorrowedDescriptor?
    var bytes: [UInt8] = []
    var decoder = LogDecoder()
  }

  private func start(_ output: BorrowedDescriptor, follows: Bool) throws(Fault) -> ProcessIdentifier {
    var words = [
      "journalctl", "--quiet", "--no-pager", "--all", "--output=json",
      "--output-fields=MESSAGE,PRIORITY,SYSLOG_TIMESTAMP,CONTAINER_PARTIAL_MESSAGE",
      "--lines=\(query.tail.map(String.init) ?? "all")",
    ]
    if follows { words.append("--follow") }
    if let since = query.since { words.append("--since=\(Self.words(since))") }
    words.append("CONTAINER_ID_FULL=\(container)")
    // Anybody may send the journal a line with that; who sent it, journald knows from the kernel. Supervisors have the user of
    // whoever starts them.
    words.append("_UID=\(userOfHost())")
    let null = try open("/dev/null", .readOnly)
    let input = try null.borrowed.duplicate(from: 3)
    let output = try output.duplicate(from: 3)
    let errors = try BorrowedDescriptor.standardError.duplicate(from: 3)
    return try spawn(
      program, arguments: words.map { Path($0) }, environment: ["LC_ALL=C"],
      streams: [input.borrowed, output.borrowed, errors.borrowed], startsSession: false)
  }

  /// `@SECONDS.MICROSECONDS` (systemd.time(7))
  private static func words(_ time: Timestamp) -> String {
    let fraction = String(time.nanoseconds / 1000)
    return "@\(time.seconds).\(String(repeating: "0", count: 6 - fraction.utf8.count))\(fraction)"
  }

  /// - Returns: whether journalctl ended by itself.
  private func read(
    _ reading: inout Reading, _ pause: () throws(Fault) -> Void, _ take: LogReader.Take
  ) throws(Fault) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var supervisor = reading.supervisor
    while true {
      var watched: [(BorrowedDescriptor, PollEvents)] = [(reading.input.borrowed, .readable)]
      if let supervisor { watched.append((supervisor, .readable)) }
      let hasEnded = reading.supervisor != nil && supervisor == nil
      let ready = try poll(watched, milliseconds: hasEnded ? Self.patience : millisecondsLeft(reading.supervisor))
      if ready.allSatisfy(\.isEmpty) {
        if hasEnded || isOver() { return false }
        continue
      }
      if ready.count > 1, !ready[1].isEmpty { supervisor = nil }
      guard !ready[0].isEmpty else { continue }
      let count = try reading.input.borrowed.read(into: &buffer)
      guard count > 0 else { return true }
      reading.bytes += buffer[..<count]
      guard try takeLines(&reading, take) else { return false }
      try pause()
    }
  }

  private func isOver() -> Bool { query.until.map { $0 <= now() } ?? false }

  /// Only who waits for what comes has to look at the clock.
  private func millisecondsLeft(_ supervisor: BorrowedDescriptor?) -> Int? {
    guard supervisor != nil, let until = query.until else { return nil }
    let present = now()
    return present < until ? Int(clamping: (until.seconds - present.seconds) * 1000 + 1000) : 0
  }

  /// - Returns: false once a line is later than what is wanted.
  private func takeLines(_ reading: inout Reading, _ take: LogReader.Take) throws(Fault) -> Bool {
    var start = 0
    while let end = reading.bytes[start...].firstIndex(of: 10) {
      let line = reading.bytes[start..<end]
      start = end + 1
      guard let entry = Entry(line) else { continue }
      if let until = query.until, entry.time > until { return false }
      if let since = query.since, entry.time < since { continue }
      try pass(entry, &reading.decoder, take)
    }
    reading.bytes.removeSubrange(..<start)
    // No line of ours is that long.
    if reading.bytes.count > Self.longestLine { reading.bytes = [] }
    return true
  }

  /// By way of the form that a file has, so that it is shown as any other line.
  private func pass(_ entry: Entry, _ decoder: inout LogDecoder, _ take: LogReader.Take) throws(Fault) {
    var bytes: [UInt8] = []
    let format: LogFormat = attributes.isEmpty ? .local : .json(attributes: attributes)
    switch format {
    case .local: LocalLogFormat.encode(entry.text[...], entry.stream, entry.time, into: &bytes)
    case .json(let attributes):
      LogFile.encode(
        entry.text[...], entry.stream, time: Array(entry.time.rfc3339.utf8), attributes: attributes, into: &bytes)
    }
    var failure: Fault?
    unsafe bytes.withUnsafeBytes { bytes in
      do throws(Fault) {
        _ = try unsafe decoder.decode(bytes, format) { (line) throws(Fault) in
          try take(line)
          return true
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// One entry of the journal.
  private struct Entry {
    /// With a newline where the line had one.
    var text: [UInt8]
    var stream: LogStream
    var time: Timestamp

    /// Nil for what is no line of a container.
    init?(_ line: ArraySlice<UInt8>) {
      guard line.count <= JournalLog.longestLine, let value = try? JSONValue(parsing: Array(line)) else { return nil }
      switch value["MESSAGE"] {
      case .string(let message): text = Array(message.utf8)
      // What is no text comes as numbers.
      case .array(let numbers): text = numbers.compactMap { $0.integer.flatMap(UInt8.init(exactly:)) }
      default: return nil
      }
      if value["CONTAINER_PARTIAL_MESSAGE"]?.string != "true" { text.append(10) }
      stream = value["PRIORITY"]?.string == "3" ? .errors : .output
      if let exact = value["SYSLOG_TIMESTAMP"]?.string.flatMap({ Timestamp(rfc3339: $0) }) {
        time = exact
      } else if let microseconds = value["__REALTIME_TIMESTAMP"]?.string.flatMap({ Int64($0) }) {
        time = Timestamp(seconds: 0, nanoseconds: 0).adding(
          nanoseconds: microseconds.multipliedReportingOverflow(by: 1000).partialValue)
      } else {
        return nil
      }
    }
  }
}
