internal import Compression
package import Kernel

/// A compressed file of a log that does not hold all that was written into it.
package struct LogDamage: Hashable, Sendable {
  package var file: Path
  /// What the decompressor says.
  package var reason: String
  /// Compressed bytes at the file's end that nothing was made of; 0 where the file ends too early.
  package var leftOut: Int
  /// Of the file, in bytes.
  package var size: Int
}

/// One file of a log, read from its front; what was compressed when it was full comes out as it was.
struct LogSource: ~Copyable {
  private let file: Descriptor
  private var position: Int
  private var decompressor: Decompressor?
  private var compressed = ReadingBuffer(capacity: 0)
  /// Of a compressed file, what is to be passed over of what comes out of it.
  private var skipped = 0
  private let isCompressed: Bool
  /// Said once its end, or where the damage begins, is reached.
  private var damage: (reason: String, leftOut: Int, size: Int)?

  init(_ file: consuming Descriptor, isCompressed: Bool, from start: Int = 0) throws(Fault) {
    if isCompressed {
      do throws(CompressionError) { decompressor = try Decompressor(.gzip) } catch {
        throw Fault("inflate", .outOfMemory, arguments: error.reason)
      }
      compressed = ReadingBuffer(capacity: 4096)
    }
    self.isCompressed = isCompressed
    self.file = file
    position = isCompressed ? 0 : start
    skipped = isCompressed ? start : 0
  }

  /// The file was begun anew, shorter than what was read of it.
  var isCutShort: Bool {
    isCompressed ? false : ((try? status(of: file.borrowed).size) ?? position) < position
  }

  mutating func startAgain() { position = 0 }

  /// Adds what comes next to `buffer`; 0 when there is nothing more now.
  mutating func read(into buffer: inout ReadingBuffer) throws(Fault) -> Int {
    if !isCompressed {
      let got = try buffer.fill(from: file.borrowed, at: position)
      position += got
      return got
    }
    while true {
      if compressed.count == 0 { position += try compressed.fill(from: file.borrowed, at: position) }
      let isAtEnd = compressed.count == 0
      do throws(CompressionError) {
        guard let progress = try unsafe inflate(compressed.bytes, buffer.room) else { return 0 }
        compressed.drop(progress.consumed)
        buffer.add(progress.produced)
        if skipped > 0 {
          // At the front of the file the buffer holds nothing else.
          let count = min(skipped, progress.produced)
          buffer.drop(count)
          skipped -= count
        }
        if progress.produced > 0 { return progress.produced }
        if isAtEnd {
          if let decoder = decompressor.take() { try decoder.finish() }
          return 0
        }
      } catch {
        // A damaged file ends where the damage begins: what is behind it is in the other files.
        let size = (try? status(of: file.borrowed).size) ?? position
        damage = (error.reason, max(0, size - (position - compressed.count)), size)
        compressed.clear()
        decompressor = nil
        return 0
      }
    }
  }

  /// What is wrong with the file, the first time it is asked for.
  mutating func takeDamage(in name: Path) -> LogDamage? {
    guard let found = damage.take() else { return nil }
    return LogDamage(file: name, reason: found.reason, leftOut: found.leftOut, size: found.size)
  }

  private mutating func inflate(
    _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> CodecProgress? {
    var output = unsafe MutableRawSpan(_unsafeBytes: room)
    return try unsafe decompressor?.step(RawSpan(_unsafeBytes: input), into: &output)
  }
}
