internal import Compression
package import Kernel

/// Compresses the files of a log that are full: the work of a process of its own, which a supervisor starts after a rotation.
/// It may be killed at any moment; the next one does what is left.
package enum LogCompression {
  /// Held by whoever changes the numbers of the files, for as long as that takes; nil when another has it.
  static func tryLock(_ log: Path) throws(Fault) -> Descriptor? {
    let file = try open(Path("\(log.string).lock"), [.readWrite, .create, .noFollow], mode: 0o600)
    guard try file.borrowed.tryLock(.exclusive) else { return nil }
    return file
  }

  package static func run(_ log: Path) throws(Fault) {
    // One at a time; the one that is at work takes what comes meanwhile.
    let turn = try open(Path("\(log.string).deflating"), [.readWrite, .create, .noFollow], mode: 0o600)
    guard try turn.borrowed.tryLock(.exclusive) else { return }
    let temporary = Path("\(log.string).gz.new")
    while var full = try LogFiles(path: log).list().last(where: { $0.rotation > 0 && !$0.isCompressed }) {
      guard let source = try LogFiles(path: log).open(&full), !full.isCompressed else { continue }
      let target = try open(temporary, [.writeOnly, .create, .truncate, .noFollow], mode: 0o600)
      try deflate(source.borrowed, to: target.borrowed, identity: full.identity)
      try publish(full.identity, temporary, log)
    }
  }

  /// The compressed file gets the number that the plain one has by now.
  private static func publish(_ identity: UInt64, _ compressed: Path, _ log: Path) throws(Fault) {
    let lock = try openLock(Path("\(log.string).lock"))
    defer { hold(lock) }
    guard let now = try LogFiles(path: log).list().first(where: { $0.identity == identity }) else { return }
    let name = LogFile.name(log, rotation: now.rotation)
    try rename(compressed, to: LogFile.compressedName(name))
    try removeFile(name)
  }

  private static func deflate(
    _ source: BorrowedDescriptor, to target: BorrowedDescriptor, identity: UInt64
  ) throws(Fault) {
    try target.write(LogFile.head(identity: identity))
    var position = 0
    var input = ReadingBuffer(capacity: 128 << 10)
    do {
      let compressor = try Compressor(.gzip)
      while true {
        position += try input.fill(from: source, at: position)
        let isLast = !input.isFull
        repeat {
          var output = ReadingBuffer(capacity: 128 << 10)
          var room = unsafe MutableRawSpan(_unsafeBytes: output.room)
          let progress = try unsafe compressor.step(
            RawSpan(_unsafeBytes: input.bytes), isLast: isLast, into: &room)
          input.drop(progress.consumed)
          output.add(progress.produced)
          try target.write(unsafe RawSpan(_unsafeBytes: output.bytes))
          if progress.isAtEnd { return }
        } while isLast || input.isFull
      }
    } catch let fault as Fault {
      throw fault
    } catch { throw Fault("deflate", .outOfMemory, arguments: "\(error)") }
  }
}
