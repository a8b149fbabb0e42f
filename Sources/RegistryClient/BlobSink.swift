internal import Blobs
internal import ImageSpec
internal import Layers

/// Where the bytes of a blob go as they come.
protocol BlobSink: ~Copyable {
  /// Bytes so far.
  var count: Int64 { get }
  mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError)
  /// - Throws: when it is not the blob that was expected; nothing is left then.
  consuming func finish(expecting blob: ContentDescriptor) throws(StoreError)
}

extension BlobWriter: BlobSink {}

/// A layer that is unpacked while it comes: the blob and the tree in one pass over the bytes.
struct LayerSink: BlobSink, ~Copyable {
  private var intake: LayerIntake

  init(_ layer: ContentDescriptor, diffID: Digest, into images: ImageStore) throws(StoreError) {
    intake = try LayerIntake(into: images, expecting: LayerExpectation(blob: layer, diffID: diffID))
  }

  var count: Int64 { intake.count }

  mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) { try intake.write(bytes) }

  consuming func finish(expecting blob: ContentDescriptor) throws(StoreError) { _ = try intake.finish() }
}
