internal import Blobs
package import Containers
package import ImageSpec
internal import Journal
internal import Kernel
package import Layers

// What keeps images and layers: containers and mounts, as they stand on the disk. Nothing is counted, so nothing can be
// counted wrong by a command that was killed.

extension Engine {
  /// The layers that containers and mounts stand on. Those of an image that runs where it lies are in no list of ours.
  ///
  /// - Parameter leaving: containers that count as gone already.
  package func layersInUse(without leaving: Set<ContainerIdentifier> = []) -> Set<Digest> {
    var found = Set(imageMounts.all().flatMap(\.layers))
    for identifier in (try? containers()) ?? [] where !leaving.contains(identifier) {
      guard let record = try? record(of: identifier) else { continue }
      found.formUnion(record.layers)
    }
    return found
  }

  /// The images that a container, running or not, was made from, and those that are mounted.
  package func imagesInUse(without leaving: Set<ContainerIdentifier> = []) -> Set<Digest> {
    let containers = ((try? summaries(includingEnded: true)) ?? []).filter { !leaving.contains($0.identifier) }
    let digests = containers.flatMap { [$0.record.imageIdentifier] + $0.record.mounts.map(\.imageIdentifier) }
    return Set(digests.compactMap { try? Digest($0) } + imageMounts.all().map(\.image))
  }

  /// `image prune`, and its part of `system prune`: images that no container was made from.
  ///
  /// - Parameters:
  ///   - namedToo: also those that have a name.
  ///   - leaving: containers that count as gone already.
  ///   - isChosen: what filters say.
  package func pruneImages(
    namedToo: Bool, isRehearsal: Bool = false, without leaving: Set<ContainerIdentifier> = [],
    where isChosen: (Image) -> Bool
  ) throws(Failure) -> PrunedImages {
    let store = try images()
    var meter = DiskMeter()
    do throws(StoreError) {
      let pruned = try store.prune(
        where: { (namedToo || $0.tags.isEmpty) && isChosen($0) }, isRehearsal: isRehearsal,
        usedBy: { imagesInUse(without: leaving) }, keeping: layersInUse(without: leaving), meter: &meter)
      if !isRehearsal {
        note(pruned.removed)
        notePrune(.image, reclaimed: pruned.reclaimed)
      }
      return pruned
    } catch { throw Failure(error) }
  }
}

extension ContainerRecord {
  /// The layers that the container and its mounts of images stand on.
  package var layers: [Digest] {
    (lower + mounts.flatMap(\.layers)).compactMap { lower in
      // `l/SHORT` is a link to the tree, which is named after its digest.
      let tree = (try? readSymbolicLink(Path(lower))) ?? Path(lower)
      return Digest(hex: tree.name)
    }
  }
}
