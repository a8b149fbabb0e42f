internal import Blobs
internal import ImageSpec
internal import Kernel

// The unpacked layers and their links, whatever images there are.

extension StoreCheck {
  mutating func checkTrees() throws(StoreError) {
    for link in store.layers.linksWithoutTree() {
      found.store.append(
        try repairing("the record \(link) leads to no unpacked layer", "removes it", "removed") {
          (_) throws(StoreError) in
          try storing("cannot remove \(link)") { () throws(Fault) in try removeFile(link) }
        })
    }
    // One that no image in the list has is what a killed command left: the next one for it goes on from there, or prune takes it.
    for diffID in try store.layers.digests() where wanted.contains(diffID) && !store.layers.hasLink(diffID) {
      found.store.append(
        try repairing("the unpacked layer \(diffID.short) has no record", "writes it", "written") {
          (check) throws(StoreError) in
          try storing("cannot link layer \(diffID)") { () throws(Fault) in
            try check.store.layers.makeShortPath(of: diffID)
          }
        })
    }
  }
}

extension LayerStore {
  fileprivate func hasLink(_ diffID: Digest) -> Bool { shortPath(of: diffID) != path(of: diffID) }

  fileprivate func linksWithoutTree() -> [Path] {
    ((try? entries(of: links)) ?? []).map { links.appending($0.name) }.filter { !exists($0) }
      .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }

  /// Whether the tree of a layer that is not compressed comes out as that very layer, when it is packed again.
  ///
  /// - Parameter keeps: makes it the blob; otherwise this is only a try.
  func packs(as layer: ContentDescriptor, into blobs: BlobStore, keeps: Bool) -> Bool {
    let tree = path(of: layer.digest)
    let ways: [TreePacker.Purpose] = [.changes(over: [], mountPoints: [], usesUserAttributes: !isRootOfHost()), .tree]
    for purpose in ways {
      do throws(StoreError) {
        var writer = try BlobWriter(store: blobs)
        _ = try TreePacker.pack(tree, as: purpose, into: &writer)
        try writer.expect(layer.digest)
        if keeps { try writer.finish(expecting: layer) }
        return true
      } catch { continue }
    }
    return false
  }
}
