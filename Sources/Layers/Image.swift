package import ImageSpec
package import Kernel

/// An image of the local store.
package struct Image: Hashable, Sendable {
  /// The digest of its config: what `images` shows and containers remember.
  package var id: Digest
  package var manifestDigest: Digest
  package var manifest: Manifest
  /// Points at the manifest, as the list of images does, without annotations.
  package var descriptor: ContentDescriptor
  package var config: ImageConfig
  /// Its names, familiar and sorted; none for an image that another took the name of.
  package var tags: [String]
  /// The digest of the index that it was chosen from, by the name that means that index at its registry.
  package var origins: [String: Digest]
  /// Where its layers are unpacked, topmost first: the lowerdirs of an overlay. They are there once `resolve` gave the image.
  package var lowerdirs: [Path]

  /// Bytes of its layers.
  package var size: Int64 { manifest.layers.reduce(0) { $0 + $1.size } }
}

/// Who stands on an image: a container that was made from it, as the engine knows it, or a mount of it.
package struct ImageUser: Hashable, Sendable {
  /// The container's name, or where it is mounted.
  package var name: String
  package var isRunning: Bool
  package var isMount = false
  package init(container: String, isRunning: Bool) {
    name = container
    self.isRunning = isRunning
  }
  package init(mountedAt path: Path) {
    name = path.string
    isRunning = true
    isMount = true
  }
  var description: String { isMount ? "a mount, \(name)" : "\(isRunning ? "running" : "stopped") container \(name)" }
}

/// What `rmi` reports, line by line.
package enum RemovedImage: Hashable, Sendable {
  case untagged(String)
  case deleted(Digest)
}
