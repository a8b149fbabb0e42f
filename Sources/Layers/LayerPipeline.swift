internal import Archive
package import Blobs
internal import Compression
internal import Hashing
internal import ImageSpec
internal import Kernel

/// The bytes of a layer become its tree:
///
/// ```
/// the caller ──▶ ring ──▶ inflate ──▶ ring ──┬─▶ hash     SHA-256 of the tar: the diffID
///   write                                     └─▶ write    files below `tree`  ──▶ disk (WriteOut)
/// ```
/// Three threads beside the caller's. Whichever fails first says why, and all of them stop; none of them is left when the
/// value is gone, however it goes.
struct LayerPipeline: ~Copyable {
  private struct Progress: Sendable {
    var failure: StoreError?
    var diffID: Digest?
    /// Threads whose work is not over.
    var working = 0
  }

  private let compressed = BlockRing(consumers: 1)
  /// 16 MB: hundreds of small files take the writer longer than the others, one large file shorter, and nobody waits.
  private let tar = BlockRing(consumers: 2, blocks: 64)
  private let progress = Monitor(Progress())
  private var threads = Threads()

  /// Where the threads are let go of, which waits for their end.
  private struct Threads: ~Copyable {
    var inflate: Thread?
    var hash: Thread?
    var write: Thread?
  }

  /// - Parameters:
  ///   - tree: a directory that is new and nobody else's.
  ///   - writeOut: is told what is unpacked.
  init(into tree: Path, options: UnpackOptions, writeOut: WriteOut) throws(StoreError) {
    let (compressed, tar) = (self.compressed, self.tar)
    do throws(StoreError) {
      threads.inflate = try start("skiff-inflate") { (_) throws(StoreError) in
        try Self.inflate(from: compressed, to: tar, options)
      }
      threads.hash = try start("skiff-hash") { (progress) throws(StoreError) in
        let digest = try Self.hash(tar)
        progress.update { $0.diffID = digest }
      }
      threads.write = try start("skiff-write") { (_) throws(StoreError) in
        // Modes come from the archive, not from whoever runs us.
        try FileModeMask.suspended { () throws(StoreError) in
          var stream = TarStream(tar, consumer: 1, writeOut)
          try TreeUnpacker.unpack(&stream, into: tree, limits: options.tar)
        }
      }
    } catch {
      stop()
      throw error
    }
  }

  deinit { stop() }

  private func stop() {
    compressed.cancel()
    tar.cancel()
    // Not one more file is made when this returns.
    progress.wait { $0.working == 0 ? true : nil }
  }

  private func start(
    _ name: String, _ body: @escaping @Sendable (Monitor<Progress>) throws(StoreError) -> Void
  ) throws(StoreError) -> Thread {
    let (compressed, tar, progress) = (self.compressed, self.tar, self.progress)
    progress.update { $0.working += 1 }
    do throws(Fault) {
      return try Thread(name) {
        do throws(StoreError) { try body(progress) } catch {
          progress.update { $0.failure = $0.failure ?? error }
          compressed.cancel()
          tar.cancel()
        }
        progress.update { $0.working -= 1 }
      }
    } catch {
      progress.update { $0.working -= 1 }
      throw StoreError("cannot unpack a layer", error)
    }
  }

  // MARK: The caller

  /// The next bytes of the layer as they came. Waits while the threads are behind.
  func write(_ bytes: RawSpan) throws(StoreError) {
    do throws(StoreError) { try compressed.append(bytes) } catch { throw failure ?? error }
  }

  /// That was all.
  func end() throws(StoreError) {
    do throws(StoreError) { try compressed.end() } catch { throw failure ?? error }
  }

  /// That was all: waits until the tree is written and hashed.
  ///
  /// - Returns: the digest of the tar.
  func finish() throws(StoreError) -> Digest {
    try end()
    let done = progress.wait { $0.working == 0 ? $0 : nil }
    if let failure = done.failure { throw failure }
    guard let diffID = done.diffID else { throw BlockRing.cancelled }
    return diffID
  }

  private var failure: StoreError? { progress.update { $0.failure } }

  // MARK: The threads

  private static func hash(_ tar: BlockRing) throws(StoreError) -> Digest {
    var hash = SHA256()
    while let block = unsafe try tar.next(0) {
      unsafe hash.update(block.bytes)
      tar.release(0)
    }
    return hash.finish()
  }

  private static func inflate(
    from compressed: BlockRing, to tar: BlockRing, _ options: UnpackOptions
  ) throws(StoreError) {
    var inflation = try Inflation(of: compressed, options)
    while !inflation.isAtEnd {
      unsafe try tar.produce { (block) throws(StoreError) in unsafe try inflation.fill(block) }
    }
    try inflation.finish()
    try tar.end()
  }
}

/// Compressed blocks on their way to become blocks of the tar.
@safe private struct Inflation: ~Copyable {
  private let compressed: BlockRing
  private var decompressor: Decompressor
  private var input: UnsafeRawBufferPointer?
  private var position = 0

  init(of compressed: BlockRing, _ options: UnpackOptions) throws(StoreError) {
    self.compressed = compressed
    unsafe input = try compressed.next(0)
    let head = unsafe input.map { unsafe Array($0.prefix(CompressionFormat.headSize)) } ?? []
    do throws(CompressionError) {
      decompressor = try Decompressor(
        CompressionFormat(detecting: head[...]), limits: options.decompression, gzip: options.gzip)
    } catch { throw StoreError(refused: error) }
  }

  var isAtEnd: Bool { unsafe input == nil }

  /// - Returns: how many bytes; fewer than there is room for only at the end.
  mutating func fill(_ block: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    var filled = 0
    while filled < block.count, let bytes = unsafe input {
      let progress: CodecProgress
      do throws(CompressionError) {
        var output = unsafe MutableRawSpan(_unsafeBytes: UnsafeMutableRawBufferPointer(rebasing: block[filled...]))
        progress = try decompressor.step(
          unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[position...])), into: &output)
      } catch { throw StoreError(refused: error) }
      position += progress.consumed
      filled += progress.produced
      if position == bytes.count && filled < block.count {
        compressed.release(0)
        unsafe input = try compressed.next(0)
        position = 0
      }
    }
    return filled
  }

  consuming func finish() throws(StoreError) {
    do throws(CompressionError) { try decompressor.finish() } catch { throw StoreError(refused: error) }
  }
}

extension StoreError {
  fileprivate init(refused error: CompressionError) { self.init(.invalid, "the layer is refused: \(error)") }
}

/// Work during which a new file has the mode that it is made with, whatever mask of whoever runs us.
package enum FileModeMask {
  private struct Shared: Sendable {
    var users = 0
    var before: FileMode = []
  }
  private static let shared = Monitor(Shared())

  /// Runs `body` in a thread whose mask is its own from then on. Where that is refused, as in a container that denies
  /// unshare(2), the whole process is without a mask until the last such work is done.
  ///
  /// - Parameter isolates: false for the second way, which tests ask for.
  package static func suspended(
    isolates: Bool = true, _ body: () throws(StoreError) -> Void
  ) throws(StoreError) {
    if isolates, (try? unshareFileSystemContext()) != nil {
      setFileModeMask([])
      return try body()
    }
    shared.update {
      if $0.users == 0 { $0.before = setFileModeMask([]) }
      $0.users += 1
    }
    defer {
      shared.update {
        $0.users -= 1
        if $0.users == 0 { setFileModeMask($0.before) }
      }
    }
    try body()
  }
}
