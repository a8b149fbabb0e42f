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
  /// Puts documents into the store, where they may be already.
  func keep(_ blobs: [SpooledBlob]) throws(StoreError)
  /// Puts layers into the store, each once; those that need be are unpacked on the way.
  func keep(_ layers: [FoundLayer]) throws(StoreError)
}

/// An archive, where documents name files by their paths.
protocol ArchiveSource: ImageSource, ~Copyable {
  func contains(_ path: String) throws(StoreError) -> Bool
  /// All of a small file, nil when there is none.
  func file(_ path: String, limit: Int) throws(StoreError) -> (blob: SpooledBlob, bytes: [UInt8])?
  /// What lies at the places that a docker-archive's manifest.json gives for an image's layers.
  func layers(_ wanted: [WantedLayer]) throws(StoreError) -> [FoundLayer]
}

extension ArchiveSource where Self: ~Copyable {
  func document(_ path: String, limit: Int) throws(StoreError) -> [UInt8]? { try file(path, limit: limit)?.bytes }
}

/// A layer by its path in a docker-archive.
struct WantedLayer: Hashable, Sendable {
  var path: String
  /// What its contents must be, by the image's config.
  var diffID: Digest

  var isMissing: StoreError { missing("layer", path) }
  var isAnother: StoreError {
    StoreError(.invalid, "the archive is refused: layer \(path) is not \(diffID), which the image is made of")
  }
}

func missing(_ what: String, _ path: String) -> StoreError {
  StoreError(
    .invalid, "the archive is refused: \(what) \(path) is missing", hint: "the archive was not written to its end")
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
