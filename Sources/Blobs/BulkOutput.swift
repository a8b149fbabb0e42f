internal import Kernel

/// A large file on its way to the disk, past the page cache (O_DIRECT) and by a thread of its own.
///
/// What is written so is not read again soon: a blob whose layer is unpacked while it comes. Through the page cache each of its
/// pages is found, counted, filled and taken to the disk by a thread of the kernel; in a virtual machine a page may have to come
/// from the host besides, which costs more than all else. And what others read stays there.
struct BulkOutput: ~Copyable {
  private struct Progress: Sendable {
    var failure: StoreError?
    var isOver = false
  }

  /// So much at once keeps a disk busy; a few of them while the disk has others to serve.
  private static let blockSize = 1 << 20
  private let ring = BlockRing(consumers: 1, blocks: 4, of: blockSize)
  private let progress = Monitor(Progress())
  /// Letting go of it waits for its end.
  private let thread: Thread

  /// - Parameter file: new, and open until this value is gone.
  init(_ file: BorrowedDescriptor) throws(StoreError) {
    let (ring, progress) = (self.ring, self.progress)
    thread = try storing("cannot write to the image store") { () throws(Fault) in
      try Thread("skiff-blob") {
        do throws(StoreError) { try Self.write(ring, to: file) } catch {
          progress.update { $0.failure = error }
          ring.cancel()
        }
        progress.update { $0.isOver = true }
      }
    }
  }

  deinit { ring.cancel() }

  /// - Throws: as soon as anything before has failed.
  func write(_ bytes: RawSpan) throws(StoreError) {
    do throws(StoreError) { try ring.append(bytes) } catch { throw failure ?? error }
  }

  /// That was all: waits until all of it is written, which is not to say on the disk.
  consuming func finish() throws(StoreError) {
    do throws(StoreError) { try ring.end() } catch { throw failure ?? error }
    if let failure = progress.wait(until: { $0.isOver ? .some($0.failure) : nil }) { throw failure }
  }

  private var failure: StoreError? { progress.update { $0.failure } }

  private static func write(_ ring: BlockRing, to file: BorrowedDescriptor) throws(StoreError) {
    // Not every file system can.
    var isDirect = (try? file.setDirect(true)) != nil
    var position = 0
    while let block = unsafe try ring.next(0) {
      try storing("cannot write to the image store") { () throws(Fault) in
        // The end of the file, which is no whole number of the disk's blocks.
        if isDirect, block.count < blockSize { try turnOff(&isDirect, of: file, at: position) }
        do throws(Fault) { try file.write(unsafe block.bytes) } catch {
          guard isDirect, error.errno == .invalid else { throw error }
          try turnOff(&isDirect, of: file, at: position)
          try file.write(unsafe block.bytes)
        }
      }
      position += block.count
      ring.release(0)
    }
    if isDirect { try storing("cannot write to the image store") { () throws(Fault) in try file.setDirect(false) } }
  }

  private static func turnOff(
    _ isDirect: inout Bool, of file: BorrowedDescriptor, at position: Int
  ) throws(Fault) {
    isDirect = false
    try file.setDirect(false)
    try file.seek(to: position)
  }
}
