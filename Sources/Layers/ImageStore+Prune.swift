package import Blobs
package import ImageSpec

/// What a prune took away.
package struct PrunedImages: Hashable, Sendable {
  package var removed: [RemovedImage] = []
  /// Bytes that the disk has again: blobs and unpacked trees, by the blocks that they held.
  package var reclaimed: Int64 = 0
}

extension ImageStore {
  /// Takes away the images that nobody has a container of, and all that only they need.
  ///
  /// - Parameters:
  ///   - isChosen: asked of images without a container only.
  ///   - isRehearsal: says what would go, and lets it stay.
  ///   - isUsed: whether a container was made from the image.
  ///   - kept: layers that containers stand on although no image of this store has them.
  package func prune(
    where isChosen: (Image) -> Bool, isRehearsal: Bool = false, isUsed: (Digest) -> Bool, keeping kept: Set<Digest> = []
  ) throws(StoreError) -> PrunedImages {
    try blobs.whileRemoving { () throws(StoreError) in
      let chosen = try images().filter { !isUsed($0.id) && isChosen($0) }
      let leaving = Set(chosen.map(\.manifestDigest))
      // What is about an image goes with it.
      func leaves(_ listed: ContentDescriptor) -> Bool {
        leaving.contains(listed.digest) || listed.isArtifact && leaving.contains { isArtifact(listed, about: $0) }
      }
      var index = try blobs.index()
      index.manifests.removeAll(where: leaves)
      let needed = try reachable(from: index, keeping: kept)
      var pruned = PrunedImages()
      for image in chosen { pruned.removed += image.tags.map { RemovedImage.untagged($0) } }
      if !isRehearsal {
        try blobs.updateIndex { (index: inout Index) throws(StoreError) in
          index.manifests.removeAll(where: leaves)
        }
      }
      for digest in try blobs.digests() where !needed.blobs.contains(digest) {
        pruned.reclaimed += diskUsage(of: blobs.path(of: digest))
        if !isRehearsal { try blobs.remove(digest) }
        pruned.removed.append(.deleted(digest))
      }
      for diffID in try layers.digests() where !needed.layers.contains(diffID) {
        pruned.reclaimed += diskUsage(of: layers.path(of: diffID))
        if !isRehearsal { try layers.remove(diffID) }
      }
      return pruned
    }
  }

  /// What stays: the blobs that the list leads to, through indexes too, and the layers that their configs name.
  struct Reachable {
    var blobs: Set<Digest> = []
    var layers: Set<Digest>
  }

  func reachable(from index: Index, keeping kept: Set<Digest> = []) throws(StoreError) -> Reachable {
    var found = Reachable(layers: kept)
    // A digest is followed once, so that no chain of indexes is endless or doubles at each step.
    var waiting = index.manifests
    while let descriptor = waiting.popLast() {
      guard found.blobs.insert(descriptor.digest).inserted else { continue }
      // Of an image that is damaged, what can still be told stays.
      if descriptor.mediaType.isIndex {
        let inner: Index? = try? parse(descriptor, "index")
        waiting += inner?.manifests ?? []
        continue
      }
      guard let manifest: Manifest = try? parse(descriptor, "manifest") else { continue }
      let stack = manifest.layers.map(\.digest)
      found.blobs.formUnion(stack + [manifest.config.digest])
      let config: ImageConfig? = try? parse(manifest.config, "config")
      found.layers.formUnion(config?.diffIDs ?? stack)
    }
    return found
  }

  /// Removes what no image of the list leads to, unless somebody adds just now.
  package func removeUnreferencedIfFree(keeping kept: Set<Digest> = []) throws(StoreError) {
    _ = try blobs.whileRemovingIfFree { () throws(StoreError) in try removeUnreferenced(keeping: kept) }
  }

  /// Removes blobs and layers that no image of the list leads to. Under `whileRemoving` only.
  func removeUnreferenced(keeping kept: Set<Digest> = []) throws(StoreError) -> [RemovedImage] {
    let needed = try reachable(from: try blobs.index(), keeping: kept)
    var removed: [RemovedImage] = []
    for digest in try blobs.digests() where !needed.blobs.contains(digest) {
      try blobs.remove(digest)
      removed.append(.deleted(digest))
    }
    for diffID in try layers.digests() where !needed.layers.contains(diffID) { try layers.remove(diffID) }
    return removed
  }
}
