internal import ImageSpec
internal import Layers
internal import Synchronization

/// What a pull brings into the store, so that it can be taken back.
final class Additions: Sendable {
  private struct Found: Sendable {
    var blobs: Set<Digest> = []
    var layers: Set<Digest> = []
  }
  private let found = Mutex(Found())

  /// - Parameter diffID: of a layer whose tree was not there either.
  func note(_ blob: Digest, diffID: Digest?) {
    found.withLock { found in
      found.blobs.insert(blob)
      if let diffID { found.layers.insert(diffID) }
    }
  }

  /// Takes away what no image of the list needs.
  func takeBack(from images: ImageStore) {
    let found = found.withLock { $0 }
    try? images.takeBack(blobs: found.blobs, layers: found.layers)
  }
}
