internal import AsyncHTTPClient
internal import Blobs
internal import ImageSpec
internal import JSON
internal import Journal
internal import Kernel
internal import Layers
internal import NIOHTTP1
internal import RegistryRequests

/// Brings an image from its registry into the store.
///
/// Of several platforms the index's one image is taken; the list of images names that image, as docker's does, and remembers
/// the index, whose blob is kept: its digest is the one that the registry shows and `name@sha256:…` means. Nothing is named before every blob is in
/// the store and every layer unpacked.
struct Pull: Sendable {
  /// Blobs at once, as docker.
  static let parallelBlobs = 3

  let session: Session
  let images: ImageStore
  let platform: Platform

  init(_ session: Session) throws {
    self.session = session
    images = try session.images()
    platform = try session.platform() ?? .host
  }

  func run() async throws {
    let reference = try session.reference()
    let registry = try await session.registry(reference, for: .reading(byDigest: reference.digest != nil))
    guard session.request.allTags else {
      if !session.request.name.contains("@"), !Self.hasTag(session.request.name) {
        await session.progress.headline("Using default tag: latest")
      }
      try await pull(reference, from: registry)
      return
    }
    guard reference.digest == nil, !Self.hasTag(session.request.name) else {
      throw RegistryFailure("a tag cannot be used with --all-tags", hint: "name the repository alone")
    }
    for tag in try await registry.first({ try await $0.tags(reference.path) }) {
      if RegistryConnection.isReferrersTag(tag) { continue }
      let tagged: Reference
      do { tagged = try Reference("\(reference.familiarName):\(tag)") } catch {
        throw RegistryFailure("the registry lists a tag that is none")
      }
      try await pull(tagged, from: registry)
    }
  }

  private static func hasTag(_ name: String) -> Bool {
    name[(name.lastIndex(of: "/") ?? name.startIndex)...].contains(":")
  }

  private func pull(_ reference: Reference, from registry: Registry) async throws {
    let progress = session.progress
    let word = reference.digest?.description ?? reference.tag ?? "latest"
    await progress.headline("\(word): Pulling from \(reference.path)")
    // Whoever removes images waits until this one has its name.
    let lock = try images.blobs.additionLock()
    let manifests = ManifestSource(registry: registry, repository: reference.path, store: images.blobs)
    let top = try await manifests.top(word, digest: reference.digest)
    let (chosen, manifest) = try await choose(top, of: reference, from: manifests)
    let name = try Self.storedName(reference)
    let isKnown = try images.entry(named: name)?.digest == chosen.descriptor.digest
    let blobs = BlobFetch(registry: registry, repository: reference.path, images: images, progress: progress)
    do { try await fetchBlobs(of: manifest, by: blobs) } catch {
      lock.end()
      // What came whole before a connection was lost is there for the next pull; with what is refused, or has no room, it goes.
      if !isTransient(error) { blobs.additions.takeBack(from: images) }
      throw error
    }
    do throws(StoreError) {
      for document in [chosen, top] {
        _ = try images.blobs.put(document.bytes, mediaType: document.descriptor.mediaType)
      }
      try images.register(
        chosen.descriptor, as: name,
        chosenFrom: top.descriptor.digest == chosen.descriptor.digest ? nil : top.descriptor.digest)
    } catch { throw RegistryFailure(error) }
    if session.request.referrers ?? false {
      let referrers = ReferrerPull(manifests: manifests, blobs: blobs, images: images, progress: progress)
      try await referrers.bring(about: Set([top, chosen].map(\.descriptor.digest)))
    }
    lock.end()
    note(.pull, reference.familiar, named: reference.familiarName, in: Path(session.request.root))
    for layer in manifest.layers { await progress.status(layer, "Pull complete") }
    await progress.finish()
    await progress.headline("Digest: \(top.descriptor.digest)")
    let familiar = reference.familiar
    await progress.headline(
      isKnown ? "Status: Image is up to date for \(familiar)" : "Status: Downloaded newer image for \(familiar)")
    if let warning = try platformWarning(of: manifest, familiar) { session.warn(warning) }
    // Of `run`, the container's own output is what is waited for.
    if !session.request.speaksOnErrors { session.say(reference.canonical) }
  }

  /// An image that is no index has one platform, whatever was asked for; docker takes it too, and says so.
  private func platformWarning(of manifest: Manifest, _ name: String) throws -> String? {
    guard let config = try? ImageConfig(parsing: try images.blobs.read(manifest.config)) else { return nil }
    let actual = config.platform
    guard !actual.architecture.isEmpty, actual.architecture != platform.architecture || actual.os != platform.os else {
      return nil
    }
    return "\(name) is for \(actual), and not for \(platform)"
  }

