internal import Blobs
internal import Kernel

/// Blocks of bytes between threads: one fills them, each consumer sees all of them in order, and a block is filled again once
/// every consumer has let go of it. So a fast thread waits for a slow one, and memory is bounded.
@safe final class BlockRing: @unchecked Sendable {
  private struct State {
    /// Blocks that were ever filled.
    var filled = 0
    /// By consumer, blocks that it let go of.
    var released: [Int]
    var sizes: [Int]
    var isEnded = false
    var isCancelled = false
  }

  /// Large enough that locks and wake-ups cost nothing beside the work, small enough for the processor's second cache.
  static let blockSize = 1 << 18
  /// What every call throws after `cancel`; whoever cancelled knows the true reason.
  static let cancelled = StoreError(.host, "the work on the layer was given up")

  private let blocks: [UnsafeMutableRawBufferPointer]
  private let state: Monitor<State>
  /// Bytes in the block that `append` is filling; the producer's own.
  private var open = 0

  init(consumers: Int, blocks count: Int = 8) {
    // Pages of a block that is never filled are never touched.
    unsafe blocks = (0..<count).map { _ in .allocate(byteCount: Self.blockSize, alignment: 4096) }
    state = Monitor(
      State(released: Array(repeating: 0, count: consumers), sizes: Array(repeating: 0, count: count)))
  }

  deinit { unsafe blocks.forEach { unsafe $0.deallocate() } }

  // MARK: The producer

  /// Waits for a free block and has it filled from its front.
  ///
  /// - Parameter body: gives the number of bytes; none is no block.
  func produce(_ body: (UnsafeMutableRawBufferPointer) throws(StoreError) -> Int) throws(StoreError) {
    let index = try freeBlock()
    let size = try unsafe body(blocks[index])
    if size > 0 { publish(index, size) }
  }

  /// Copies bytes; a block is handed on when it is full, or with `end`.
  func append(_ bytes: RawSpan) throws(StoreError) {
    var start = 0
    while start < bytes.byteCount {
      let index = try freeBlock()
      let count = min(bytes.byteCount - start, Self.blockSize - open)
      unsafe bytes.withUnsafeBytes {
        unsafe UnsafeMutableRawBufferPointer(rebasing: blocks[index][open...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))
      }
      open += count
      start += count
      if open == Self.blockSize { publish(index, open) }
    }
  }

  /// Nothing more comes.
  func end() throws(StoreError) {
    if open > 0 { publish(try freeBlock(), open) }
    state.update { $0.isEnded = true }
  }

  private func freeBlock() throws(StoreError) -> Int {
    let index = state.wait { (state: inout State) -> Int?? in
      if state.isCancelled { return .some(nil) }
      guard let slowest = state.released.min(), state.filled - slowest < state.sizes.count else { return nil }
      return state.filled % state.sizes.count
    }
    guard let index else { throw Self.cancelled }
    return index
  }

  private func publish(_ index: Int, _ size: Int) {
    open = 0
    state.update {
      $0.sizes[index] = size
      $0.filled += 1
    }
  }

  // MARK: Consumers

  /// Waits for the consumer's next block, which stays as it is until `release`; nil at the end.
  func next(_ consumer: Int) throws(StoreError) -> UnsafeRawBufferPointer? {
    enum Answer { case block(Int, Int), end, cancelled }
    let answer = state.wait { (state: inout State) -> Answer? in
      if state.isCancelled { return .cancelled }
      let index = state.released[consumer]
      if index < state.filled { return .block(index % state.sizes.count, state.sizes[index % state.sizes.count]) }
      return state.isEnded ? .end : nil
    }
    switch answer {
    case .block(let index, let size): return unsafe UnsafeRawBufferPointer(rebasing: blocks[index][..<size])
    case .end: return nil
    case .cancelled: throw Self.cancelled
    }
  }

  func release(_ consumer: Int) { state.update { $0.released[consumer] += 1 } }

  /// Waits until a consumer has let go of so many blocks.
  ///
  /// - Returns: how many they are by then; nil once no more blocks come.
  func waitForReleases(_ count: Int, by consumer: Int) -> Int? {
    state.wait { (state: inout State) -> Int?? in
      if state.isCancelled || state.isEnded { return .some(nil) }
      guard state.released[consumer] >= count else { return nil }
      return state.released[consumer]
    }
  }

  /// Everyone who waits, or ever will, is told to stop.
  func cancel() { state.update { $0.isCancelled = true } }
}
