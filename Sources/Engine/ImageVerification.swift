internal import Blobs
internal import Containers
internal import ImageSpec
internal import Kernel
package import Layers

extension Engine {
  /// `image verify`: looks at the store before anything heals it.
  ///
  /// - Parameters:
  ///   - words: images; none for the whole store.
  ///   - removesLost: takes images out that nothing can repair, unless a container stands on one.
  package func verifyImages(
    _ words: [String], repairs: Bool, removesLost: Bool
  ) throws(Failure) -> Verification {
    let layout = BlobStore.layoutDamage(at: state.images)
    let wasMissing = !exists(state.images.appending("oci-layout"))
    var request = VerificationRequest()
    request.words = words
    request.repairs = repairs
    request.removesLost = removesLost
    request.busyLayers = Set(imageMounts.all().flatMap(\.layers))
    request.keptLayers = layersInUse()
    for summary in try summaries(includingEnded: true) {
      if summary.state.status.isLive { request.busyLayers.formUnion(summary.record.layers) }
      guard let image = try? Digest(summary.record.imageIdentifier) else { continue }
      request.containers[image] = summary.record.name
      if let name = try? Reference(summary.record.image), name.digest == nil {
        request.knownNames[name.familiar] = image
      }
    }
    let store = try images()
    do throws(StoreError) {
      var found = try store.verify(request)
      guard let layout, words.isEmpty else { return found }
      // One that is missing was written by opening the store, as any command does.
      if repairs && !wasMissing { try store.blobs.repairLayout() }
      let outcome: Damage.Outcome =
        repairs || wasMissing ? .repaired("written anew") : .curable("--repair writes it anew")
      found.store.insert(Damage(reason: layout, outcome: outcome), at: 0)
      return found
    } catch { throw Failure(error) }
  }
}
