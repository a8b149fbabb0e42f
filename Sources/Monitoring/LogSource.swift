internal import Compression
internal import Kernel

/// One file of a log, read from its front; what was compressed when it was full comes out as it was.
struct LogSource: ~Copyable {
  private let file: Descriptor
  private var position: Int
  private var decompressor: Decompressor?
  private var compressed = ReadingBuffer(capacity: 0)
  /// Of a compressed file, what is to be passed over of what comes out of it.
  private var skipped = 0

  init(_ file: consuming Descriptor, isCompressed: Bool, from start: Int = 0) throws(Fault) {
    if isCompressed {
      do throws(CompressionError) { decompressor = try Decompressor(.gzip) } catch {
        throw Fault("inflate", .outOfMemory, arguments: error.reason)
      }
      compressed = ReadingBuffer(capacity: 65_536)
    }
    self.file = file
    position = isCompressed ? 0 : start
    skipped = isCompressed ? start : 0
  }

  /// The file was begun anew, shorter than what was read of it.
  var isCutShort: Bool {
    decompressor == nil ? ((try? status(of: file.borrowed).size) ?? position) < position : false
  }

  mutating func startAgain() { position = 0 }

  /// Adds what comes next to `buffer`; 0 when there is nothing more now.
  mutating func read(into buffer: inout ReadingBuffer) throws(Fault) -> Int {
    if decompressor == nil {
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
        if isAtEnd { return 0 }
      } catch {
        // A damaged file ends where the damage begins: what is behind it is in the other files.
        compressed.clear()
        decompressor = nil
        position = .max >> 1
        return 0
      }
    }
  }

  private mutating func inflate(
    _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> CodecProgress? {
    var output = unsafe MutableRawSpan(_unsafeBytes: room)
    return try unsafe decompressor?.step(RawSpan(_unsafeBytes: input), into: &output)
  }
}
