internal import AsyncHTTPClient
internal import Blobs
internal import ImageSpec
internal import NIOHTTP1

/// The manifests of one repository. What the store has already is not fetched again.
struct ManifestSource: Sendable {
  let registry: Registry
  let repository: String
  let store: BlobStore

  /// What a tag or a digest means at the registry.
  func top(_ word: String, digest: Digest?) async throws -> FetchedManifest {
    try await registry.first { connection in
      if let kept = try await connection.unchanged(repository, word, digest: digest, in: store) { return kept }
      return try await connection.manifest(repository, word, digest: digest)
    }
  }

  /// What a document with a digest names.
  func manifest(_ descriptor: ContentDescriptor) async throws -> FetchedManifest {
    if let bytes = try? store.read(descriptor, limit: RegistryConnection.manifestLimit) {
      return FetchedManifest(descriptor: descriptor, bytes: bytes)
    }
    return try await registry.first {
      try await $0.manifest(repository, descriptor.digest.description, expected: descriptor)
    }
  }
}

extension RegistryConnection {
  /// Asks what a tag means before fetching it: registries that limit how often they are asked count what is fetched
  /// (docs.docker.com/docker-hub/usage), so an image that is up to date costs nothing.
  ///
  /// - Returns: the manifest out of the store; nil when it is not there, or when the registry does not say which it is.
  fileprivate func unchanged(
    _ repository: String, _ word: String, digest: Digest?, in store: BlobStore
  ) async throws -> FetchedManifest? {
    let what = "cannot read the manifest of \(repository):\(word)"
    let head = try await send(manifestCall(.HEAD, repository, word), what)
    // It has no words of its own: those that a GET is refused with are the ones to tell.
    guard head.status == .ok else {
      if [500, 502, 503, 504].contains(head.status.code) {
        throw RegistryFailure(what, status: head.status, headers: head.headers, body: [])
      }
      return nil
    }
    guard let told = head.headers.first(name: "docker-content-digest").flatMap({ try? Digest($0) }),
      digest == nil || digest == told, let size = try? store.size(of: told), size <= Int64(Self.manifestLimit)
    else { return nil }
    var descriptor = ContentDescriptor(mediaType: .ociManifest, digest: told, size: size)
    guard let bytes = try? store.read(descriptor, limit: Self.manifestLimit),
      let type = try? Self.mediaType(head.headers, bytes, what)
    else { return nil }
    descriptor.mediaType = type
    return FetchedManifest(descriptor: descriptor, bytes: bytes)
  }
}
