package import Blobs
internal import ImageSpec
internal import Kernel

extension ImageStore {
  /// Reads every blob of the images in the list, compares size and digest with what is said of it, and each unpacked layer
  /// with its blob, file by file; with that what is about the images, the list itself and the records of the trees. What is found is repaired where that
  /// was asked for: trees and links from the blobs, blobs from the trees where the same bytes come out, the list from the
  /// manifests that are there and from its copy.
  ///
  /// Nobody removes anything meanwhile, and when something is repaired nobody adds.
  package func verify(_ request: VerificationRequest = VerificationRequest()) throws(StoreError) -> Verification {
    let work = { () throws(StoreError) -> Verification in
      var check = StoreCheck(self, request)
      try check.run()
      return check.found
    }
    return try request.repairs || request.removesLost ? blobs.whileRemoving(work) : blobs.whileAdding(work)
  }
}

/// One look at a store.
struct StoreCheck {
  let store: ImageStore
  let request: VerificationRequest
  var found = Verification()
  var index = Index()
  /// What is wrong with a layer's blob or tree; a layer that several images share is looked at once.
  private var known: [Digest: [Damage]] = [:]
  /// Layers of the images in the list, by the digests of their contents.
  private(set) var wanted: Set<Digest> = []

  init(_ store: ImageStore, _ request: VerificationRequest) {
    self.store = store
    self.request = request
  }

  mutating func run() throws(StoreError) {
    try checkIndex()
    var lost: Set<Digest> = []
    var meant: [Digest: String] = [:]
    for descriptor in index.manifests where !descriptor.isArtifact {
      guard request.words.isEmpty || request.words.contains(where: { isMeant(descriptor, by: $0) }) else { continue }
      let name = descriptor.annotations[ImageStore.nameAnnotation] ?? descriptor.digest.description
      var image = VerifiedImage(name: name, damages: try damages(of: descriptor))
      if request.removesLost && image.isLost, !isUsed(descriptor) {
        lost.insert(descriptor.digest)
        image.isRemoved = true
      }
      found.images.append(image)
      meant[descriptor.digest] = name
      if let origin = descriptor.annotations[ImageStore.indexAnnotation].flatMap({ try? Digest($0) }) {
        meant[origin] = name
      }
    }
    let artifacts = try checkArtifacts(about: meant)
    if request.removesLost { lost.formUnion(artifacts) }
    for word in request.words where !index.manifests.contains(where: { isMeant($0, by: word) }) {
      _ = try store.find(word)
    }
    found.images.sort { $0.name < $1.name }
    if request.words.isEmpty { try checkTrees() }
    if !lost.isEmpty { try remove(lost) }
  }

  // MARK: Images

  /// Told without reading the image, which may be damaged.
  private func isMeant(_ descriptor: ContentDescriptor, by word: String) -> Bool {
    if descriptor.digest.description == word || descriptor.digest.hex == word { return true }
    if let name = descriptor.annotations[ImageStore.nameAnnotation], (try? Reference(word))?.familiar == name {
      return true
    }
    guard word.utf8.count >= 4, let manifest: Manifest = try? store.parse(descriptor, "manifest") else { return false }
    return manifest.config.digest.hex.hasPrefix(word) || manifest.config.digest.description == word
  }

  /// Whether a container stands on the image; of one that cannot be read nobody knows.
  private func isUsed(_ descriptor: ContentDescriptor) -> Bool {
    guard let manifest: Manifest = try? store.parse(descriptor, "manifest") else { return false }
    return request.containers[manifest.config.digest] != nil
  }

  private mutating func damages(of descriptor: ContentDescriptor) throws(StoreError) -> [Damage] {
    var damages = try damages(ofOriginIn: descriptor)
    let image: Image
    do throws(StoreError) { image = try store.load(descriptor, Index()) } catch {
      // What another tool wrote may be for other machines than this one.
      if descriptor.mediaType.isIndex && error.kind == .notFound, (try? store.blobs.read(descriptor)) != nil {
        return damages + lostBlobs(try damage(below: descriptor))
      }
      forget(descriptor)
      return damages + lostBlobs(error.message)
    }
    if descriptor.mediaType.isIndex {
      damages += lostBlobs(try damage(below: descriptor, besides: image.descriptor.digest))
    }
    wanted.formUnion(image.config.diffIDs)
    for (layer, diffID) in zip(image.manifest.layers, image.config.diffIDs) {
      let wrong: [Damage]
      if let earlier = known[layer.digest] { wrong = earlier } else { wrong = try look(at: layer, diffID) }
      known[layer.digest] = wrong
      damages += wrong
      if let container = request.containers[image.id], !store.layers.contains(diffID), wrong.isEmpty {
        damages.append(
          try repairing(
            "layer \(diffID.short), which container \(container) stands on, is not unpacked", "unpacks it", "unpacked"
          ) {
            (check) throws(StoreError) in
            try check.store.layers.unpack(layer, diffID: diffID, from: check.store.blobs)
          })
      }
    }
    return damages
  }

