package import Blobs
package import Compression
package import ImageSpec
internal import Kernel

/// What a layer must turn out to be; nil for what nobody said.
package struct LayerExpectation: Hashable, Sendable {
  /// The layer as it comes: its type, its digest, its size.
  package var blob: ContentDescriptor?
  /// The digest of its tar (`rootfs.diff_ids` of the image's config).
  package var diffID: Digest?

  package init(blob: ContentDescriptor? = nil, diffID: Digest? = nil) {
    self.blob = blob
    self.diffID = diffID
  }
}

/// A layer that is in the store, or in a batch on its way there.
package struct TakenLayer: Hashable, Sendable {
  package var blob: ContentDescriptor
  package var diffID: Digest

  package init(blob: ContentDescriptor, diffID: Digest) {
    self.blob = blob
    self.diffID = diffID
  }
}

/// Takes a layer in: the bytes are pushed once, from wherever they come, and are then both a blob, kept as it came, and an
/// unpacked tree. Where the tree of the contents that are expected is here, they are only kept.
///
/// ```
/// var intake = try LayerIntake(into: images, expecting: LayerExpectation(blob: descriptor))
/// while … { try intake.write(piece) }
/// let layer = try intake.finish()
/// ```
/// Nothing is in its place before `finish` has proved the digests and written everything to the disk; an intake that is
/// dropped leaves nothing. Many may run at once, and all belong inside `BlobStore.whileAdding`. Of a batch, `finish` proves
/// the digests, and the batch puts the layers in their places.
package struct LayerIntake: ~Copyable {
  // In this order: whoever writes to the batch's directory has ended when it is removed.
  private var tree: NewTree?
  private let batch: LayerBatch?
  private var blob: BlobWriter
  private var head: [UInt8] = []
  private let expected: LayerExpectation

  /// - Parameter resumes: whether it goes on from what an earlier intake of the expected blob left; `takeUp` comes first then.
  package init(
    into store: ImageStore, expecting expected: LayerExpectation = LayerExpectation(), resumes: Bool = false
  ) throws(StoreError) {
    try self.init(store, nil, expected, resumes: resumes)
  }

  package init(into batch: LayerBatch, expecting expected: LayerExpectation) throws(StoreError) {
    try self.init(batch.images, batch, expected, resumes: false)
  }

  private init(
    _ store: ImageStore, _ batch: LayerBatch?, _ expected: LayerExpectation, resumes: Bool
  ) throws(StoreError) {
    if let blob = expected.blob, blob.mediaType.layerCompression == nil {
      throw StoreError(.invalid, "layer \(blob.digest) is of an unknown type, \(blob.mediaType)")
    }
    let writer: BlobWriter
    if resumes, let blob = expected.blob {
      writer = try BlobWriter(store: store.blobs, resuming: blob)
    } else {
      writer = try BlobWriter(store: store.blobs)
    }
    let tree = try Self.makeTree(in: store, batch, unlessThere: expected.diffID)
    self.expected = expected
    self.batch = batch
    blob = writer
    self.tree = tree
  }

  /// The next bytes as they come. Waits while the unpacking is behind.
  ///
  /// - Throws: as soon as any part of the work has failed.
  package mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    if let expected = expected.blob, blob.count + Int64(bytes.count) > expected.size {
      throw StoreError(
        .damaged, "layer \(expected.digest) is refused: it has more than the \(expected.size) bytes that were declared")
    }
    try blob.write(bytes)
    try unpack(bytes)
  }

  private mutating func unpack(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    if head.count < CompressionFormat.headSize { head += bytes.prefix(CompressionFormat.headSize - head.count) }
    if let tree = tree.take() {
      unsafe try tree.write(bytes.span.bytes)
      self.tree = consume tree
    }
  }

  /// Unpacks what an earlier intake left of the blob.
  package mutating func takeUp() throws(StoreError) {
    while true {
      let bytes = try blob.takeUp()
      if bytes.isEmpty { return }
      try unpack(bytes[...])
    }
  }

  /// What has come stays on the disk, whatever becomes of this intake, until somebody takes it up.
  package mutating func keepForLater() throws(StoreError) { try blob.keepForLater() }

  /// Bytes so far.
  package var count: Int64 { blob.count }

  /// That was all: proves the digests and puts the tree and the blob in their places.
  package consuming func finish() throws(StoreError) -> TakenLayer {
    if let expected = expected.blob, blob.count != expected.size {
      throw StoreError(
        .damaged, "layer \(expected.digest) is refused: it has \(blob.count) bytes, and \(expected.size) were declared")
    }
    let type = expected.blob?.mediaType ?? MediaType(layer: CompressionFormat(detecting: head[...]))
    var diffID = expected.diffID
    if let batch {
      if let tree = tree.take() { diffID = try batch.keep(tree) }
      guard let diffID else { throw BlockRing.cancelled }
      try NewTree.check(diffID, expected.diffID)
      try blob.expect(expected.blob?.digest)
      let spooled = try blob.finish(in: batch.spool)
      let written = ContentDescriptor(mediaType: type, digest: spooled.digest, size: spooled.size)
      return TakenLayer(blob: expected.blob ?? written, diffID: diffID)
    }
    if let tree = tree.take() {
      _ = try tree.finish()
      try blob.expect(expected.blob?.digest)
      passKillSwitch("layer", 0)
      diffID = try tree.put(expecting: diffID)
    }
    passKillSwitch("layer", 4)
    try blob.expect(expected.blob?.digest)
    let written = try blob.finish(mediaType: type)
    passKillSwitch("layer", 5)
    guard let diffID else { throw BlockRing.cancelled }
    return TakenLayer(blob: expected.blob ?? written, diffID: diffID)
  }

  private static func makeTree(
    in store: ImageStore, _ batch: LayerBatch?, unlessThere diffID: Digest?
  ) throws(StoreError) -> NewTree? {
    if let diffID, try store.layers.isThere(diffID) { return nil }
    if let batch { return try batch.makeTree() }
    return try NewTree(in: store.layers)
  }
}

extension MediaType {
  /// Of a layer whose bytes are compressed so.
  package init(layer format: CompressionFormat) {
    self =
      switch format {
      case .none: .ociLayer
      case .gzip: .ociLayerGzip
      case .zstd: .ociLayerZstd
      }
  }
}
