package import Blobs
package import ImageSpec
internal import JSON
package import Kernel

/// What a commit keeps besides the changed files.
package struct Commit: Sendable {
  /// The image that the container was made from.
  package var base: Image
  package var upper: Path
  /// Where something was mounted for every container: empty, and not in the image, they are left out.
  package var mountPoints: [Path] = []
  package var usesUserAttributes = !isRootOfHost()
  package var config: ContainerDefaults
  package var author: String?
  package var comment: String?
  /// The command that ran, for the history.
  package var createdBy: String?
  package init(base: Image, upper: Path) {
    self.base = base
    self.upper = upper
    config = base.config.config
  }
}

extension ImageStore {
  /// An image of one layer from a directory, which becomes the unpacked layer and is the caller's no more.
  ///
  /// - Parameter config: its diffIDs are set here; `created` too unless it is.
  package func createImage(
    fromTree tree: Path, reference: Reference, config: ImageConfig, createdBy: String? = nil
  ) throws(StoreError) -> Image {
    try blobs.whileAdding { () throws(StoreError) in
      let layer = try layers.pack(tree: tree, into: blobs)
      var config = config
      let created = config.created ?? now().rfc3339
      config.created = created
      config.diffIDs = [layer.digest]
      config.history.append(ImageConfig.History(created: created, createdBy: createdBy))
      return try publish(config, layers: [layer], as: reference)
    }
  }

  /// The base with what the upper directory changed on top. Without changes it is another image of the same layers.
  package func commit(_ commit: Commit, reference: Reference?) throws(StoreError) -> Image {
    try blobs.whileAdding { () throws(StoreError) in
      let layer = try layers.pack(
        upper: commit.upper, over: commit.base.lowerdirs, mountPoints: commit.mountPoints,
        usesUserAttributes: commit.usesUserAttributes, into: blobs)
      passKillSwitch("commit", 1)
      var config = commit.base.config
      config.config = commit.config
      config.created = now().rfc3339
      config.author = commit.author ?? config.author
      config.completeHistory()
      var step = ImageConfig.History(created: config.created, createdBy: commit.createdBy, comment: commit.comment)
      step.author = commit.author
      step.emptyLayer = layer == nil
      config.history.append(step)
      var stack = commit.base.manifest.layers
      if let layer {
        config.diffIDs.append(layer.digest)
        stack.append(layer)
        try layers.unpack(layer, diffID: layer.digest, from: blobs)
      }
      return try publish(config, layers: stack, as: reference)
    }
  }

  /// Writes config and manifest and names them. Under `whileAdding` only. Who had the name before goes on without it.
  package func publish(
    _ config: ImageConfig, layers stack: [ContentDescriptor], as reference: Reference?
  ) throws(StoreError) -> Image {
    passKillSwitch("commit", 2)
    let configBlob = try blobs.put(config.jsonBytes(), mediaType: .ociConfig)
    let manifest = Manifest(config: configBlob, layers: stack)
    passKillSwitch("commit", 3)
    let descriptor = try blobs.put(manifest.jsonBytes(), mediaType: .ociManifest)
    passKillSwitch("commit", 4)
    try name(descriptor, reference)
    passKillSwitch("commit", 5)
    return try resolve(descriptor.digest.description)
  }

  /// Another name for an image.
  package func tag(_ image: Image, as reference: Reference) throws(StoreError) {
    try blobs.whileAdding { () throws(StoreError) in
      _ = try find(image.id.description)
      let size = Int64(image.manifest.jsonBytes().count)
      let known = try blobs.index().manifests.first { $0.digest == image.manifestDigest }
      try name(
        known ?? ContentDescriptor(mediaType: image.manifest.mediaType, digest: image.manifestDigest, size: size),
        reference)
    }
  }

  private func name(_ descriptor: ContentDescriptor, _ reference: Reference?) throws(StoreError) {
    try register([(descriptor, reference)])
  }

  /// Puts manifests, whose blobs are all here, into the list, each under a name or without one: in one step, so that of
  /// several images there are all or none. Under `whileAdding` only.
  package func register(
    _ images: [(descriptor: ContentDescriptor, reference: Reference?)]
  ) throws(StoreError) {
    for case let digest? in images.map({ $0.reference?.digest }) {
      throw StoreError(.invalid, "an image cannot be named by a digest (\(digest.short)…): give it a tag")
    }
    try blobs.updateIndex { (index: inout Index) throws(StoreError) in
      for (descriptor, reference) in images { Self.add(descriptor, reference, to: &index) }
    }
  }

  private static func add(_ descriptor: ContentDescriptor, _ reference: Reference?, to index: inout Index) {
    if let reference { unname(reference.familiar, in: &index) }
    var named = descriptor
    named.annotations = reference.map { [nameAnnotation: $0.familiar] } ?? [:]
    if reference != nil {
      index.manifests.removeAll { $0.digest == descriptor.digest && $0.annotations[nameAnnotation] == nil }
      index.manifests.append(named)
    } else if !index.manifests.contains(where: { $0.digest == descriptor.digest }) {
      index.manifests.append(named)
    }
  }

  /// Takes a name from whoever has it. The image stays, without a name if it has no other.
  static func unname(_ name: String, in index: inout Index) {
    guard let at = index.manifests.firstIndex(where: { $0.annotations[nameAnnotation] == name }) else { return }
    let owner = index.manifests.remove(at: at)
    if !index.manifests.contains(where: { $0.digest == owner.digest }) {
      var nameless = owner
      nameless.annotations[nameAnnotation] = nil
      index.manifests.append(nameless)
    }
  }
}
