internal import Blobs
internal import ImageSpec
internal import JSON
internal import Kernel

// The list of images: the one file that nothing else in the layout could be made anew from, were it not for what is in the
// blobs, in its copy, and in the records of containers.

extension StoreCheck {
  /// Reads the list, or makes one of what is left.
  mutating func checkIndex() throws(StoreError) {
    let reason: String
    do throws(StoreError) {
      index = try store.blobs.index()
      // A store that was never written to has none.
      guard !store.blobs.hasIndex, try !store.blobs.digests().isEmpty else { return }
      reason = "the list of images \(store.blobs.root)/index.json is missing"
    } catch {
      guard error.kind == .damaged else { throw error }
      reason = error.message
    }
    index = try rebuiltIndex()
    let names = index.manifests.compactMap { $0.annotations[ImageStore.nameAnnotation] }
    let images = Set(index.manifests.filter { !$0.isArtifact }.map(\.digest)).count
    let what =
      "of \(images) manifest\(images == 1 ? "" : "s") in the blobs, with the name\(names.count == 1 ? "" : "s") "
      + (names.isEmpty ? "lost" : names.sorted().joined(separator: ", "))
    found.store.append(
      try repairing(reason, "makes it anew \(what)", "made anew \(what)") { (check) throws(StoreError) in
        try check.store.blobs.replaceIndex(with: check.index)
      })
  }

  /// All manifests that are in the blobs and that no index there leads to; names from the copy first, then from containers.
  private func rebuiltIndex() throws(StoreError) -> Index {
    var rebuilt = Index()
    if let last = store.blobs.lastIndex() {
      rebuilt.manifests = last.manifests.filter { store.blobs.contains($0.digest) }
    }
    var listed = Set(rebuilt.manifests.map(\.digest))
    var inner: Set<Digest> = []
    var found: [(descriptor: ContentDescriptor, config: Digest?)] = []
    for digest in try store.blobs.digests() {
      guard let document = try document(digest) else { continue }
      switch document {
      case .index(let descriptor, let index):
        found.append((descriptor, nil))
        inner.formUnion(index.manifests.map(\.digest))
      case .manifest(let descriptor, let manifest): found.append((descriptor, manifest.config.digest))
      }
    }
    let taken = Set(rebuilt.manifests.compactMap { $0.annotations[ImageStore.nameAnnotation] })
    for (descriptor, config) in found where !inner.contains(descriptor.digest) {
      let names = request.knownNames.filter { $0.value == config && !taken.contains($0.key) }.map(\.key).sorted()
      if !names.isEmpty {
        rebuilt.manifests.removeAll {
          $0.digest == descriptor.digest && $0.annotations[ImageStore.nameAnnotation] == nil
        }
      } else if listed.contains(descriptor.digest) {
        continue
      } else {
        rebuilt.manifests.append(descriptor)
      }
      for name in names {
        var named = descriptor
        named.annotations[ImageStore.nameAnnotation] = name
        rebuilt.manifests.append(named)
      }
      listed.insert(descriptor.digest)
    }
    return rebuilt
  }

  private enum Document {
    case index(ContentDescriptor, Index)
    case manifest(ContentDescriptor, Manifest)
  }

  /// A blob as the manifest or index that it is; nil for any other, or one that is damaged.
  private func document(_ digest: Digest) throws(StoreError) -> Document? {
    guard let size = try store.blobs.size(of: digest), size <= Manifest.jsonLimits.length,
      let bytes = try? store.blobs.read(ContentDescriptor(mediaType: .ociManifest, digest: digest, size: size)),
      bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{")
    else { return nil }
    if let manifest = try? Manifest(parsing: bytes) {
      var descriptor = ContentDescriptor(mediaType: manifest.mediaType, digest: digest, size: size)
      if manifest.config.mediaType.isImageConfig { return .manifest(descriptor, manifest) }
      guard manifest.subject != nil else { return nil }
      descriptor.artifactType = manifest.artifactType ?? manifest.config.mediaType.rawValue
      return .manifest(descriptor, manifest)
    }
    guard let index = try? Index(parsing: bytes) else { return nil }
    return .index(ContentDescriptor(mediaType: index.mediaType, digest: digest, size: size), index)
  }
}
