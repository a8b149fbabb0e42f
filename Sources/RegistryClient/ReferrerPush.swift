internal import Blobs
internal import Hashing
internal import ImageSpec
internal import JSON
internal import Layers
internal import NIOHTTP1

/// Sends what the store has about an image, after it (distribution-spec, "Pushing Manifests with Subject").
struct ReferrerPush: Sendable {
  let images: ImageStore
  let upload: BlobUpload
  let progress: ProgressReport

  func send(about subject: Digest) async throws {
    var seen: Set<Digest> = [subject]
    var waiting = [subject]
    while let next = waiting.popLast() {
      let found: [Artifact]
      do throws(StoreError) { found = try images.artifacts(about: next) } catch { throw RegistryFailure(error) }
      for artifact in found where seen.insert(artifact.descriptor.digest).inserted {
        try await send(artifact, about: next)
        waiting.append(artifact.descriptor.digest)
      }
    }
  }

  private func send(_ artifact: Artifact, about subject: Digest) async throws {
    let (manifest, descriptor) = (artifact.manifest, artifact.descriptor)
    var seen: Set<Digest> = []
    for blob in manifest.layers + [manifest.config] where seen.insert(blob.digest).inserted {
      try await upload.send(blob)
    }
    let bytes: [UInt8]
    do throws(StoreError) { bytes = try images.blobs.read(descriptor) } catch { throw RegistryFailure(error) }
    let answer = try await upload.put(descriptor, bytes: bytes, as: descriptor.digest.description)
    // A registry that knows of subjects says so; for the others their clients keep the list.
    if answer.first(name: "oci-subject") == nil { try await list(artifact, about: subject) }
    await progress.headline("\(manifest.typeInLists): digest: \(descriptor.digest) size: \(descriptor.size)")
  }

  private func list(_ artifact: Artifact, about subject: Digest) async throws {
    var index = try await upload.connection.taggedReferrers(upload.repository, of: subject) ?? Index()
    guard !index.manifests.contains(where: { $0.digest == artifact.descriptor.digest }) else { return }
    var entry = artifact.descriptor
    entry.artifactType = artifact.manifest.typeInLists
    entry.annotations = artifact.manifest.annotations
    index.manifests.append(entry)
    let bytes = index.jsonBytes()
    let descriptor = ContentDescriptor(
      mediaType: index.mediaType, digest: SHA256.digest(of: bytes), size: Int64(bytes.count))
    _ = try await upload.put(descriptor, bytes: bytes, as: RegistryConnection.referrersTag(of: subject))
  }
}
