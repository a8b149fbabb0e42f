internal import Blobs
internal import ImageSpec
internal import Layers

/// Brings what is about an image, and what is about that: a bill of materials, and the signature of it.
struct ReferrerPull: Sendable {
  let manifests: ManifestSource
  let blobs: BlobFetch
  let images: ImageStore
  let progress: ProgressReport

  /// Everything is in the store before any of it is in the list.
  func bring(about subjects: Set<Digest>) async throws {
    var kept: [ContentDescriptor] = []
    var seen = subjects
    var waiting = Array(subjects)
    while let subject = waiting.popLast() {
      let listed = try await manifests.registry.first { try await $0.referrers(manifests.repository, of: subject) }
      // Its parts would have to be told from images.
      for index in listed where index.mediaType.isIndex {
        await progress.headline("\(index.digest) is about the image, and an index: it stays at the registry")
      }
      for descriptor in listed where descriptor.mediaType.isManifest && seen.insert(descriptor.digest).inserted {
        guard seen.count <= RegistryConnection.maximumReferrers else {
          throw RegistryFailure(
            "more than \(RegistryConnection.maximumReferrers) manifests are about this image: refused")
        }
        let (named, type) = try await bring(descriptor, about: subject)
        kept.append(named)
        waiting.append(named.digest)
        await progress.headline("\(type): digest: \(named.digest) size: \(named.size)")
      }
    }
    do throws(StoreError) { try images.list(artifacts: kept) } catch { throw RegistryFailure(error) }
  }

  private func bring(
    _ listed: ContentDescriptor, about subject: Digest
  ) async throws -> (descriptor: ContentDescriptor, type: String) {
    let plain = ContentDescriptor(mediaType: listed.mediaType, digest: listed.digest, size: listed.size)
    let fetched = try await manifests.manifest(plain)
    guard case .image(let manifest) = try fetched.document(), manifest.subject?.digest == subject else {
      throw RegistryFailure("\(listed.digest) is listed as being about \(subject), and is not: refused")
    }
    var seen: Set<Digest> = []
    for blob in [manifest.config] + manifest.layers where seen.insert(blob.digest).inserted {
      try await blobs.fetch(blob)
    }
    do throws(StoreError) {
      _ = try images.blobs.put(fetched.bytes, mediaType: plain.mediaType)
    } catch { throw RegistryFailure(error) }
    var descriptor = plain
    // Its annotations stay in the manifest: one of them could be an image's name.
    descriptor.artifactType = manifest.typeInLists
    return (descriptor, manifest.typeInLists)
  }
}
