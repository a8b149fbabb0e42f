internal import Blobs
internal import Layers

/// Keeps removals away between the look at an image and the record that says which layers a container stands on: from then
/// on the record does (`layersInUse`). Killed in between, the kernel lets go of it.
final class ImageHold: Sendable {
  private let lock: AdditionLock

  init(on store: ImageStore) throws(StoreError) { lock = try store.blobs.additionLock() }

  func end() { lock.release() }
}
