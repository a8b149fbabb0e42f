internal import Blobs
internal import ImageSpec
internal import JSON

/// The images that an OCI image layout's index.json names (image-layout.md), in an archive or a directory.
struct LayoutImages {
  /// containerd and docker write the whole name here, and only the tag into the annotation of the specification.
  static let containerdName = "io.containerd.image.name"
  static let referenceName = "org.opencontainers.image.ref.name"
  /// An index of indexes is what builders write; more levels nobody has.
  private static let maximumDepth = 4
  private static let maximumCount = 10_000

  private(set) var images: [FoundImage] = []
  private var referrers: [FoundReferrer] = []
  /// What is in the list and is no image, or for another platform: told when nothing is left.
  private var leftOut: [String] = []
  private let choice: ImageChoice

  init(_ source: borrowing some ImageSource & ~Copyable, _ choice: ImageChoice) throws(StoreError) {
    self.choice = choice
    guard let bytes = try source.document("index.json", limit: Index.jsonLimits.length) else {
      throw StoreError(
        .invalid, "what is to be read is no OCI image layout: it has no index.json",
        hint: "an OCI image layout has oci-layout, index.json and blobs")
    }
    if let layout = try source.document("oci-layout", limit: 1 << 16) { try Self.checkVersion(layout) }
    let index: Index = try source.parse(bytes, "index.json")
    guard index.manifests.count <= Self.maximumCount else {
      throw StoreError(.invalid, "index.json is refused: more than \(Self.maximumCount) images")
    }
    for descriptor in index.manifests {
      if let referrer = try? Self.referrer(descriptor, in: source) {
        referrers.append(referrer)
      } else if choice.name == nil || Self.isNamed(descriptor, choice.name) {
        try add(descriptor, names: Self.names(of: descriptor), from: source)
      }
    }
    for image in images.indices { attachReferrers(to: image) }
    if images.isEmpty { throw nothing(in: index) }
  }

  /// Nil for what is no such manifest, and an error for one that is not complete: what is about an image is no reason to refuse
  /// the image.
  private static func referrer(
    _ descriptor: ContentDescriptor, in source: borrowing some ImageSource & ~Copyable
  ) throws(StoreError) -> FoundReferrer? {
    guard descriptor.mediaType.isManifest else { return nil }
    let manifest: Manifest = try source.parse(descriptor, "manifest")
    guard let subject = manifest.subject, manifest.artifactType != nil || !manifest.config.mediaType.isImageConfig
    else {
      return nil
    }
    var blobs = [try source.blob(descriptor, "manifest"), try source.blob(manifest.config, "config")]
    for layer in manifest.layers { blobs.append(try source.blob(layer, "layer")) }
    // They are read as documents are.
    guard blobs.allSatisfy({ $0.size <= 64 << 20 }) else { return nil }
    var named = ContentDescriptor(mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size)
    named.artifactType = manifest.artifactType ?? manifest.config.mediaType.rawValue
    return FoundReferrer(descriptor: named, subject: subject.digest, blobs: blobs)
  }

  private mutating func attachReferrers(to image: Int) {
    var about: Set<Digest> = [images[image].manifest.digest]
    while let next = referrers.firstIndex(where: { about.contains($0.subject) }) {
      let referrer = referrers.remove(at: next)
      about.insert(referrer.descriptor.digest)
      images[image].referrers.append(referrer)
    }
  }

  private static func checkVersion(_ bytes: [UInt8]) throws(StoreError) {
    let layout: JSONValue
    do throws(JSONError) { layout = try JSONValue(parsing: bytes, limits: JSONLimits(length: 1 << 16, depth: 8)) } catch
    {
      throw StoreError(.invalid, "oci-layout is refused: \(error)")
    }
    guard layout["imageLayoutVersion"]?.string?.hasPrefix("1.") == true else {
      throw StoreError(.invalid, "oci-layout is refused: its imageLayoutVersion is not 1")
    }
  }

