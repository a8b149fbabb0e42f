internal import Blobs
internal import ImageSpec
internal import JSON
internal import Journal
internal import Kernel
internal import Layers
internal import RegistryRequests

/// Sends an image of the store to its registry: what is there already stays, what another repository of that registry has is
/// mounted from there, the rest goes up; then the manifest, byte for byte as it is in the store, so that its digest stays.
struct Push: Sendable {
  static let parallelBlobs = 3

  let session: Session
  let images: ImageStore
  let platform: Platform?

  init(_ session: Session) throws {
    self.session = session
    images = try session.images()
    platform = try session.platform()
  }

  func run() async throws {
    let reference = try session.reference()
    guard reference.digest == nil else {
      throw RegistryFailure("cannot push by a digest", hint: "name it by a tag: skiff tag … makes one")
    }
    // Nothing of what is read here is removed meanwhile.
    let lock = try images.blobs.additionLock()
    let all = try images.namedImages().filter { $0.reference.digest == nil }
    let named: [(reference: Reference, descriptor: ContentDescriptor)]
    if session.request.allTags {
      guard
        !session.request.name[(session.request.name.lastIndex(of: "/") ?? session.request.name.startIndex)...]
          .contains(":")
      else { throw RegistryFailure("a tag cannot be used with --all-tags", hint: "name the repository alone") }
      named = all.filter { $0.reference.familiarName == reference.familiarName }
    } else {
      named = all.filter { $0.reference == reference }
    }
    guard !named.isEmpty else {
      throw RegistryFailure(
        "an image does not exist locally with the tag: \(session.request.allTags ? reference.familiarName : reference.familiar)",
        hint: "skiff images lists those that do")
    }
    let registry = try await session.registry(reference, for: .writing)
    await session.progress.headline("The push refers to repository [\(reference.domain)/\(reference.path)]")
    let upload = BlobUpload(
      connection: registry.origin, repository: reference.path, store: images.blobs, progress: session.progress,
      sources: sources(of: all, for: reference))
    for (tagged, descriptor) in named {
      try await push(try choose(descriptor, tagged), as: tagged, through: upload)
    }
    lock.end()
  }

  private func push(
    _ descriptor: ContentDescriptor, as reference: Reference, through upload: BlobUpload
  ) async throws {
    let tag = reference.tag ?? "latest"
    let manifests = try below(descriptor)
    var seen: Set<Digest> = []
    var blobs: [ContentDescriptor] = []
    for manifest in manifests where manifest.mediaType.isManifest {
      let document: Manifest = try read(manifest)
      blobs += (document.layers + [document.config]).filter { seen.insert($0.digest).inserted }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, blob) in blobs.enumerated() {
        if index >= Self.parallelBlobs { try await group.next() }
        group.addTask { try await upload.send(blob) }
      }
      try await group.waitForAll()
    }
    // What an index names must be there before it.
    for manifest in manifests.dropFirst().reversed() {
      try await upload.put(manifest, bytes: try bytes(of: manifest), as: manifest.digest.description)
    }
    try await upload.put(descriptor, bytes: try bytes(of: descriptor), as: tag)
    note(.push, reference.familiar, named: reference.familiarName, in: Path(session.request.root))
    await session.progress.finish()
    await session.progress.headline("\(tag): digest: \(descriptor.digest) size: \(descriptor.size)")
    if session.request.referrers ?? true {
      let referrers = ReferrerPush(images: images, upload: upload, progress: session.progress)
      for manifest in manifests { try await referrers.send(about: manifest.digest) }
    }
    if session.request.isQuiet { session.say(reference.canonical) }
  }

  /// One platform's image alone, when that was asked for.
  private func choose(_ descriptor: ContentDescriptor, _ reference: Reference) throws -> ContentDescriptor {
    guard let platform, descriptor.mediaType.isIndex else { return descriptor }
    let index: Index = try read(descriptor)
    if let chosen = index.manifest(for: platform) { return chosen }
    throw RegistryFailure(
      "\(reference) has no image for \(platform)",
      hint: "there are \(index.platforms.map(\.description).joined(separator: ", "))")
  }

  /// The descriptor and every manifest below it, each before what it names.
  private func below(_ top: ContentDescriptor) throws -> [ContentDescriptor] {
    var found: [ContentDescriptor] = []
    var seen: Set<Digest> = []
    var waiting = [top]
    while let next = waiting.popLast() {
      guard seen.insert(next.digest).inserted else { continue }
      found.append(next)
      guard next.mediaType.isIndex else { continue }
      let index: Index = try read(next)
      waiting += index.manifests
      if seen.count + waiting.count > 10_000 { throw RegistryFailure("\(top.digest) has more than 10000 manifests") }
    }
    return found
  }

  private func bytes(of descriptor: ContentDescriptor) throws -> [UInt8] {
    do throws(StoreError) { return try images.blobs.read(descriptor) } catch {
      var failure = RegistryFailure(error)
      if error.kind == .notFound {
        failure.hint = "only a part of the image is here: push one platform with --platform"
      }
      throw failure
    }
  }

  private func read<Document: JSONReadable>(_ descriptor: ContentDescriptor) throws -> Document {
    let bytes = try bytes(of: descriptor)
    do throws(JSONError) { return try Document(parsing: bytes) } catch {
      throw RegistryFailure("\(descriptor.digest) is refused: \(error)")
    }
  }

  /// Where on the same registry a blob may be already: what other names of the store say.
  private func sources(
    of all: [(reference: Reference, descriptor: ContentDescriptor)], for reference: Reference
  ) -> [Digest: String] {
    var sources: [Digest: String] = [:]
    for (other, descriptor) in all where other.domain == reference.domain && other.path != reference.path {
      guard descriptor.mediaType.isManifest, let manifest: Manifest = try? read(descriptor) else { continue }
      for blob in manifest.layers + [manifest.config] { sources[blob.digest] = other.path }
    }
    return sources
  }
}
