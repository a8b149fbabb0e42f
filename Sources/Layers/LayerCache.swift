package import Blobs
package import ImageSpec
package import Kernel

// The unpacked trees as what they are: a cache. Each can be made again from its blob, so the disk can have back those that
// were not used for long.

/// An unpacked layer.
package struct CachedTree: Hashable, Sendable {
  package var diffID: Digest
  /// Bytes of its blocks.
  package var size: Int64
  /// When an image was last resolved to it, or it was made.
  package var lastUsed: Timestamp
}

extension LayerStore {
  /// All trees, those first that were not used for longest.
  package func trees(_ meter: inout DiskMeter) throws(StoreError) -> [CachedTree] {
    var found: [CachedTree] = []
    for diffID in try digests() {
      let size = meter.add(path(of: diffID))
      found.append(CachedTree(diffID: diffID, size: size, lastUsed: lastUse(of: diffID)))
    }
    return found.sorted { ($0.lastUsed, $0.diffID.hex) < ($1.lastUsed, $1.diffID.hex) }
  }

  /// The link's time. A tree without one was put in its place by somebody who was killed right then.
  private func lastUse(of diffID: Digest) -> Timestamp {
    let link = shortPath(of: diffID)
    let known = link == path(of: diffID) ? nil : try? status(of: link, followLinks: false).modified
    return known ?? Timestamp(seconds: 0, nanoseconds: 0)
  }

  /// Bytes of what belongs to the cache and is no tree: its directories, its links, what is being unpacked.
  package func overhead(_ meter: inout DiskMeter) -> Int64 {
    meter.add(layers, leavingOut: { Digest(hex: $0.string) != nil }) + meter.add(links)
  }

  /// Bytes of what makers that died left behind.
  package func leftovers(_ meter: inout DiskMeter) -> Int64 {
    let before = meter.total
    forEachLeftover(in: work) { meter.add($0) }
    return meter.total - before
  }
}

/// What a budget made of the cache.
package struct Eviction: Hashable, Sendable {
  /// Taken away.
  package var trees: [CachedTree] = []
  /// Bytes that the rest still has too many, because somebody stands on it.
  package var excess: Int64 = 0
}

extension ImageStore {
  /// Takes trees away, those first that were not used for longest, until the rest fits. What stands on one is asked for once
  /// nobody is about to use one more; a tree whose blob is gone stays, for nothing could bring it back.
  ///
  /// - Parameters:
  ///   - budget: bytes that all trees together may have.
  ///   - gone: trees that count as taken away already, in a rehearsal.
  ///   - kept: those that containers and mounts stand on.
  /// - Returns: nil when somebody adds just now and `waits` is false.
  package func evict(
    toFit budget: Int64, isRehearsal: Bool = false, waits: Bool = true, besides gone: Set<Digest> = [],
    keeping kept: () -> Set<Digest>
  ) throws(StoreError) -> Eviction? {
    let work = { () throws(StoreError) -> Eviction in
      var meter = DiskMeter()
      let trees = try layers.trees(&meter).filter { !gone.contains($0.diffID) }
      var done = Eviction(excess: trees.reduce(-budget) { $0 + $1.size })
      guard done.excess > 0 else { return Eviction() }
      let kept = kept().union(try lastOfTheirKind())
      for tree in trees where done.excess > 0 && !kept.contains(tree.diffID) {
        if !isRehearsal { try layers.remove(tree.diffID) }
        done.excess -= tree.size
        done.trees.append(tree)
      }
      done.excess = max(0, done.excess)
      return done
    }
    return try waits ? blobs.whileRemoving(work) : blobs.whileRemovingIfFree(work)
  }

  /// Layers of images whose blobs are not here whole: their trees are all that is left of them.
  private func lastOfTheirKind() throws(StoreError) -> Set<Digest> {
    var found: Set<Digest> = []
    for image in try images() {
      for (layer, diffID) in zip(image.manifest.layers, image.config.diffIDs)
      where (try? blobs.size(of: layer.digest)) != layer.size { found.insert(diffID) }
    }
    return found
  }
}