  private static func isNamed(_ descriptor: ContentDescriptor, _ name: String?) -> Bool {
    descriptor.annotations[referenceName] == name || descriptor.annotations[containerdName] == name
  }

  /// A name that is none of ours to give (`v1.2/Foo`) is no reason to refuse the image; it comes without one.
  private static func names(of descriptor: ContentDescriptor) -> [Reference] {
    guard let text = descriptor.annotations[containerdName] ?? descriptor.annotations[referenceName],
      let reference = try? Reference(text), reference.digest == nil
    else { return [] }
    return [reference]
  }

  private mutating func add(
    _ descriptor: ContentDescriptor, names: [Reference], from source: borrowing some ImageSource & ~Copyable
  ) throws(StoreError) {
    guard let manifest = try choose(descriptor, from: source, depth: 0) else { return }
    if let same = images.firstIndex(where: { $0.manifest.digest == manifest.digest }) {
      return images[same].names += names.filter { !images[same].names.contains($0) }
    }
    let found: Manifest = try source.parse(manifest, "manifest")
    guard found.mediaType == manifest.mediaType else {
      throw StoreError(
        .invalid,
        "manifest \(manifest.digest) is refused: it says \(found.mediaType), its descriptor \(manifest.mediaType)")
    }
    guard found.config.mediaType.isImageConfig else {
      return leftOut.append("\(manifest.digest) is no image: its config is \(found.config.mediaType)")
    }
    let config: ImageConfig = try source.parse(found.config, "config")
    if choice.isExact, !choice.platform.accepts(config.platform) {
      return leftOut.append("\(manifest.digest) is for \(config.platform)")
    }
    guard config.diffIDs.count == found.layers.count else {
      throw StoreError(
        .invalid, "image \(found.config.digest) names \(config.diffIDs.count) layers and has \(found.layers.count)")
    }
    let documents = [try source.blob(manifest, "manifest"), try source.blob(found.config, "config")]
    var layers: [FoundLayer] = []
    for (layer, diffID) in zip(found.layers, config.diffIDs) {
      _ = try source.blob(layer, "layer")
      layers.append(FoundLayer(blob: layer, diffID: diffID))
    }
    images.append(
      FoundImage(
        manifest: manifest, documents: documents, layers: layers, config: found.config.digest, names: names))
  }

  /// The manifest that a descriptor leads to, for the platform that is wanted.
  private mutating func choose(
    _ descriptor: ContentDescriptor, from source: borrowing some ImageSource & ~Copyable, depth: Int
  ) throws(StoreError) -> ContentDescriptor? {
    if descriptor.mediaType.isManifest { return descriptor }
    guard descriptor.mediaType.isIndex else {
      leftOut.append("\(descriptor.digest) is \(descriptor.mediaType)")
      return nil
    }
    guard depth < Self.maximumDepth else {
      throw StoreError(.invalid, "index \(descriptor.digest) is refused: indexes inside indexes without an end")
    }
    let index: Index = try source.parse(descriptor, "index")
    if let found = index.manifest(for: choice.platform) { return found }
    for inner in index.manifests where inner.mediaType.isIndex {
      if let found = try choose(inner, from: source, depth: depth + 1) { return found }
    }
    leftOut.append(
      "\(descriptor.digest) is for \(index.platforms.map(\.description).joined(separator: ", "))")
    return nil
  }

  private func nothing(in index: Index) -> StoreError {
    if let name = choice.name, leftOut.isEmpty {
      let names = index.manifests.compactMap { $0.annotations[Self.referenceName] }
      return StoreError(
        .notFound, "the OCI image layout has no image named \(name)",
        hint: names.isEmpty
          ? "its images have no names: leave the name out"
          : "it has \(names.prefix(8).map { String($0.prefix(128)) }.joined(separator: ", "))"
      )
    }
    return StoreError(
      .notFound,
      index.manifests.isEmpty
        ? "the OCI image layout holds no image" : "the OCI image layout holds no image for \(choice.platform)",
      hint: leftOut.isEmpty ? nil : leftOut.prefix(8).joined(separator: "; "))
  }
}