  /// By a digest the tag means nothing; docker leaves it out too.
  private static func storedName(_ reference: Reference) throws -> Reference {
    guard let digest = reference.digest else { return reference }
    return try Reference("\(reference.familiarName)@\(digest)")
  }

  /// The image for the platform, out of an index if there is one.
  private func choose(
    _ top: FetchedManifest, of reference: Reference, from manifests: ManifestSource
  ) async throws -> (FetchedManifest, Manifest) {
    switch try top.document() {
    case .image(let manifest): return (top, manifest)
    case .index(let index):
      guard let descriptor = index.manifest(for: platform) else {
        throw RegistryFailure(
          "\(reference) has no image for \(platform)",
          hint: index.platforms.isEmpty
            ? "its index names no platform"
            : "there are \(index.platforms.map(\.description).joined(separator: ", ")); --platform chooses"
        )
      }
      let chosen = try await manifests.manifest(descriptor)
      // An index inside an index would lead round in circles; the type that was expected here is an image's.
      guard case .image(let manifest) = try chosen.document() else {
        throw RegistryFailure("\(reference) leads from one index to another: refused")
      }
      return (chosen, manifest)
    }
  }

  /// The config first: it is small, and says whether the rest is worth fetching.
  private func fetchBlobs(of manifest: Manifest, by fetch: BlobFetch) async throws {
    guard manifest.config.mediaType.isImageConfig else {
      throw RegistryFailure("it is no image: its config is \(manifest.config.mediaType)")
    }
    guard manifest.config.size <= 8 << 20 else {
      throw RegistryFailure("its config has \(manifest.config.size) bytes; at most 8 MB are taken")
    }
    for layer in manifest.layers {
      guard layer.mediaType.layerCompression != nil else {
        throw RegistryFailure("layer \(layer.digest) is of an unknown type, \(layer.mediaType)")
      }
      await session.progress.status(layer, "Pulling fs layer")
    }
    try await fetch.fetch(manifest.config)
    // By the config, each layer's contents are known before its first byte.
    let layers = try layers(of: manifest)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, layer) in layers.enumerated() {
        if index >= Self.parallelBlobs { try await group.next() }
        group.addTask {
          if try await !fetch.fetch(layer.blob, diffID: layer.diffID) {
            await session.progress.status(layer.blob, "Already exists")
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Each blob once, with the digest of its contents.
  private func layers(of manifest: Manifest) throws -> [(blob: ContentDescriptor, diffID: Digest)] {
    let config: ImageConfig
    do {
      config = try ImageConfig(parsing: try images.blobs.read(manifest.config))
    } catch let error as JSONError {
      throw RegistryFailure("config \(manifest.config.digest) is refused: \(error)")
    }
    guard config.diffIDs.count == manifest.layers.count else {
      throw RegistryFailure(
        "config \(manifest.config.digest) names \(config.diffIDs.count) layers, and its manifest has \(manifest.layers.count)"
      )
    }
    var seen: Set<Digest> = []
    return zip(manifest.layers, config.diffIDs).filter { seen.insert($0.0.digest).inserted }.map {
      (blob: $0, diffID: $1)
    }
  }
}

extension RegistryConnection {
  /// All tags of a repository, page by page (distribution-spec, "Listing Tags").
  func tags(_ repository: String) async throws -> [String] {
    var tags: [String] = []
    var next: WebAddress? = address(repository, "tags/list")
    let what = "cannot list the tags of \(repository)"
    while let page = next {
      let (head, body) = try await fetch(
        RegistryCall(.GET, page, scopes: [pulling(repository)]), what, limit: Self.manifestLimit)
      guard let list = try TagList.read(body) else { throw RegistryFailure("\(what): the answer is no list of tags") }
      tags += list
      next = head.headers.first(name: "link").flatMap { Self.nextPage($0, after: page) }
      guard tags.count <= 100_000, next == nil || !list.isEmpty else {
        throw RegistryFailure("\(what): the list has no end")
      }
    }
    return tags
  }

  /// `</v2/name/tags/list?last=x>; rel="next"`, on the same registry.
  static func nextPage(_ link: String, after page: WebAddress) -> WebAddress? {
    guard link.contains("rel=\"next\"") || link.contains("rel=next"), let start = link.firstIndex(of: "<"),
      let end = link.firstIndex(of: ">"), start < end,
      let next = page.resolving(String(link[link.index(after: start)..<end])), next.hasSameOrigin(as: page)
    else { return nil }
    return next
  }
}
