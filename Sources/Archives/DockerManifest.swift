internal import Archive
internal import Blobs
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
  func image(in members: borrowing ArchiveMembers) throws(StoreError) -> FoundImage {
    let configBlob = try file(config, "config", in: members)
    if let claimed = Self.claimedDigest(config), claimed != configBlob.digest {
      throw StoreError(
        .invalid, "the archive is refused: \(config) has another digest (\(configBlob.digest.short)…)")
    }
    let parsed: ImageConfig = try members.parse(
      members.read(configBlob, limit: ImageConfig.jsonLimits.length), "config \(config)")
    guard parsed.diffIDs.count == layers.count else {
      throw StoreError(
        .invalid,
        "the archive is refused: \(config) names \(parsed.diffIDs.count) layers and manifest.json \(layers.count)")
    }
    var blobs = [configBlob]
    var stack: [ContentDescriptor] = []
    for (path, diffID) in zip(layers, parsed.diffIDs) {
      let blob = try file(path, "layer", in: members)
      let type: MediaType
      switch try members.compression(of: blob) {
      case .gzip: type = .ociLayerGzip
      case .zstd: type = .ociLayerZstd
      case .none:
        type = .ociLayer
        guard blob.digest == diffID else {
          throw StoreError(
            .invalid, "the archive is refused: layer \(path) is not \(diffID), which the image is made of")
        }
      }
      blobs.append(blob)
      stack.append(ContentDescriptor(mediaType: type, digest: blob.digest, size: blob.size))
    }
    let configDescriptor = ContentDescriptor(mediaType: .ociConfig, digest: configBlob.digest, size: configBlob.size)
    let bytes = Manifest(config: configDescriptor, layers: stack).jsonBytes()
    let manifest = ContentDescriptor(
      mediaType: .ociManifest, digest: SHA256.digest(of: bytes), size: Int64(bytes.count))
    return FoundImage(
      manifest: manifest, manifestBytes: bytes, blobs: blobs, config: configBlob.digest, names: try references())
  }

  private func file(
    _ path: String, _ what: String, in members: borrowing ArchiveMembers
  ) throws(StoreError) -> SpooledBlob {
    if let blob = try members.blob(at: path) { return blob }
    throw StoreError(
      .invalid, "the archive is refused: \(what) \(path) is missing", hint: "the archive was not written to its end")
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
      let layers = images[at].blobs.dropFirst(2).map(\.digest)
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
