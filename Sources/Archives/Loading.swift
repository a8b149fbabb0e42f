package import Blobs
package import ImageSpec
internal import JSON
package import Kernel
package import Layers

/// What `load` tells of one image.
package struct LoadedImage: Hashable, Sendable {
  package var id: Digest
  /// Familiar; none for an image that came without a name.
  package var names: [String]
  /// Names that meant another image before, and that image.
  package var displaced: [DisplacedName]
}

extension LoadedImage {
  /// Docker's lines; what a name meant before is told, as it has lost it.
  package func report(isQuiet: Bool) -> [String] {
    let lost =
      isQuiet
      ? []
      : displaced.map {
        "The image \($0.name) already exists, renaming the old one with ID \($0.id) to empty string"
      }
    return lost + (names.isEmpty ? ["Loaded image ID: \(id)"] : names.map { "Loaded image: \($0)" })
  }
}

package struct DisplacedName: Hashable, Sendable {
  package var name: String
  package var id: Digest
  package init(name: String, id: Digest) {
    self.name = name
    self.id = id
  }
}

extension ImageStore {
  /// Reads a docker-archive or an oci-archive, front to back, and takes over its images: all of them, or none.
  ///
  /// - Parameters:
  ///   - file: also a pipe.
  ///   - kept: layers that containers stand on although no image of this store has them. Asked for once nobody is about to use
  ///     one more; where it cannot be known, nil, what was taken over of images that proved bad stays for a later removal.
  package func load(
    archive file: BorrowedDescriptor, _ choice: ImageChoice = ImageChoice(), keeping kept: (() -> Set<Digest>)?
  ) throws(StoreError) -> [LoadedImage] {
    try takingOver(keeping: kept) { () throws(StoreError) in
      let batch = try LayerBatch(in: self)
      if let archive = try ArchiveFile.open(file, into: batch) {
        return try register(try images(of: archive, choice), from: archive)
      }
      var input = try ArchiveInput(file, for: "skiff load")
      let archive = try ArchiveStream.read(&input, into: batch)
      return try register(try images(of: archive, choice), from: archive)
    }
  }

  /// The same from an OCI image layout in a directory.
  package func load(
    layout path: Path, _ choice: ImageChoice = ImageChoice(), keeping kept: (() -> Set<Digest>)?
  ) throws(StoreError) -> [LoadedImage] {
    try takingOver(keeping: kept) { () throws(StoreError) in
      let directory = try LayoutDirectory(path, into: self)
      return try register(try LayoutImages(directory, choice).images, from: directory)
    }
  }

  private func images(
    of archive: borrowing some ArchiveSource & ~Copyable, _ choice: ImageChoice
  ) throws(StoreError) -> [FoundImage] {
    let docker = try archive.document("manifest.json", limit: DockerManifest.jsonLimits.length)
    let isLayout = try archive.contains("index.json")
    guard let docker else {
      guard isLayout else {
        throw StoreError(
          .invalid, "the archive is refused: it has neither manifest.json nor index.json",
          hint: "a root file system in a tar is taken in by skiff import")
      }
      return try LayoutImages(archive, choice).images
    }
    let manifest: DockerManifest = try archive.parse(docker, "manifest.json")
    if isLayout { return try manifest.named(LayoutImages(archive, choice).images) }
    if manifest.items.isEmpty { throw StoreError(.invalid, "the archive is refused: manifest.json names no image") }
    var images: [FoundImage] = []
    for item in manifest.items { images.append(try item.image(in: archive)) }
    return images
  }

  /// What was kept for images that then proved bad goes again, unless somebody else is adding: then the next removal has it.
  func takingOver<Result>(
    keeping kept: (() -> Set<Digest>)?, _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    do throws(StoreError) { return try blobs.whileAdding(body) } catch {
      let failure = error
      if let kept { _ = try? removeUnreferencedIfFree(keeping: kept()) }
      throw failure
    }
  }

  /// Layers, then documents, then all names in one step.
  private func register(
    _ images: [FoundImage], from source: borrowing some ImageSource & ~Copyable
  ) throws(StoreError) -> [LoadedImage] {
    var named: [(descriptor: ContentDescriptor, reference: Reference?)] = []
    var seen: Set<FoundLayer> = []
    try source.keep(images.flatMap(\.layers).filter { seen.insert($0).inserted })
    try source.keep(images.flatMap { $0.documents + $0.referrers.flatMap(\.blobs) })
    for image in images {
      if let bytes = image.manifestBytes { _ = try blobs.put(bytes, mediaType: image.manifest.mediaType) }
      passKillSwitch("load", 1)
      try unpackLayers(of: image.manifest)
      passKillSwitch("load", 2)
      named += image.names.isEmpty ? [(image.manifest, nil)] : image.names.map { (image.manifest, $0) }
    }
    let before = Dictionary(
      try self.images().flatMap { image in image.tags.map { ($0, image.id) } }, uniquingKeysWith: { first, _ in first })
    try register(named)
    passKillSwitch("load", 3)
    try list(artifacts: images.flatMap { $0.referrers.map(\.descriptor) })
    return images.map { image in
      let names = image.names.map(\.familiar)
      return LoadedImage(
        id: image.config, names: names,
        displaced: names.compactMap { name in
          before[name].flatMap { $0 == image.config ? nil : DisplacedName(name: name, id: $0) }
        })
    }
  }
}
