package import Blobs
package import ImageSpec
internal import JSON

// What is kept beside an image and is about it, as OCI 1.1 has it: a manifest without layers of files whose `subject` is the
// image's (image-spec, manifest.md, "Guidelines for Artifact Usage"). It is in the list of the layout, where every tool that
// copies referrers finds it, and goes with its image.

extension ImageStore {
  /// Puts a document beside an image, in place of an earlier one of its type.
  ///
  /// - Parameter type: its media type, which is the artifact's type, too.
  package func attach(_ document: [UInt8], type: String, to image: Image) throws(StoreError) {
    try blobs.whileAdding { () throws(StoreError) in
      let earlier = try artifacts(of: image, type: type)
      let content = try blobs.put(document, mediaType: MediaType(rawValue: type))
      let config = try blobs.put(Array("{}".utf8), mediaType: .empty)
      var manifest = Manifest(config: config, layers: [content])
      manifest.artifactType = type
      manifest.subject = ContentDescriptor(
        mediaType: image.manifest.mediaType, digest: image.manifestDigest, size: try size(of: image))
      var descriptor = try blobs.put(manifest.jsonBytes(), mediaType: .ociManifest)
      descriptor.artifactType = type
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in
        index.manifests.removeAll { listed in
          listed.digest == descriptor.digest || earlier.contains { $0.digest == listed.digest }
        }
        index.manifests.append(descriptor)
      }
    }
  }

  /// The document of that type beside an image; nil when there is none.
  package func document(of image: Image, type: String) throws(StoreError) -> [UInt8]? {
    guard let descriptor = try artifacts(of: image, type: type).last else { return nil }
    let manifest: Manifest = try parse(descriptor, "artifact")
    guard let content = manifest.layers.first else {
      throw StoreError(.damaged, "the artifact \(descriptor.digest) beside \(image.id.short) has no content")
    }
    return try blobs.read(content)
  }

  /// What the list has about a manifest.
  package func artifacts(about manifest: Digest) throws(StoreError) -> [Artifact] {
    try blobs.index().manifests.compactMap { descriptor in
      guard descriptor.isArtifact, let found: Manifest = try? parse(descriptor, "artifact"),
        found.subject?.digest == manifest
      else { return nil }
      return Artifact(descriptor: descriptor, manifest: found)
    }
  }

  /// Puts manifests with a subject, whose blobs are all here, into the list.
  package func list(artifacts: [ContentDescriptor]) throws(StoreError) {
    if artifacts.isEmpty { return }
    try blobs.updateIndex { (index: inout Index) throws(StoreError) in
      for artifact in artifacts where !index.manifests.contains(where: { $0.digest == artifact.digest }) {
        index.manifests.append(artifact)
      }
    }
  }

  private func artifacts(of image: Image, type: String) throws(StoreError) -> [ContentDescriptor] {
    try blobs.index().manifests.filter { descriptor in
      guard descriptor.artifactType == type, let manifest: Manifest = try? parse(descriptor, "artifact") else {
        return false
      }
      return manifest.subject?.digest == image.manifestDigest
    }
  }

  /// All that leaves the list with some of its manifests: what is about them, or about the index that they were chosen from
  /// when nothing else was, and what is about that.
  func leaving(_ manifests: Set<Digest>, in index: Index) -> Set<Digest> {
    var gone = manifests
    let staying = index.manifests.filter { !gone.contains($0.digest) }
    let meant = Set(staying.compactMap { $0.annotations[Self.indexAnnotation] })
    for entry in index.manifests where manifests.contains(entry.digest) {
      if let text = entry.annotations[Self.indexAnnotation], !meant.contains(text), let digest = try? Digest(text) {
        gone.insert(digest)
      }
    }
    var artifacts = staying.filter(\.isArtifact).compactMap { descriptor -> (own: Digest, subject: Digest)? in
      let manifest: Manifest? = try? parse(descriptor, "artifact")
      return manifest?.subject.map { (descriptor.digest, $0.digest) }
    }
    while let next = artifacts.firstIndex(where: { gone.contains($0.subject) }) {
      gone.insert(artifacts.remove(at: next).own)
    }
    return gone
  }

  private func size(of image: Image) throws(StoreError) -> Int64 {
    let listed = try blobs.index().manifests.first { $0.digest == image.manifestDigest }
    return listed?.size ?? Int64(image.manifest.jsonBytes().count)
  }
}

/// A manifest that is about another one.
package struct Artifact: Hashable, Sendable {
  package var descriptor: ContentDescriptor
  package var manifest: Manifest
}

extension ContentDescriptor {
  /// It is about an image, and is none.
  var isArtifact: Bool { artifactType != nil }
}
