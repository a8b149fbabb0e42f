package import Blobs
package import ImageSpec
internal import JSON
internal import Kernel

/// What a table shows of an image, and no more: it is read for a thousand at once.
package struct ImageSummary: Hashable, Sendable {
  /// The digest of its config.
  package var id: Digest
  package var manifestDigest: Digest
  /// Its names, familiar and sorted; none for an image that another took the name of.
  package var tags: [String]
  /// The digest of the index that it was chosen from, by name.
  package var origins: [String: Digest]
  /// RFC 3339.
  package var created: String?
  /// Bytes of its layers.
  package var size: Int64

  package init(_ image: Image) {
    id = image.id
    manifestDigest = image.manifestDigest
    tags = image.tags
    origins = image.origins
    created = image.config.created
    size = image.size
  }

  fileprivate init(id: Digest, manifestDigest: Digest, created: String?, size: Int64) {
    (self.id, self.manifestDigest, self.created, self.size) = (id, manifestDigest, created, size)
    tags = []
    origins = [:]
  }
}

extension ImageStore {
  /// All images by name, then those without one, as `images` gives them. Manifests and configs are proved by their digests
  /// here, too, and only what is shown is made of them.
  ///
  /// - Parameter leavesOut: told of each that cannot be read, by its name or digest.
  package func summaries(
    leavesOut: (_ name: String, _ reason: StoreError) -> Void = { _, _ in }
  ) throws(StoreError) -> [ImageSummary] {
    let index = try blobs.index()
    // An image has a place in the list for each of its names.
    var places: [Digest: Int] = [:]
    places.reserveCapacity(index.manifests.count)
    var listed: [(descriptor: ContentDescriptor, tags: [String])] = []
    var origins: [Digest: [String: Digest]] = [:]
    for descriptor in index.manifests where !descriptor.isArtifact {
      let name = descriptor.annotations[Self.nameAnnotation]
      if let name, let origin = descriptor.annotations[Self.indexAnnotation].flatMap({ try? Digest($0) }) {
        origins[descriptor.digest, default: [:]][name] = origin
      }
      if let place = places[descriptor.digest] {
        if let name { listed[place].tags.append(name) }
      } else {
        places[descriptor.digest] = listed.count
        listed.append((descriptor, name.map { [$0] } ?? []))
      }
    }
    var images: [ImageSummary] = []
    images.reserveCapacity(listed.count)
    for (place, result) in try summaries(of: listed.map(\.descriptor)).enumerated() {
      switch result {
      case .success(var summary):
        summary.tags = listed[place].tags.count > 1 ? listed[place].tags.sorted() : listed[place].tags
        summary.origins = origins[summary.manifestDigest] ?? [:]
        images.append(summary)
      case .failure(let reason):
        leavesOut(listed[place].tags.first ?? listed[place].descriptor.digest.description, reason)
      }
    }
    return images.sorted {
      switch ($0.tags.first, $1.tags.first) {
      case (let first?, let second?): first < second
      case (nil, nil): $0.id.hex < $1.id.hex
      case (let first, _): first != nil
      }
    }
  }

  /// A few hundred are read by one thread, more by as many as there are processors.
  private func summaries(
    of descriptors: [ContentDescriptor]
  ) throws(StoreError) -> [Result<ImageSummary, StoreError>] {
    let share = 250
    let shares = (descriptors.count + share - 1) / share
    let parts = try performConcurrently(shares, "skiff-images") { (part) throws(StoreError) in
      let reader = try BlobReader(blobs)
      var results: [Result<ImageSummary, StoreError>] = []
      for descriptor in descriptors[(part * share)..<min((part + 1) * share, descriptors.count)] {
        do throws(StoreError) { results.append(.success(try summary(of: descriptor, reader))) } catch {
          results.append(.failure(error))
        }
      }
      return results
    }
    return parts.flatMap { $0 }
  }

  private func summary(
    of descriptor: ContentDescriptor, _ reader: borrowing BlobReader
  ) throws(StoreError) -> ImageSummary {
    // Of an index, as another tool may have put it here, the one for this machine.
    guard descriptor.mediaType.isManifest else { return ImageSummary(try load(descriptor, Index())) }
    let bytes = try reader.read(descriptor.digest, size: descriptor.size, limit: Manifest.jsonLimits.length)
    let manifest: ManifestOutline = try outline(bytes, "manifest", descriptor.digest)
    guard manifest.configType.isImageConfig else {
      throw StoreError(.invalid, "\(descriptor.digest) is no image: its config is \(manifest.configType)")
    }
    let config: ConfigOutline = try outline(
      reader.read(manifest.config, size: manifest.configSize, limit: ImageConfig.jsonLimits.length), "config",
      manifest.config)
    guard config.layerCount == manifest.layerCount else {
      throw StoreError(
        .damaged, "image \(manifest.config) names \(config.layerCount) layers and has \(manifest.layerCount)")
    }
    return ImageSummary(
      id: manifest.config, manifestDigest: descriptor.digest, created: config.created, size: manifest.size)
  }

  private func outline<Outline: JSONReadable>(
    _ bytes: [UInt8], _ what: String, _ digest: Digest
  ) throws(StoreError) -> Outline {
    do throws(JSONError) { return try Outline(parsing: bytes) } catch {
      throw StoreError(.invalid, "\(what) \(digest) is refused: \(error)")
    }
  }
}

/// Of a manifest, what a table needs and what says that it is one.
private struct ManifestOutline: JSONReadable {
  var config: Digest
  var configType: MediaType
  var configSize: Int64
  var layerCount = 0
  var size: Int64 = 0
  static var jsonLimits: JSONLimits { Manifest.jsonLimits }

  init(from reader: inout JSONReader) throws(JSONError) {
    var config: ContentDescriptor?
    var hasLayers = false
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "config": config = try reader.value()
      case "layers":
        hasLayers = true
        try reader.beginArray()
        while try reader.nextElement() {
          layerCount += 1
          let (sum, isTooMuch) = size.addingReportingOverflow(try Self.layerSize(&reader))
          if isTooMuch { throw reader.error("layers of more bytes than there are") }
          size = sum
        }
      case "manifests", "fsLayers": throw reader.error("no manifest of an image for one platform")
      default: try reader.skip()
      }
    }
    guard let config, hasLayers else { throw reader.error("a manifest without config and layers") }
    (self.config, configType, configSize) = (config.digest, config.mediaType, config.size)
  }

  private static func layerSize(_ reader: inout JSONReader) throws(JSONError) -> Int64 {
    var size: Int64?
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == "size" { size = try reader.integer() } else { try reader.skip() }
    }
    guard let size, size >= 0 else { throw reader.error("a descriptor without a size") }
    return size
  }
}

/// Of a config, its time and how many layers it names.
private struct ConfigOutline: JSONReadable {
  var created: String?
  var layerCount = 0
  static var jsonLimits: JSONLimits { ImageConfig.jsonLimits }

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "created": created = try reader.string()
      case "rootfs":
        try reader.beginObject()
        while let inner = try reader.nextMember() {
          guard inner == "diff_ids" else {
            try reader.skip()
            continue
          }
          try reader.beginArray()
          while try reader.nextElement() {
            layerCount += 1
            try reader.skip()
          }
        }
      default: try reader.skip()
      }
    }
  }
}
