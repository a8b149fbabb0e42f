package import Kernel

/// Takes what a container writes and brings it, line by line, to where its log is kept. It never throws and never waits: what
/// cannot be kept is counted, and the log says so as soon as it takes a line again.
package struct LogWriter: ~Copyable {
  private var lines = LineAssembler()
  private var files: LogFileWriter?
  private var forwarder: LogForwarder?

  /// Where the log is kept.
  package enum Target: Sendable {
    case files(LogFileOptions)
    case forwarded(LogReceiver)
  }

  /// - Parameter mustReach: false after a renewal, when the container runs: what cannot be reached now is tried again later.
  package init(_ target: Target, mustReach: Bool = true) throws(Fault) {
    switch target {
    case .files(let options): files = try LogFileWriter(options, mustOpen: mustReach)
    case .forwarded(let receiver): forwarder = try LogForwarder(receiver, mustReach: mustReach)
    }
  }

  /// Lines and bytes of the container that are not in the log, and why the last of them is not.
  package var lost: LogLoss? {
    switch files {
    case .some(let files): files.lost
    case .none:
      switch forwarder {
      case .some(let forwarder): forwarder.lost
      case .none: nil
      }
    }
  }

  /// What the container wrote, as it came: lines may begin and end anywhere in it.
  package mutating func append(_ bytes: ArraySlice<UInt8>, stream: LogStream) {
    let time = LogTime()
    // Out of the way while it is changed: two names for one array would copy it.
    var lines = exchange(&lines, LineAssembler())
    lines.append(bytes, stream) { keep($0, stream, time) }
    self.lines = lines
    files?.pause()
  }

  /// Keeps what has no newline yet, and waits a moment for a receiver that is behind. The container is over.
  package mutating func finish() {
    let time = LogTime()
    var lines = exchange(&lines, LineAssembler())
    lines.finish { keep($0, $1, time) }
    files?.pause()
    forwarder?.finish()
  }

  private mutating func keep(_ part: ArraySlice<UInt8>, _ stream: LogStream, _ time: LogTime) {
    files?.keep(part, stream, time)
    forwarder?.send(part, stream, time)
  }

  // MARK: - A receiver that is behind

  /// What to wait for until it can be written, because something waits to be sent.
  var waiting: BorrowedDescriptor? {
    switch forwarder {
    case .some(let forwarder): forwarder.waiting
    case .none: nil
    }
  }

  mutating func sendWaiting() { forwarder?.sendWaiting() }

  // MARK: - Renewal

  /// What is not in the log yet.
  borrowing func write(to message: inout RenewalMessage) {
    lines.write(to: &message)
    switch files {
    case .some(let files): files.write(to: &message)
    case .none: break
    }
    switch forwarder {
    case .some(let forwarder): forwarder.write(to: &message)
    case .none: break
    }
  }

  mutating func readOn(from message: inout RenewalMessage) throws(Fault) {
    try lines.readOn(from: &message)
    try files?.readOn(from: &message)
    try forwarder?.readOn(from: &message)
  }
}

extension LogWriter {
  /// A log in docker's json-file form.
  ///
  /// - Parameters:
  ///   - maximumSize: bytes of one file before the next is begun.
  ///   - maximumFiles: how many are kept, this one included; 1 begins the same one anew.
  package init(_ path: Path, maximumSize: Int = 10 << 20, maximumFiles: Int = 3) throws(Fault) {
    try self.init(.files(LogFileOptions(path, maximumSize: maximumSize, maximumFiles: maximumFiles)))
  }
}

/// The files of a log, and what is kept in them.
package struct LogFileOptions: Sendable {
  package var path: Path
  package var format: LogFormat
  package var maximumSize: Int
  package var maximumFiles: Int
  /// The command line of this program that compresses what is full. Nil when nothing is to be compressed; empty when somebody
  /// else does it.
  package var compressor: [Path]?

  package init(
    _ path: Path, format: LogFormat = .json(attributes: [:]), maximumSize: Int = 10 << 20, maximumFiles: Int = 3,
    compressor: [Path]? = nil
  ) {
    self.path = path
    self.format = format
    self.maximumSize = maximumSize
    self.maximumFiles = maximumFiles
    self.compressor = compressor
  }
}

/// What of the container's output is not in its log.
package struct LogLoss: Hashable, Sendable {
  package private(set) var lines = 0
  package private(set) var bytes = 0
  package private(set) var reason: Errno

  init(lines: Int = 0, bytes: Int = 0, reason: Errno) {
    self.lines = lines
    self.bytes = bytes
    self.reason = reason
  }

  mutating func add(lines: Int, bytes: Int, _ reason: Errno) {
    self.lines += lines
    self.bytes += bytes
    self.reason = reason
  }

  /// What the log says of it.
  var text: String { "skiff: \(lines) lines (\(bytes) bytes) of this log were lost: \(reason)\n" }
}

/// When something was written, in the forms that logs have.
struct LogTime {
  let timestamp = now()
  /// RFC 3339 with nine digits.
  let text: [UInt8]

  init() { text = Array(timestamp.rfc3339.utf8) }
}

extension RenewalMessage {
  mutating func put(_ loss: LogLoss?) {
    put(Int32(clamping: loss?.lines ?? 0))
    put(Int32(clamping: loss?.bytes ?? 0))
    put(loss?.reason.rawValue ?? 0)
  }

  mutating func loss() throws(Fault) -> LogLoss? {
    let (lines, bytes) = (Int(try number()), Int(try number()))
    let reason = Errno(rawValue: try number())
    return lines > 0 ? LogLoss(lines: lines, bytes: bytes, reason: reason) : nil
  }
}

func exchange<Value>(_ place: inout Value, _ new: Value) -> Value {
  let old = place
  place = new
  return old
}
