package import Blobs
package import ImageSpec
internal import JSON

extension ImageStore {
  /// `rmi`: takes the name away, and with the last name the image and whatever no other image needs.
  ///
  /// - Parameters:
  ///   - text: a name, or an identifier, which stands for all names of the image.
  ///   - force: also several names at once, and an image that stopped containers use; that one only loses its names.
  ///   - kept: layers that containers stand on although no image of this store has them.
  ///   - users: the containers that were made from an image. Asked again once nobody is about to use one more.
  package func remove(
    _ text: String, force: Bool, keeping kept: @autoclosure () -> Set<Digest> = [],
    users: (Digest) throws(StoreError) -> [ImageUser]
  ) throws(StoreError) -> [RemovedImage] {
    let image: Image
    do throws(StoreError) { image = try find(text) } catch {
      guard let descriptor = try unreadable(text) else { throw error }
      return try remove(
        unreadable: descriptor, named: text, force: force, because: error, keeping: kept(), users: users)
    }
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
    let found = try users(image.id)
    if let user = found.first(where: \.isRunning) ?? found.first, user.isRunning || !force || image.tags.isEmpty {
      throw inUse(text, by: user)
    }
    let untagged = image.tags.map { RemovedImage.untagged($0) }
    if !found.isEmpty {
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in
        for tag in image.tags { Self.unname(tag, in: &index) }
      }
      return untagged
    }
    return try untagged
      + delete(image.manifestDigest, keeping: kept()) { () throws(StoreError) in
        if let user = try users(image.id).first { throw inUse(text, by: user) }
      }
  }

  private func inUse(_ text: String, by user: ImageUser) -> StoreError {
    StoreError(
      .conflict, "image \(text) is used by \(user.description)",
      hint: user.isMount
        ? "skiff image unmount \(text) lets go of it"
        : user.isRunning
          ? "stop and remove the container first"
          : "remove the container first, or use --force to take only the name away")
  }

  /// What the list has by this name, or manifest's digest, although it cannot be read.
  private func unreadable(_ text: String) throws(StoreError) -> ContentDescriptor? {
    let name = (try? Reference(text))?.familiar
    return try blobs.index().manifests.first { descriptor in
      descriptor.digest.description == text || name != nil && descriptor.annotations[Self.nameAnnotation] == name
    }
  }

  /// A damaged image can still be got rid of; whether a container needs it is known only while its manifest can be read.
  private func remove(
    unreadable descriptor: ContentDescriptor, named text: String, force: Bool, because error: StoreError,
    keeping kept: @autoclosure () -> Set<Digest>, users: (Digest) throws(StoreError) -> [ImageUser]
  ) throws(StoreError) -> [RemovedImage] {
    let manifest: Manifest? = try? parse(descriptor, "manifest")
    let user = try manifest.flatMap { (manifest) throws(StoreError) in try users(manifest.config.digest).first }
    guard force, user == nil else {
      var refusal = error
      refusal.hint = user.map { "\($0.description) uses it" } ?? "remove the damaged image with --force"
      throw refusal
    }
    return try [.untagged(text)] + delete(descriptor.digest, keeping: kept())
  }

  private func nameMeant(by text: String, _ image: Image) -> String? {
    guard let reference = try? Reference(text), image.tags.contains(reference.familiar) else { return nil }
    return reference.familiar
  }

  /// First out of the list, then the bytes: a crash between the two leaves blobs that nobody names, which the next removal
  /// takes away.
  private func delete(
    _ manifest: Digest, keeping kept: @autoclosure () -> Set<Digest>, unless refuse: () throws(StoreError) -> Void = {}
  ) throws(StoreError) -> [RemovedImage] {
    try blobs.whileRemoving { () throws(StoreError) in
      try refuse()
      try blobs.updateIndex { (index: inout Index) throws(StoreError) in
        let leaving = leaving([manifest], in: index)
        index.manifests.removeAll { leaving.contains($0.digest) }
      }
      return try removeUnreferenced(keeping: kept())
    }
  }
}
