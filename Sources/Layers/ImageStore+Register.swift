package import Blobs
package import ImageSpec

extension ImageStore {
  /// Where the digest of the index that an image was chosen from is written down.
  static let indexAnnotation = "org.skiff.index"

  /// Names an image whose blobs are all in the store, and unpacks its layers first: what cannot be unpacked gets no name.
  ///
  /// - Parameters:
  ///   - manifest: of the image for one platform.
  ///   - index: what its reference means at the registry, when that is an index.
  package func register(
    _ manifest: ContentDescriptor, as reference: Reference, chosenFrom index: Digest? = nil
  ) throws(StoreError) {
    try unpackLayers(of: manifest)
    try blobs.updateIndex { (index_: inout Index) throws(StoreError) in
      let name = reference.familiar
      let isNamed = index_.manifests.contains {
        $0.digest == manifest.digest && $0.annotations[Self.nameAnnotation] == name
      }
      // The entry is replaced even so: the index that it was chosen from may have become another.
      if isNamed {
        index_.manifests.removeAll { $0.annotations[Self.nameAnnotation] == name }
      } else {
        Self.unname(name, in: &index_)
      }
      index_.manifests.removeAll { $0.digest == manifest.digest && $0.annotations[Self.nameAnnotation] == nil }
      var named = ContentDescriptor(mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size)
      named.annotations[Self.nameAnnotation] = name
      named.annotations[Self.indexAnnotation] = index?.description
      index_.manifests.append(named)
    }
  }

  /// What the list has by a name: a manifest, or an index that another tool put there. Nil when nothing has it.
  package func entry(named reference: Reference) throws(StoreError) -> ContentDescriptor? {
    try blobs.index().manifests.first { $0.annotations[Self.nameAnnotation] == reference.familiar }
  }

  /// Whether the list has the name, by a look at its bytes. False may also mean that another tool wrote the list in its own
  /// way.
  package func hasEntry(named reference: Reference) -> Bool {
    // No name has a character that JSON writes in another way.
    blobs.indexContains("\"\(Self.nameAnnotation)\":\"\(reference.familiar)\"")
  }

  /// Every name in the list with what has it.
  package func namedImages() throws(StoreError) -> [(reference: Reference, descriptor: ContentDescriptor)] {
    try blobs.index().manifests.compactMap { descriptor in
      guard let name = descriptor.annotations[Self.nameAnnotation], let reference = try? Reference(name) else {
        return nil
      }
      return (reference, descriptor)
    }
  }
}
