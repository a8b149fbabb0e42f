internal import Arguments
package import Blobs
package import ImageSpec
internal import JSON
package import Kernel

/// The images of this machine: blobs and their unpacked layers.
package struct ImageStore: Sendable {
  package let blobs: BlobStore
  package let layers: LayerStore
  static let nameAnnotation = "org.opencontainers.image.ref.name"

  /// - Parameter root: `/var/lib/skiff`; what is missing below it is made, for root's eyes only.
  package init(root: Path, options: UnpackOptions = .standard) throws(StoreError) {
    blobs = try BlobStore(root: root.appending("images"))
    layers = try LayerStore(root: root, options: options)
  }

  private init(blobs: BlobStore, layers: LayerStore) {
    self.blobs = blobs
    self.layers = layers
  }

  /// The same unpacked layers over the blobs of another layout, which is only read.
  package func reading(blobs: BlobStore) -> ImageStore { ImageStore(blobs: blobs, layers: layers) }

  /// Takes away what commands that were killed left half done.
  package func heal() {
    blobs.heal()
    layers.heal()
  }

  // MARK: Finding

  /// The image by name (`bash`, `bash:5.2`, `name@sha256:…`), identifier, or the beginning of one, its layers unpacked.
  package func resolve(_ text: String) throws(StoreError) -> Image {
    try unpackLayers(of: try find(text))
  }

  /// The image of a manifest that no list needs to name, its layers unpacked.
  package func resolve(manifest: ContentDescriptor) throws(StoreError) -> Image {
    try unpackLayers(of: try load(manifest, Index()))
  }

  /// The image by any of its names, its layers not unpacked.
  package func find(_ text: String) throws(StoreError) -> Image {
    // Asked for one with words for what is wrong, a start would pay for the words about its image's name.
    let digest = text.utf8.starts(with: "sha256:".utf8) ? try? Digest(text) : Digest(hex: text)
    var reference: Reference?
    if digest == nil {
      do throws(ImageSpecError) { reference = try Reference(text) } catch { throw StoreError(.invalid, error.reason) }
    }
    // A start looks for a name, and has no time to read a thousand others.
    if let reference, reference.digest == nil,
      let entries = blobs.images(with: Self.nameAnnotation, reference.familiar), let named = entries.manifests.first
    {
      return try load(named, entries)
    }
    let index = try blobs.index()
    if let reference, let found = descriptor(of: reference, in: index) { return try load(found, index) }
    let hex = digest?.hex ?? text
    var found: [Image] = []
    for image in list(index) {
      // An identifier may be given as short as it is unique; a manifest's digest only in full.
      if image.id.hex.hasPrefix(hex) || image.manifestDigest == digest { found.append(image) }
    }
    if found.count > 1 {
      throw StoreError(.invalid, "image identifier \"\(text)\" is ambiguous", hint: "give more of its digits")
    }
    guard let image = found.first else { throw notFound(text, index) }
    return image
  }

  private func notFound(_ text: String, _ index: Index) -> StoreError {
    let names = index.manifests.compactMap { $0.annotations[Self.nameAnnotation] }.sorted()
    let asked = (try? Reference(text))?.familiar ?? text
    let message = "no such image: \(asked)"
    // Without tags, or two short names with the same one would be near each other.
    func name(_ text: String) -> String { (try? Reference(text))?.familiarName ?? text }
    if let near = nearest(to: name(asked), in: names.map(name)) {
      let meant = names.filter { name($0) == near }.prefix(3).joined(separator: " or ")
      return StoreError(.notFound, message, hint: "did you mean \(meant)? skiff images lists all of them")
    }
    let here = names.isEmpty ? "there are none yet" : "here are: \(names.prefix(8).joined(separator: ", "))"
    return StoreError(.notFound, message, hint: "\(here); skiff stage -t NAME PROGRAM… makes one")
  }

  private func descriptor(of reference: Reference, in index: Index) -> ContentDescriptor? {
    index.manifests.first { descriptor in
      guard let name = descriptor.annotations[Self.nameAnnotation] else { return false }
      guard let digest = reference.digest else { return name == reference.familiar }
      // A person may say the digest that the registry shows: for several platforms, the index's.
      guard descriptor.digest == digest || descriptor.annotations[Self.indexAnnotation] == digest.description else {
        return false
      }
      return (try? Reference(name))?.familiarName == reference.familiarName
    }
  }

  /// All images by name, then those without one.
  ///
  /// - Parameter leavesOut: told of each that cannot be read, by its name or digest.
  package func images(
    leavesOut: (_ name: String, _ reason: StoreError) -> Void = { _, _ in }
  ) throws(StoreError) -> [Image] { list(try blobs.index(), leavesOut: leavesOut) }

  private func list(_ index: Index, leavesOut: (String, StoreError) -> Void = { _, _ in }) -> [Image] {
    var seen: Set<Digest> = []
    var found: [Image] = []
    for descriptor in index.manifests where !descriptor.isArtifact && seen.insert(descriptor.digest).inserted {
      do throws(StoreError) { found.append(try load(descriptor, index)) } catch {
        leavesOut(descriptor.annotations[Self.nameAnnotation] ?? descriptor.digest.description, error)
      }
    }
    return found.sorted {
      ($0.tags.isEmpty ? 1 : 0, $0.tags.first ?? $0.id.hex) < ($1.tags.isEmpty ? 1 : 0, $1.tags.first ?? $1.id.hex)
    }
  }

  func load(_ descriptor: ContentDescriptor, _ index: Index) throws(StoreError) -> Image {
    var chosen = try self.manifest(of: descriptor)
    let manifest: Manifest = try parse(chosen, "manifest")
    chosen.annotations = [:]
    guard manifest.config.mediaType.isImageConfig else {
      throw StoreError(.invalid, "\(descriptor.digest) is no image: its config is \(manifest.config.mediaType)")
    }
    let config: ImageConfig = try parse(manifest.config, "config")
    guard config.diffIDs.count == manifest.layers.count else {
      throw StoreError(
        .damaged,
        "image \(manifest.config.digest) names \(config.diffIDs.count) layers and has \(manifest.layers.count)")
    }
    var names: [String] = []
    var origins: [String: Digest] = [:]
    for entry in index.manifests where entry.digest == descriptor.digest {
      guard let name = entry.annotations[Self.nameAnnotation] else { continue }
      names.append(name)
      origins[name] = entry.annotations[Self.indexAnnotation].flatMap { try? Digest($0) }
    }
    return Image(
      id: manifest.config.digest, manifestDigest: descriptor.digest, manifest: manifest, descriptor: chosen,
      config: config, tags: names.sorted(), origins: origins, lowerdirs: layers.lowerdirs(of: config.diffIDs))
  }

  /// The manifest of an image for one platform; of an index, as another tool may have written it here, the one for this
  /// machine.
  private func manifest(of descriptor: ContentDescriptor) throws(StoreError) -> ContentDescriptor {
    if descriptor.mediaType.isManifest { return descriptor }
    guard descriptor.mediaType.isIndex else {
      throw StoreError(.damaged, "\(descriptor.digest) in the list of images is no manifest")
    }
    let index: Index = try parse(descriptor, "index")
    guard let chosen = index.manifest(for: .host) else {
      throw StoreError(
        .notFound, "\(descriptor.digest) has no image for \(Platform.host)",
        hint: "it has \(index.platforms.map(\.description).joined(separator: ", "))")
    }
    return chosen
  }

  func parse<Document: JSONReadable>(
    _ descriptor: ContentDescriptor, _ what: String
  ) throws(StoreError) -> Document {
    let bytes = try blobs.read(descriptor)
    do throws(JSONError) { return try Document(parsing: bytes) } catch {
      throw StoreError(.invalid, "\(what) \(descriptor.digest) is refused: \(error)")
    }
  }

  /// Unpacks the layers of a manifest whose blobs are here, though no name leads to it yet.
  package func unpackLayers(of manifest: ContentDescriptor) throws(StoreError) {
    _ = try unpackLayers(of: try load(manifest, Index()))
  }

  private func unpackLayers(of image: Image) throws(StoreError) -> Image {
    var missing: [(layer: ContentDescriptor, diffID: Digest)] = []
    for (layer, diffID) in zip(image.manifest.layers, image.config.diffIDs)
    where !layers.use(diffID) && !missing.contains(where: { $0.diffID == diffID }) {
      missing.append((layer, diffID))
    }
    // No thread is made for an image whose layers are there.
    if missing.isEmpty { return image }
    try layers.unpack(missing, from: blobs)
    var unpacked = image
    unpacked.lowerdirs = layers.lowerdirs(of: image.config.diffIDs)
    return unpacked
  }
}
