internal import Blobs
internal import Containers
package import ImageSpec
internal import Kernel
package import Layers

// What keeps images and layers: the containers.

extension Engine {
  /// The layers that containers stand on. Those of an image that runs where it lies are in no list of ours.
  package func layersInUse() -> Set<Digest> {
    var found: Set<Digest> = []
    for identifier in (try? containers()) ?? [] {
      guard let record = try? record(of: identifier) else { continue }
      for lower in record.lower {
        // `l/SHORT` is a link to the tree, which is named after its digest.
        let tree = (try? readSymbolicLink(Path(lower))) ?? Path(lower)
        if let digest = Digest(hex: tree.name) { found.insert(digest) }
      }
    }
    return found
  }

  /// The images that a container, running or not, was made from.
  package func imagesInUse() -> Set<Digest> {
    Set(
      ((try? summaries(includingEnded: true)) ?? []).compactMap { try? Digest($0.record.imageIdentifier) })
  }

  /// `image prune`, and its part of `system prune`: images that no container was made from.
  ///
  /// - Parameters:
  ///   - namedToo: also those that have a name.
  ///   - isChosen: what filters say.
  package func pruneImages(
    namedToo: Bool, isRehearsal: Bool = false, where isChosen: (Image) -> Bool
  ) throws(Failure) -> PrunedImages {
    let store = try images()
    let used = imagesInUse()
    do throws(StoreError) {
      return try store.prune(
        where: { (namedToo || $0.tags.isEmpty) && isChosen($0) }, isRehearsal: isRehearsal,
        isUsed: { used.contains($0) }, keeping: layersInUse())
    } catch { throw Failure(error) }
  }
}
