package import Blobs
package import ImageSpec
internal import JSON

extension ImageStore {
  /// `rmi`: takes the name away, and with the last name the image and whatever no other image needs.
  ///
  /// - Parameters:
  ///   - text: a name, or an identifier, which stands for all names of the image.
  ///   - force: also several names at once, and an image that stopped containers use; that one only loses its names.
  ///   - users: the containers that were made from an image.
  package func remove(
    _ text: String, force: Bool, users: (Digest) throws(StoreError) -> [ImageUser]
  ) throws(StoreError) -> [RemovedImage] {
    let image = try find(text)
    let name = nameMeant(by: text, image)
    if let name, image.tags.count > 1 {
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in Self.unname(name, in: &index) }
      return [.untagged(name)]
    }
    if image.tags.count > 1 && !force {
      throw StoreError(
        .conflict, "image \(image.id.short) has several names: \(image.tags.joined(separator: ", "))",
        hint: "remove them by name, or all at once with --force")
    }
    let users = try users(image.id)
    if let user = users.first(where: \.isRunning) ?? users.first, user.isRunning || !force || image.tags.isEmpty {
      throw StoreError(
        .conflict, "image \(text) is used by \(user.isRunning ? "running" : "stopped") container \(user.container)",
        hint: user.isRunning
          ? "stop and remove the container first"
          : "remove the container first, or use --force to take only the name away")
    }
    let untagged = image.tags.map { RemovedImage.untagged($0) }
    if !users.isEmpty {
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in
        for tag in image.tags { Self.unname(tag, in: &index) }
      }
      return untagged
    }
    return try untagged + delete(image)
  }

  private func nameMeant(by text: String, _ image: Image) -> String? {
    guard let reference = try? Reference(text), image.tags.contains(reference.familiar) else { return nil }
    return reference.familiar
  }

  /// First out of the list, then the bytes: a crash between the two leaves blobs that nobody names, which the next removal
  /// takes away.
  private func delete(_ image: Image) throws(StoreError) -> [RemovedImage] {
    try blobs.whileRemoving { () throws(StoreError) in
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in
        index.manifests.removeAll { $0.digest == image.manifestDigest }
      }
      return try removeUnreferenced()
    }
  }

  /// Removes blobs and layers that no image of the list refers to.
  private func removeUnreferenced() throws(StoreError) -> [RemovedImage] {
    var needed: Set<Digest> = []
    var neededLayers: Set<Digest> = []
    for descriptor in try blobs.index().manifests {
      needed.insert(descriptor.digest)
      let image = try find(descriptor.digest.description)
      needed.insert(image.id)
      needed.formUnion(image.manifest.layers.map(\.digest))
      neededLayers.formUnion(image.config.diffIDs)
    }
    var removed: [RemovedImage] = []
    for digest in try blobs.digests() where !needed.contains(digest) {
      try blobs.remove(digest)
      removed.append(.deleted(digest))
    }
    for diffID in try layers.digests() where !neededLayers.contains(diffID) { try layers.remove(diffID) }
    return removed
  }
}
