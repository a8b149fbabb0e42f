internal import Kernel

/// Blocks of bytes between threads: one fills them, each consumer sees all of them in order, and a block is filled again once
/// every consumer has let go of it. So a fast thread waits for a slow one, and memory is bounded.
@safe package final class BlockRing: @unchecked Sendable {
  private struct State {
    /// Blocks that were ever filled.
    var filled = 0
    /// By consumer, blocks that it let go of.
    var released: [Int]
    /// Blocks that every consumer let go of.
    var freed = 0
    /// Where the filled ones that are not freed lie, and how full they are, by their number modulo as many as there are.
    var places: [Int]
    var sizes: [Int]
    /// Those that can be filled. The last that became free is the first to be taken: what fits the processor's cache stays
    /// in it, and what is not needed is never touched.
    var free: [Int]
    var isEnded = false
    var isCancelled = false
  }

  /// Large enough that locks and wake-ups cost nothing beside the work, small enough for the processor's second cache.
  package static let blockSize = 1 << 18
  /// What every call throws after `cancel`; whoever cancelled knows the true reason.
  package static let cancelled = StoreError(.host, "the work was given up")

  private let size: Int
  private let blocks: [UnsafeMutableRawBufferPointer]
  private let state: Monitor<State>
  /// The block that is being filled, and how many bytes `append` has put there; the producer's own.
  private var filling: Int?
  private var open = 0

  /// - Parameter size: of each block, which begins on a page.
  package init(consumers: Int, blocks count: Int = 8, of size: Int = BlockRing.blockSize) {
    self.size = size
    unsafe blocks = SpareBlocks.take(count, of: size)
    state = Monitor(
      State(
        released: Array(repeating: 0, count: consumers), places: Array(repeating: 0, count: count),
        sizes: Array(repeating: 0, count: count), free: (0..<count).reversed()))
  }

  deinit {
    // What was never filled lies below what was.
    let free = state.update { $0.free }
    let rest = unsafe blocks.indices.filter { !free.contains($0) }
    unsafe SpareBlocks.give((free + rest).map { unsafe blocks[$0] }, of: size)
  }

  // MARK: The producer

  /// Waits for a free block and has it filled from its front.
  ///
  /// - Parameter body: gives the number of bytes; none is no block.
  package func produce(_ body: (UnsafeMutableRawBufferPointer) throws(StoreError) -> Int) throws(StoreError) {
    let index = try freeBlock()
    let filled = try unsafe body(blocks[index])
    if filled > 0 { publish(index, filled) }
  }

  /// Copies bytes; a block is handed on when it is full, or with `end`.
  package func append(_ bytes: RawSpan) throws(StoreError) {
    var start = 0
    while start < bytes.byteCount {
      let index = try freeBlock()
      let count = min(bytes.byteCount - start, size - open)
      unsafe bytes.withUnsafeBytes {
        unsafe UnsafeMutableRawBufferPointer(rebasing: blocks[index][open...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))
      }
      open += count
      start += count
      if open == size { publish(index, open) }
    }
  }

  /// Nothing more comes.
  package func end() throws(StoreError) {
    if open > 0 { publish(try freeBlock(), open) }
    state.update { $0.isEnded = true }
  }

  private func freeBlock() throws(StoreError) -> Int {
    let index = state.wait { (state: inout State) -> Int?? in
      if state.isCancelled { return .some(nil) }
      return (filling ?? state.free.popLast()).map { .some($0) }
    }
    filling = index
    guard let index else { throw Self.cancelled }
    return index
  }

  private func publish(_ index: Int, _ size: Int) {
    open = 0
    filling = nil
    state.update {
      $0.places[$0.filled % $0.places.count] = index
      $0.sizes[$0.filled % $0.sizes.count] = size
      $0.filled += 1
    }
  }

  // MARK: Consumers

  /// Waits for the consumer's next block, which stays as it is until `release`; nil at the end.
  package func next(_ consumer: Int) throws(StoreError) -> UnsafeRawBufferPointer? {
    enum Answer { case block(Int, Int), end, cancelled }
    let answer = state.wait { (state: inout State) -> Answer? in
      if state.isCancelled { return .cancelled }
      let index = state.released[consumer]
      let place = index % state.places.count
      if index < state.filled { return .block(state.places[place], state.sizes[place]) }
      return state.isEnded ? .end : nil
    }
    switch answer {
    case .block(let index, let size): return unsafe UnsafeRawBufferPointer(rebasing: blocks[index][..<size])
    case .end: return nil
    case .cancelled: throw Self.cancelled
    }
  }

  package func release(_ consumer: Int) {
    state.update {
      $0.released[consumer] += 1
      guard let slowest = $0.released.min() else { return }
      while $0.freed < slowest {
        $0.free.append($0.places[$0.freed % $0.places.count])
        $0.freed += 1
      }
    }
  }

  /// Everyone who waits, or ever will, is told to stop.
  package func cancel() { state.update { $0.isCancelled = true } }
}

/// Blocks of rings that are gone, for those of the next layer: their pages are there already. With the last ring all of them go.
@safe private struct SpareBlocks: @unchecked Sendable {
  private static let shared = Monitor(SpareBlocks())

  private var rings = 0
  /// Each list ends with what was used last.
  private var bySize: [Int: [UnsafeMutableRawBufferPointer]] = unsafe [:]

  /// For a ring that will give them back. The first is the one to begin with.
  static func take(_ count: Int, of size: Int) -> [UnsafeMutableRawBufferPointer] {
    unsafe shared.update { (spare: inout SpareBlocks) in
      spare.rings += 1
      // Pages of a block that is never filled are never touched.
      return unsafe (0..<count).map { _ in
        unsafe spare.bySize[size]?.popLast() ?? .allocate(byteCount: size, alignment: 4096)
      }
    }
  }

  static func give(_ blocks: [UnsafeMutableRawBufferPointer], of size: Int) {
    shared.update { (spare: inout SpareBlocks) in
      spare.rings -= 1
      unsafe spare.bySize[size, default: []] += blocks
      if spare.rings > 0 { return }
      unsafe spare.bySize.values.joined().forEach { unsafe $0.deallocate() }
      unsafe spare.bySize = [:]
    }
  }
}
