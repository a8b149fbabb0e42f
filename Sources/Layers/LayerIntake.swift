package import Blobs
internal import Compression
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

/// A layer that is in the store.
package struct TakenLayer: Hashable, Sendable {
  package var blob: ContentDescriptor
  package var diffID: Digest
}

/// Takes a layer in: the bytes are pushed once, from wherever they come, and are then both a blob, kept as it came, and an
/// unpacked tree.
///
/// ```
/// var intake = try LayerIntake(into: images, expecting: LayerExpectation(blob: descriptor))
/// while … { try intake.write(piece) }
/// let layer = try intake.finish()
/// ```
/// Nothing is in its place before `finish` has proved the digests and written everything to the disk; an intake that is
/// dropped leaves nothing. Many may run at once, and all belong inside `BlobStore.whileAdding`.
package struct LayerIntake: ~Copyable {
  private let tree: NewTree
  private var blob: BlobWriter
  private let expected: LayerExpectation

  package init(into store: ImageStore, expecting expected: LayerExpectation = LayerExpectation()) throws(StoreError) {
    if let blob = expected.blob, blob.mediaType.layerCompression == nil {
      throw StoreError(.invalid, "layer \(blob.digest) is of an unknown type, \(blob.mediaType)")
    }
    let writer = try BlobWriter(store: store.blobs)
    let tree = try NewTree(in: store.layers)
    self.expected = expected
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
    unsafe try tree.write(bytes.span.bytes)
  }

  /// Bytes so far.
  package var count: Int64 { blob.count }

  /// That was all: proves the digests and puts the tree and the blob in their places.
  package consuming func finish() throws(StoreError) -> TakenLayer {
    if let expected = expected.blob, blob.count != expected.size {
      throw StoreError(
        .damaged, "layer \(expected.digest) is refused: it has \(blob.count) bytes, and \(expected.size) were declared")
    }
    let contents = try tree.contents()
    try blob.expect(expected.blob?.digest)
    passKillSwitch("layer", 0)
    try tree.place(expecting: expected.diffID)
    passKillSwitch("layer", 4)
    let written = try blob.finish(mediaType: expected.blob?.mediaType ?? MediaType(layer: contents.format))
    passKillSwitch("layer", 5)
    return TakenLayer(blob: expected.blob ?? written, diffID: contents.diffID)
  }
}

extension MediaType {
  fileprivate init(layer format: CompressionFormat) {
    self =
      switch format {
      case .none: .ociLayer
      case .gzip: .ociLayerGzip
      case .zstd: .ociLayerZstd
      }
  }
}
