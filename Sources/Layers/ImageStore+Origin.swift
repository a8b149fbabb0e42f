package import Blobs
package import ImageSpec

// What a registry calls an image: of one that was chosen from an index, the index's digest.

extension Image {
  /// `name@digest` for each of its names, as `docker inspect` has them under RepoDigests.
  package var repositoryDigests: [String] {
    var seen: Set<String> = []
    return tags.compactMap { tag in
      guard let name = (try? Reference(tag))?.familiarName else { return nil }
      let text = "\(name)@\(digest(of: tag))"
      return seen.insert(text).inserted ? text : nil
    }
  }

  /// What the registry shows for one of its names.
  package func digest(of tag: String) -> Digest { origins[tag] ?? manifestDigest }
}

extension ImageStore {
  /// The document that the digest of an image is of: the index that it was chosen from, where that is kept, else its manifest.
  package func document(of text: String) throws(StoreError) -> [UInt8] {
    let image = try find(text)
    if let name = (try? Reference(text))?.familiar ?? image.tags.first, let origin = image.origins[name],
      let size = try blobs.size(of: origin)
    {
      return try blobs.read(ContentDescriptor(mediaType: .ociIndex, digest: origin, size: size))
    }
    return try blobs.read(image.descriptor)
  }
}
