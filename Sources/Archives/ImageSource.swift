internal import Blobs
internal import ImageSpec
internal import JSON

/// Where images come from. What it gives for a digest has that digest.
protocol ImageSource: ~Copyable {
  /// A file by its path from the top, nil when there is none.
  func document(_ path: String, limit: Int) throws(StoreError) -> [UInt8]?
  /// All of a blob that is here.
  func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8]
  /// Nil when neither the source nor the store has the blob.
  func size(of digest: Digest) throws(StoreError) -> Int64?
  /// Puts the blob into the store, where it may be already.
  func keep(_ blob: SpooledBlob) throws(StoreError)
}

extension ImageSource where Self: ~Copyable {
  /// The blob that a descriptor means: it must be here, and of that size.
  func blob(_ descriptor: ContentDescriptor, _ what: String) throws(StoreError) -> SpooledBlob {
    guard let size = try size(of: descriptor.digest) else {
      throw StoreError(
        .invalid, "\(what) \(descriptor.digest) is missing", hint: "the archive or layout was not written to its end")
    }
    guard size == descriptor.size else {
      throw StoreError(
        .invalid, "\(what) \(descriptor.digest) has \(size) bytes, and its descriptor says \(descriptor.size)")
    }
    return SpooledBlob(digest: descriptor.digest, size: size)
  }

  /// A document by its descriptor.
  func parse<Document: JSONReadable>(
    _ descriptor: ContentDescriptor, _ what: String, as type: Document.Type = Document.self
  ) throws(StoreError) -> Document {
    try parse(read(blob(descriptor, what), limit: Document.jsonLimits.length), "\(what) \(descriptor.digest)")
  }

  func parse<Document: JSONReadable>(_ bytes: [UInt8], _ what: String) throws(StoreError) -> Document {
    do throws(JSONError) { return try Document(parsing: bytes) } catch {
      throw StoreError(.invalid, "\(what) is refused: \(error)")
    }
  }
}
