package import Blobs
internal import ImageSpec

/// What a look at an image of the list found.
package struct VerifiedImage: Hashable, Sendable {
  /// Its name, or the digest of its manifest where it has none.
  package var name: String
  /// What is wrong, in words; none when all is as it should be.
  package var damages: [String]
}

extension ImageStore {
  /// Reads every blob of the images in the list and compares size and digest with what is said of it.
  ///
  /// - Parameter words: names or identifiers as they stand in the list; none for all.
  package func verify(_ words: [String] = []) throws(StoreError) -> [VerifiedImage] {
    let index = try blobs.index()
    var found: [VerifiedImage] = []
    // A blob that several images share is read once.
    var known: [Digest: String?] = [:]
    for descriptor in index.manifests where !descriptor.isArtifact {
      let name = descriptor.annotations[Self.nameAnnotation] ?? descriptor.digest.description
      guard words.isEmpty || words.contains(where: { isMeant(descriptor, by: $0) }) else { continue }
      found.append(VerifiedImage(name: name, damages: damages(of: descriptor, &known)))
    }
    for word in words where !index.manifests.contains(where: { isMeant($0, by: word) }) { _ = try find(word) }
    return found.sorted { $0.name < $1.name }
  }

  /// Told without reading the image, which may be damaged.
  private func isMeant(_ descriptor: ContentDescriptor, by word: String) -> Bool {
    if descriptor.digest.description == word || descriptor.digest.hex == word { return true }
    if let name = descriptor.annotations[Self.nameAnnotation], (try? Reference(word))?.familiar == name { return true }
    guard word.utf8.count >= 4, let manifest: Manifest = try? parse(descriptor, "manifest") else { return false }
    return manifest.config.digest.hex.hasPrefix(word) || manifest.config.digest.description == word
  }

  private func damages(
    of descriptor: ContentDescriptor, _ known: inout [Digest: String?]
  ) -> [String] {
    var reasons: [String] = []
    do throws(StoreError) {
      let image = try load(descriptor, Index())
      for layer in image.manifest.layers {
        let reason: String?
        if let earlier = known[layer.digest] { reason = earlier } else { reason = damage(of: layer) }
        known[layer.digest] = .some(reason)
        if let reason { reasons.append(reason) }
      }
    } catch { reasons.append(error.message) }
    return reasons
  }

  private func damage(of layer: ContentDescriptor) -> String? {
    do throws(StoreError) {
      try blobs.copy(layer) { _ in }
      return nil
    } catch { return error.message }
  }
}
