internal import Kernel

/// Writes a container's log to its files. It never throws once it is there: a full disk must not stop a container, so what
/// cannot be kept is counted, and the log says so as soon as it takes a line again.
struct LogFileWriter: ~Copyable {
  private let path: Path
  private let format: LogFormat
  private let maximumSize: Int
  private let maximumFiles: Int
  /// The command line of this program that compresses what is full; nil when nothing is to be.
  private let compressor: [Path]?
  private var file: Descriptor?
  private var size = 0
  /// A write was cut off and could not be taken back: the next one begins with a newline.
  private var isTorn = false
  /// The last compressor that was started, until it is reaped.
  private var compressing: ProcessIdentifier?

  /// Whole lines that wait for the end of the call: they go out in one write(2), so that no reader sees half a line.
  private var encoded: [UInt8] = []
  private var encodedLines = 0
  private var encodedBytes = 0

  /// Lines and bytes of the container that are not in the log, and why the last of them is not.
  private(set) var lost: LogLoss?

  /// - Parameter mustOpen: false after a renewal, when the container runs: what cannot be opened now is tried again later.
  init(_ files: LogFileOptions, mustOpen: Bool) throws(Fault) {
    do throws(Fault) {
      let opened = try openLog(files.path)
      size = try files.format.repairEnd(of: opened.borrowed)
      file = consume opened
    } catch { if mustOpen { throw error } }
    path = files.path
    format = files.format
    maximumSize = max(4096, files.maximumSize)
    maximumFiles = max(1, files.maximumFiles)
    compressor = files.compressor
  }

  mutating func keep(_ part: ArraySlice<UInt8>, _ stream: LogStream, _ time: borrowing LogTime) {
    format.encode(part, stream, time, into: &encoded)
    encodedLines += 1
    encodedBytes += part.count
    if encoded.count >= min(32_768, maximumSize) { flush() }
  }

  mutating func pause() {
    flush()
    if encoded.capacity > 65_536 { encoded = [] }
  }

  // MARK: - Renewal

  borrowing func write(to message: inout RenewalMessage) {
    message.put(isTorn ? 1 : 0)
    message.put(lost)
  }

  mutating func readOn(from message: inout RenewalMessage) throws(Fault) {
    isTorn = try message.number() == 1
    lost = try message.loss()
  }

  // MARK: - Disk

  private mutating func flush() {
    if encodedLines == 0 { return }
    var head: [UInt8] = isTorn && format.hasLines ? [10] : []
    if let lost { format.encode(Array(lost.text.utf8)[...], .errors, LogTime(), into: &head) }
    do throws(Fault) {
      if !head.isEmpty { encoded.insert(contentsOf: head, at: 0) }
      if size > 0 && size + encoded.count > maximumSize { try rotate() }
      try write()
      (lost, isTorn) = (nil, false)
    } catch {
      var all = lost ?? LogLoss(reason: error.errno)
      all.add(lines: encodedLines, bytes: encodedBytes, error.errno)
      lost = all
    }
    encoded.removeAll(keepingCapacity: true)
    (encodedLines, encodedBytes) = (0, 0)
  }

  /// All of it or nothing: what a full disk cut off is taken back.
  private mutating func write() throws(Fault) {
    if file == nil {
      let opened = try openLog(path)
      size = try format.repairEnd(of: opened.borrowed)
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
        // Without newlines only a look at the whole file finds its last whole line: it is opened anew.
        if !format.hasLines { file = nil }
      }
      throw error
    }
  }

  /// Each file takes the name of the one before it; the oldest is overwritten by the next. A crash between two renames
  /// leaves a gap in the numbers, which readers step over and the next rotation closes.
  private mutating func rotate() throws(Fault) {
    if maximumFiles == 1 { return try beginAnew() }
    do throws(Fault) {
      // Whoever compresses looks for the number that a file has now, and puts another in its place.
      if compressor == nil {
        try renameAll()
      } else {
        guard let lock = try LogCompression.tryLock(path) else { return }
        try renameAll()
        try lock.close()
      }
    } catch {
      // A directory that takes no rename: the log grows on, which is better than to lose it, and than to wait.
      return
    }
    file = nil
    size = 0
    compress()
  }

  private func renameAll() throws(Fault) {
    func attempt(_ change: () throws(Fault) -> Void) throws(Fault) {
      do throws(Fault) { try change() } catch { if error.errno != .noSuchFile { throw error } }
    }
    let oldest = LogFile.name(path, rotation: maximumFiles - 1)
    if compressor != nil { try attempt { () throws(Fault) in try removeFile(LogFile.compressedName(oldest)) } }
    for rotation in stride(from: maximumFiles - 2, through: 0, by: -1) {
      let (old, new) = (LogFile.name(path, rotation: rotation), LogFile.name(path, rotation: rotation + 1))
      try attempt { () throws(Fault) in try rename(old, to: new) }
      if compressor == nil || rotation == 0 { continue }
      try attempt { () throws(Fault) in
        try rename(LogFile.compressedName(old), to: LogFile.compressedName(new))
      }
    }
  }

  /// In a process of its own: the container's output does not wait for it, and its memory is no supervisor's.
  private mutating func compress() {
    guard let compressor, !compressor.isEmpty else { return }
    if let before = compressing {
      // One that is not done yet takes this file too, or the next one does.
      guard let _ = try? wait(for: .process(before), block: false) else { return }
      compressing = nil
    }
    compressing = try? startThisProgram(arguments: compressor)
  }

  /// Another file takes the name: a reader has the old one until it has read it to its end, which truncation would take from
  /// under it.
  private mutating func beginAnew() throws(Fault) {
    let name = Path("\(path.string).new")
    let opened = try open(name, [.readWrite, .create, .truncate, .append, .noFollow], mode: 0o600)
    try rename(name, to: path)
    file = consume opened
    size = 0
  }
}

private func openLog(_ path: Path) throws(Fault) -> Descriptor {
  try open(path, [.readWrite, .create, .append, .noFollow], mode: 0o600)
}
