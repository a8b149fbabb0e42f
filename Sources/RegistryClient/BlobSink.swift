internal import Blobs
internal import ImageSpec
internal import Layers

/// Where the bytes of a blob go as they come.
protocol BlobSink: ~Copyable {
  /// Bytes so far.
  var count: Int64 { get }
  mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError)
  /// Takes the bytes that an earlier fetch left as if they had come just now.
  mutating func takeUpAll() throws(StoreError)
  /// Lets the next fetch go on from here, when this one goes no further.
  mutating func keepForLater() throws(StoreError)
  /// - Throws: when it is not the blob that was expected; nothing is left then.
  consuming func finish(expecting blob: ContentDescriptor) throws(StoreError)
}

extension BlobWriter: BlobSink {
  mutating func takeUpAll() throws(StoreError) { while try !takeUp().isEmpty {} }
}

/// A layer that is unpacked while it comes: the blob and the tree in one pass over the bytes.
struct LayerSink: BlobSink, ~Copyable {
  private var intake: LayerIntake

  init(_ layer: ContentDescriptor, diffID: Digest, into images: ImageStore) throws(StoreError) {
    intake = try LayerIntake(into: images, expecting: LayerExpectation(blob: layer, diffID: diffID), resumes: true)
  }

  var count: Int64 { intake.count }

  mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) { try intake.write(bytes) }

  mutating func takeUpAll() throws(StoreError) { try intake.takeUp() }

  mutating func keepForLater() throws(StoreError) { try intake.keepForLater() }

  consuming func finish(expecting blob: ContentDescriptor) throws(StoreError) { _ = try intake.finish() }
}
