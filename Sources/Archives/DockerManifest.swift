internal import Archive
internal import Blobs
internal import Hashing
internal import ImageSpec
internal import JSON

/// manifest.json of a docker-archive: the images by the paths of their files.
///
/// Source: moby, image/tarexport (`manifestItem`).
struct DockerManifest: JSONReadable {
  struct Item: JSONReadable {
    var config = ""
    var names: [String] = []
    var layers: [String] = []

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "Config": config = try reader.string()
        case "RepoTags": names = try reader.strings()
        case "Layers": layers = try reader.strings()
        default: try reader.skip()
        }
      }
      if config.isEmpty { throw reader.error("an image without Config") }
    }
  }
  var items: [Item]

  static var jsonLimits: JSONLimits { JSONLimits(length: 4 << 20, depth: 16, values: 200_000, allowsNUL: false) }

  init(from reader: inout JSONReader) throws(JSONError) {
    items = try reader.list()
  }
}

extension DockerManifest.Item {
  /// The image with a manifest made for it: the archive has none. The same archive gives the same one each time.
  func image(in archive: borrowing some ArchiveSource & ~Copyable) throws(StoreError) -> FoundImage {
    guard let (blob, bytes) = try archive.file(config, limit: ImageConfig.jsonLimits.length) else {
      throw missing("config", config)
    }
    if let claimed = Self.claimedDigest(config), claimed != blob.digest {
      throw StoreError(.invalid, "the archive is refused: \(config) has another digest (\(blob.digest.short)…)")
    }
    let parsed: ImageConfig = try archive.parse(bytes, "config \(config)")
    guard parsed.diffIDs.count == layers.count else {
      throw StoreError(
        .invalid,
        "the archive is refused: \(config) names \(parsed.diffIDs.count) layers and manifest.json \(layers.count)")
    }
    let names = try references()
    let found = try archive.layers(zip(layers, parsed.diffIDs).map { WantedLayer(path: $0, diffID: $1) })
    let configDescriptor = ContentDescriptor(mediaType: .ociConfig, digest: blob.digest, size: blob.size)
    let manifestBytes = Manifest(config: configDescriptor, layers: found.map(\.blob)).jsonBytes()
    let manifest = ContentDescriptor(
      mediaType: .ociManifest, digest: SHA256.digest(of: manifestBytes), size: Int64(manifestBytes.count))
    return FoundImage(
      manifest: manifest, manifestBytes: manifestBytes, documents: [blob], layers: found, config: blob.digest,
      names: names)
  }

  /// `HEX.json`, or `blobs/sha256/HEX` as docker has it since version 25.
  static func claimedDigest(_ path: String) -> Digest? {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    return Digest(hex: name.hasSuffix(".json") ? String(name.dropLast(5)) : name)
  }

  func references() throws(StoreError) -> [Reference] {
    var found: [Reference] = []
    for name in names {
      do throws(ImageSpecError) { found.append(try Reference(name)) } catch {
        throw StoreError(.invalid, "the archive is refused: \(error.reason)")
      }
    }
    return found
  }
}

extension DockerManifest {
  /// The images of an archive that is an OCI layout too, as docker writes them since version 25: manifests as they were
  /// made, names from manifest.json. Whoever reads only one of the two documents must see the same images.
  func named(_ images: [FoundImage]) throws(StoreError) -> [FoundImage] {
    var images = images
    for item in items {
      guard let config = Item.claimedDigest(item.config), let at = images.firstIndex(where: { $0.config == config })
      else {
        throw StoreError(
          .invalid, "the archive is refused: manifest.json has an image that index.json has not (\(item.config))")
      }
      let layers = images[at].layers.map(\.blob.digest)
      guard item.layers.count == layers.count,
        zip(item.layers, layers).allSatisfy({ Item.claimedDigest($0) == $1 })
      else {
        throw StoreError(
          .invalid, "the archive is refused: manifest.json and index.json disagree about the layers of \(item.config)")
      }
      images[at].names += try item.references().filter { !images[at].names.contains($0) }
    }
    return images
  }
}
