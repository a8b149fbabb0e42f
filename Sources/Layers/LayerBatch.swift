package import Blobs
package import ImageSpec
internal import Kernel

/// Layers that are taken in together: they get their places once all of them are whole, behind one write-out to the disk, or
/// none does. Dropped, it leaves nothing. All of it belongs inside `BlobStore.whileAdding`.
package final class LayerBatch: Sendable {
  private struct State: Sendable {
    var count = 0
    var trees: [Digest: Path] = [:]
  }

  package let images: ImageStore
  /// Where blobs wait: those of the layers, and what else came with them.
  package let spool: Spool
  private let work: WorkDirectory
  private let writeOut: WriteOut
  private let state = Monitor(State())

  package init(in images: ImageStore) throws(StoreError) {
    self.images = images
    spool = try Spool(store: images.blobs)
    work = try WorkDirectory(in: images.layers.work)
    writeOut = try WriteOut(of: images.layers.work)
  }

  func makeTree() throws(StoreError) -> NewTree {
    let number = state.update { (state: inout State) -> Int in
      state.count += 1
      return state.count
    }
    return try NewTree(in: images.layers, .batch(work.path.appending("\(number)"), writeOut))
  }

  /// Waits for a tree, and keeps it until it gets its place.
  ///
  /// - Returns: the digest of its tar.
  func keep(_ tree: consuming NewTree) throws(StoreError) -> Digest {
    let path = tree.path
    do throws(StoreError) {
      let diffID = try tree.finish()
      state.update { $0.trees[diffID] = path }
      return diffID
    } catch {
      // What became of a bomb does not stay until all is over.
      discard(path)
      throw error
    }
  }

  func discard(_ path: Path) { try? removeTree(path) }

  /// Layers whose trees or blobs came through this batch get their places; trees first, as everywhere: a blob whose tree is
  /// not there is unpacked by whoever wants it.
  package func place(_ layers: [TakenLayer]) throws(StoreError) {
    try writeOut.end()
    let trees = state.update { $0.trees }
    var seen: Set<Digest> = []
    try images.layers.place(
      layers.compactMap { layer in
        guard !images.layers.contains(layer.diffID), let tree = trees[layer.diffID],
          seen.insert(layer.diffID).inserted
        else { return nil }
        return (tree, layer.diffID)
      })
    passKillSwitch("layer", 4)
    try spool.keep(layers.map(\.blob.digest))
    passKillSwitch("layer", 5)
  }
}

/// The tree of bytes that may be a layer: unpacked as they come, before anything has said that an image wants it and what its
/// contents must be. What is wrong with it counts only if one does.
package final class LooseTree {
  private var growing: NewTree?
  private var result: Result<Digest, StoreError>?
  private let batch: LayerBatch

  package init(in batch: LayerBatch) throws(StoreError) {
    self.batch = batch
    growing = try batch.makeTree()
  }

  /// Its threads end before the directory goes.
  deinit { growing = nil }

  package func write(_ bytes: ArraySlice<UInt8>) {
    attempt { (tree) throws(StoreError) in try unsafe tree.write(bytes.span.bytes) }
  }

  /// That was all; the threads go on.
  package func end() { attempt { (tree) throws(StoreError) in try tree.end() } }

  private func attempt(_ body: (borrowing NewTree) throws(StoreError) -> Void) {
    guard let tree = growing.take() else { return }
    do throws(StoreError) {
      try body(tree)
      growing = consume tree
    } catch {
      let path = tree.path
      result = .failure(error)
      // First the threads.
      _ = consume tree
      batch.discard(path)
    }
  }

  /// The digest of what the bytes hold; waits for the threads.
  @discardableResult
  package func contents() throws(StoreError) -> Digest {
    if let tree = growing.take() {
      do throws(StoreError) { result = .success(try batch.keep(tree)) } catch { result = .failure(error) }
    }
    switch result {
    case .success(let digest): return digest
    case .failure(let error): throw error
    case nil: throw BlockRing.cancelled
    }
  }
}
