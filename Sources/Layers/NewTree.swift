internal import Blobs
internal import ImageSpec
internal import Kernel

/// A layer's tree while it is made, in a directory of its own. Dropped, it is gone.
struct NewTree: ~Copyable {
  // In this order: whoever writes to the directory has ended when it is removed.
  private let pipeline: LayerPipeline
  private let directory: WorkDirectory
  private let store: LayerStore

  init(in store: LayerStore) throws(StoreError) {
    let directory = try WorkDirectory(in: store.work)
    let tree = directory.path.appending("tree")
    try storing("cannot unpack a layer") { () throws(Fault) in try makeDirectory(tree, mode: 0o755) }
    let pipeline = try LayerPipeline(into: tree, options: store.options)
    self.pipeline = pipeline
    self.directory = directory
    self.store = store
  }

  /// The layer's next bytes, compressed as it is.
  func write(_ bytes: RawSpan) throws(StoreError) { try pipeline.write(bytes) }

  /// That was all: waits for the tree, which has no place yet.
  func contents() throws(StoreError) -> LayerPipeline.Result { try pipeline.finish() }

  /// Puts the tree in its place, the disk first. After `contents`.
  consuming func place(expecting expected: Digest?) throws(StoreError) {
    let diffID = try contents().diffID
    if let expected, expected != diffID {
      throw StoreError(
        .damaged, "layer \(expected) is damaged: its contents have another digest, \(diffID)")
    }
    try store.place(directory.path.appending("tree"), as: diffID)
  }
}
