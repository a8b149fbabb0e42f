package import Blobs
package import ImageSpec
internal import Kernel

/// What a prune took away.
package struct PrunedImages: Hashable, Sendable {
  package var removed: [RemovedImage] = []
  /// Unpacked layers.
  package var trees: [Digest] = []
  /// Bytes that the disk has again: blobs and unpacked trees, by the blocks that they held.
  package var reclaimed: Int64 = 0
  package init() {}
}

extension ImageStore {
  /// Takes away the images that nobody has a container of, and all that only they need.
  ///
  /// - Parameters:
  ///   - isChosen: asked of images without a container only.
  ///   - isRehearsal: says what would go, and lets it stay.
  ///   - used: the images that a container was made from. Asked for, as `kept` is, once nobody is about to use one more.
  ///   - kept: layers that containers stand on although no image of this store has them.
  package func prune(
    where isChosen: (Image) -> Bool, isRehearsal: Bool = false, usedBy used: () -> Set<Digest>,
    keeping kept: @autoclosure () -> Set<Digest> = [], meter: inout DiskMeter
  ) throws(StoreError) -> PrunedImages {
    try blobs.whileRemoving { () throws(StoreError) in
      let used = used()
      let chosen = try images().filter { !used.contains($0.id) && isChosen($0) }
      let before = try blobs.index()
      // What is about an image goes with it.
      let leaving = leaving(Set(chosen.map(\.manifestDigest)), in: before)
      let needed = try reachable(from: before.without(leaving), keeping: kept())
      var pruned = PrunedImages()
      for image in chosen { pruned.removed += image.tags.map { RemovedImage.untagged($0) } }
      if !isRehearsal && !leaving.isEmpty {
        try blobs.updateIndex { (index: inout Index) throws(StoreError) in
          index = index.without(leaving)
        }
      }
      passKillSwitch("pruning", 0)
      for digest in try blobs.digests() where !needed.blobs.contains(digest) {
        pruned.reclaimed += meter.add(blobs.path(of: digest))
        if !isRehearsal { try blobs.remove(digest) }
        pruned.removed.append(.deleted(digest))
      }
      for diffID in try layers.digests() where !needed.layers.contains(diffID) {
        pruned.reclaimed += meter.add(layers.path(of: diffID))
        pruned.trees.append(diffID)
        if !isRehearsal { try layers.remove(diffID) }
      }
      // What was fetched in part belongs to no image.
      pruned.reclaimed += blobs.removeParts(isRehearsal: isRehearsal, meter: &meter)
      return pruned
    }
  }

  /// The blobs that would be nobody's if the images that nobody uses were taken away.
  package func blobs(unusedBy used: Set<Digest>) throws(StoreError) -> [Digest] {
    let index = try blobs.index()
    let leaving = leaving(Set(try images().filter { !used.contains($0.id) }.map(\.manifestDigest)), in: index)
    let needed = try reachable(from: index.without(leaving)).blobs
    return try blobs.digests().filter { !needed.contains($0) }
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
    // The index that an image was chosen from says what its digest is of; what else it names is not here.
    let origins = index.manifests.compactMap { $0.annotations[Self.indexAnnotation].flatMap { try? Digest($0) } }
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
    found.blobs.formUnion(origins)
    return found
  }

  /// Removes what was just added for an image that then was refused, as far as no image of the list leads to it, unless somebody
  /// adds just now.
  package func takeBack(blobs added: Set<Digest>, layers unpacked: Set<Digest>) throws(StoreError) {
    _ = try blobs.whileRemovingIfFree { () throws(StoreError) in
      let needed = try reachable(from: try blobs.index())
      for digest in added.subtracting(needed.blobs) { try blobs.remove(digest) }
      for diffID in unpacked.subtracting(needed.layers) { try layers.remove(diffID) }
    }
  }

  /// Removes what no image of the list leads to, unless somebody adds just now.
  ///
  /// - Parameter kept: as for `prune`, asked for under the same lock: a container that was made a moment before may stand on layers
  ///   that no image has.
  package func removeUnreferencedIfFree(keeping kept: @autoclosure () -> Set<Digest>) throws(StoreError) {
    _ = try blobs.whileRemovingIfFree { () throws(StoreError) in try removeUnreferenced(keeping: kept()) }
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

extension Index {
  fileprivate func without(_ digests: Set<Digest>) -> Index {
    var index = self
    index.manifests.removeAll { digests.contains($0.digest) }
    return index
  }
}
