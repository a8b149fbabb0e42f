internal import Blobs
internal import ImageSpec
internal import Kernel

/// A layer's tree while it is made, in a directory of its own. Dropped, it is gone.
struct NewTree: ~Copyable {
  /// Where the tree is made; who owns the directory removes it.
  enum Place: ~Copyable {
    case own(WorkDirectory)
    case batch(Path, WriteOut)

    var path: Path {
      switch self {
      case .own(let directory): directory.path.appending("tree")
      case .batch(let path, _): path
      }
    }
  }

  // In this order: whoever writes to the directory has ended when it is removed.
  private let pipeline: LayerPipeline
  private let place: Place
  private let store: LayerStore
  private let writeOut: WriteOut

  init(in store: LayerStore) throws(StoreError) { try self.init(in: store, .own(WorkDirectory(in: store.work))) }

  init(in store: LayerStore, _ place: consuming Place) throws(StoreError) {
    let tree = place.path
    try storing("cannot unpack a layer") { () throws(Fault) in try makeDirectory(tree, mode: 0o755) }
    let writeOut =
      switch place {
      case .own: try WriteOut(of: store.layers)
      case .batch(_, let shared): shared
      }
    let pipeline = try LayerPipeline(into: tree, options: store.options, writeOut: writeOut)
    self.pipeline = pipeline
    self.writeOut = writeOut
    self.place = place
    self.store = store
  }

  var path: Path { place.path }

  /// The layer's next bytes, compressed as it is.
  func write(_ bytes: RawSpan) throws(StoreError) { try pipeline.write(bytes) }

  /// That was all, and the tree will be asked for later; the threads go on.
  func end() throws(StoreError) { try pipeline.end() }

  /// That was all: waits for the tree, which has no place yet.
  ///
  /// - Returns: the digest of the tar.
  func finish() throws(StoreError) -> Digest { try pipeline.finish() }

  /// Puts the tree in its place, the disk first. After `finish`.
  consuming func put(expecting expected: Digest?) throws(StoreError) -> Digest {
    let diffID = try finish()
    try Self.check(diffID, expected)
    try writeOut.end()
    try store.place([(place.path, diffID)])
    return diffID
  }

  static func check(_ diffID: Digest, _ expected: Digest?) throws(StoreError) {
    if let expected, expected != diffID {
      throw StoreError(.damaged, "layer \(expected) is damaged: its contents have another digest, \(diffID)")
    }
  }
}