  private func lostBlobs(_ reason: String?) -> [Damage] {
    reason.map { [Damage(reason: $0, outcome: .lost(hasTree: false))] } ?? []
  }

  /// A manifest or config of the wrong bytes, by its right size, would keep a pull from bringing the right ones.
  private func forget(_ descriptor: ContentDescriptor) {
    guard request.repairs else { return }
    var blobs = [descriptor]
    if let manifest: Manifest = try? store.parse(descriptor, "manifest") { blobs.append(manifest.config) }
    for blob in blobs where store.blobs.contains(blob.digest) && (try? store.blobs.read(blob)) == nil {
      try? store.blobs.remove(blob.digest)
    }
  }

  // MARK: Layers

  private mutating func look(
    at layer: ContentDescriptor, _ diffID: Digest
  ) throws(StoreError) -> [Damage] {
    do throws(StoreError) { try store.blobs.copy(layer) { _ in } } catch {
      return try [lookAtTree(insteadOf: layer, diffID, error)]
    }
    guard store.layers.contains(diffID) else { return [] }
    let fresh = try store.layers.newTree(of: layer, from: store.blobs)
    guard try fresh.finish() == diffID else {
      // Its tree cannot come from it, whatever is in the tree.
      let reason = "layer \(layer.digest) is damaged: it unpacks to another digest than \(diffID)"
      return [Damage(reason: reason, outcome: .lost(hasTree: true))]
    }
    let tree = store.layers.path(of: diffID)
    let difference = try storing("cannot compare layer \(diffID) with its blob") { () throws(Fault) in
      try TreeComparison(of: tree, with: fresh.path).text
    }
    guard let difference else { return [] }
    let reason = "the unpacked layer \(diffID.short) is not what its blob says: \(difference)"
    if request.busyLayers.contains(diffID) {
      let advice = "stop the containers that run on it and unmount its images, then --repair makes it anew"
      return [Damage(reason: reason, outcome: .curable(advice))]
    }
    guard request.repairs else { return [Damage(reason: reason, outcome: .curable("--repair makes it anew"))] }
    try store.layers.remove(diffID)
    _ = try fresh.put(expecting: diffID)
    return [Damage(reason: reason, outcome: .repaired("unpacked anew from its blob"))]
  }

  /// A layer that was packed here and not compressed comes out of its tree as it was, byte by byte; of others only the tree
  /// is left, which containers go on with.
  private func lookAtTree(
    insteadOf layer: ContentDescriptor, _ diffID: Digest, _ error: StoreError
  ) throws(StoreError) -> Damage {
    let canPack = layer.digest == diffID && store.layers.contains(diffID)
    guard canPack, store.layers.packs(as: layer, into: store.blobs, keeps: request.repairs) else {
      // By its right size it would keep a pull from bringing the right bytes.
      if request.repairs { try store.blobs.remove(layer.digest) }
      return Damage(reason: error.message, outcome: .lost(hasTree: store.layers.contains(diffID)))
    }
    return Damage(
      reason: error.message,
      outcome: request.repairs
        ? .repaired("packed anew from its unpacked tree") : .curable("--repair packs it anew from its unpacked tree"))
  }

  /// Does it, or says that it could be done.
  ///
  /// - Parameters:
  ///   - cure: `unpacks it`
  ///   - done: `unpacked`
  func repairing(
    _ reason: String, _ cure: String, _ done: String, _ body: (StoreCheck) throws(StoreError) -> Void
  ) throws(StoreError) -> Damage {
    guard request.repairs else { return Damage(reason: reason, outcome: .curable("--repair \(cure)")) }
    try body(self)
    return Damage(reason: reason, outcome: .repaired(done))
  }

  private func remove(_ lost: Set<Digest>) throws(StoreError) {
    try store.blobs.updateIndex { (index: inout Index) throws(StoreError) in
      let leaving = store.leaving(lost, in: index)
      index.manifests.removeAll { leaving.contains($0.digest) }
    }
    _ = try store.removeUnreferenced(keeping: request.keptLayers)
  }
}
