internal import Blobs
internal import ImageSpec
internal import JSON

// Blobs that no unpacked layer comes from: what is about an image, the index that it was chosen from, and the images for other
// machines in an index that another tool wrote here.

extension StoreCheck {
  /// What is about the images that were meant, or about what is about them.
  ///
  /// - Parameter meant: manifests and indexes, with the name that is told.
  /// - Returns: what of it nothing here can make anew.
  mutating func checkArtifacts(about meant: [Digest: String]) throws(StoreError) -> Set<Digest> {
    var lost: Set<Digest> = []
    var names = meant
    var waiting = index.manifests.filter(\.isArtifact)
    var subjects: [Digest: Digest] = [:]
    for artifact in waiting { subjects[artifact.digest] = subject(of: artifact) }
    // A signature of a bill of materials is found once the bill is.
    while let next = waiting.firstIndex(where: { subjects[$0.digest].map { names[$0] != nil } ?? false }) {
      let artifact = waiting.remove(at: next)
      let name = subjects[artifact.digest].flatMap { names[$0] } ?? ""
      names[artifact.digest] = name
      if try !checkArtifact(artifact, of: name) { lost.insert(artifact.digest) }
    }
    // Those whose subject nobody can tell, or has.
    guard request.words.isEmpty else { return lost }
    for artifact in waiting where try !checkArtifact(artifact, of: nil) { lost.insert(artifact.digest) }
    return lost
  }

  /// - Returns: whether it is whole.
  private mutating func checkArtifact(_ artifact: ContentDescriptor, of name: String?) throws(StoreError) -> Bool {
    let type = artifact.artifactType ?? "artifact"
    guard let reason = try damage(below: artifact) else { return true }
    let whose = name.map { "\($0): its \(type)" } ?? type
    let isRemoved = request.removesLost
    let cure = "pull it with --referrers or load it again" + (isRemoved ? "" : ", or take it away with --remove-lost")
    found.store.append(
      Damage(
        reason: "\(whose) \(artifact.digest.short) is damaged: \(reason)",
        outcome: isRemoved ? .repaired("taken out of the list, for nothing here could repair it") : .curable(cure)))
    return false
  }

  private func subject(of artifact: ContentDescriptor) -> Digest? {
    let manifest: Manifest? = try? store.parse(artifact, "artifact")
    return manifest?.subject?.digest
  }

  /// What is wrong with the index that an image was chosen from. The image goes on without it: it only loses that digest.
  mutating func damages(ofOriginIn descriptor: ContentDescriptor) throws(StoreError) -> [Damage] {
    guard let text = descriptor.annotations[ImageStore.indexAnnotation], let digest = try? Digest(text),
      let reason = try damage(ofOrigin: digest)
    else { return [] }
    return [
      try repairing(reason, "forgets it, and a pull brings it again", "forgotten; a pull brings it again") {
        (check) throws(StoreError) in
        try check.store.blobs.updateIndex { (index: inout Index) throws(StoreError) in
          for place in index.manifests.indices
          where index.manifests[place].annotations[ImageStore.indexAnnotation] == text {
            index.manifests[place].annotations[ImageStore.indexAnnotation] = nil
          }
        }
        try check.store.blobs.remove(digest)
      }
    ]
  }

  private func damage(ofOrigin digest: Digest) throws(StoreError) -> String? {
    let what = "the index \(digest) that it was chosen from is"
    guard let size = try store.blobs.size(of: digest) else { return "\(what) missing" }
    let descriptor = ContentDescriptor(mediaType: .ociIndex, digest: digest, size: size)
    do throws(StoreError) { _ = try store.blobs.read(descriptor) } catch { return "\(what) damaged: \(error.message)" }
    return nil
  }

  /// What is wrong with one of the blobs that a manifest or an index leads to. Of an index for several platforms those that are
  /// not here were never brought.
  ///
  /// - Parameter other: a manifest that is looked at elsewhere.
  /// - Returns: the first, in words; nil when there is none.
  func damage(below top: ContentDescriptor, besides other: Digest? = nil) throws(StoreError) -> String? {
    var waiting = [top]
    var seen: Set<Digest> = []
    if let other { seen.insert(other) }
    var first: String?
    while let descriptor = waiting.popLast() {
      guard seen.insert(descriptor.digest).inserted else { continue }
      do throws(StoreError) {
        if descriptor.mediaType.isIndex {
          let inner: Index = try store.parse(descriptor, "index")
          waiting += inner.manifests.filter { store.blobs.contains($0.digest) }
        } else if descriptor.mediaType.isManifest {
          let manifest: Manifest = try store.parse(descriptor, "manifest")
          waiting += [manifest.config] + manifest.layers
        } else {
          try store.blobs.copy(descriptor) { _ in }
        }
      } catch {
        first = first ?? error.message
        // By its right size it would keep a pull from bringing the right bytes.
        if request.repairs, store.blobs.contains(descriptor.digest), (try? store.blobs.copy(descriptor) { _ in }) == nil
        {
          try store.blobs.remove(descriptor.digest)
        }
      }
    }
    return first
  }
}
