package import Blobs
internal import Hashing
package import ImageSpec
package import Kernel
internal import Mounts
internal import Rooted

/// The unpacked trees.
package struct LayerStore: Sendable {
  let layers: Path
  let links: Path
  /// How layers are unpacked.
  let options: UnpackOptions
  var work: Path { layers.appending(".work") }

  package init(root: Path, options: UnpackOptions = .standard) throws(StoreError) {
    self.options = options
    layers = root.appending("layers")
    links = root.appending("l")
    try storing("cannot make the layer store \(layers)") { () throws(Fault) in
      if exists(links) && exists(work) { return }
      for path in [layers, work, layers.appending(".empty"), links] {
        try makeDirectories(path, mode: path.name == ".empty" ? 0o755 : 0o700)
      }
    }
  }

  package func path(of diffID: Digest) -> Path { layers.appending(diffID.hex) }

  package func contains(_ diffID: Digest) -> Bool { exists(path(of: diffID), followLinks: false) }

  package func digests() throws(StoreError) -> [Digest] {
    try storing("cannot list the layers") { () throws(Fault) in
      try entries(of: layers).compactMap { Digest(hex: $0.name.string) }
    }
  }

  /// The lowerdirs of an image, topmost first, by short names. A layer that occurs twice is named once, for overlayfs
  /// refuses it a second time: all of its lower occurrence is hidden by the upper one.
  package func lowerdirs(of diffIDs: [Digest]) -> [Path] {
    if diffIDs.isEmpty { return [layers.appending(".empty")] }
    var seen: Set<Digest> = []
    return diffIDs.reversed().filter { seen.insert($0).inserted }.map { shortPath(of: $0) }
  }

  /// `l/` and as many digits as no other layer begins with; the tree itself while there is no such link.
  func shortPath(of diffID: Digest) -> Path {
    for length in stride(from: 8, through: 64, by: 8) {
      let link = links.appending(String(diffID.hex.prefix(length)))
      guard let target = try? readSymbolicLink(link) else { break }
      if target.name == diffID.hex { return link }
    }
    return path(of: diffID)
  }

  /// Whether the layer is there to be stood on; it counts as used now. Its link is what remembers that: its time, set without
  /// a sync, for the loss of it costs at most an unpacking.
  func use(_ diffID: Digest) -> Bool {
    let link = shortPath(of: diffID)
    // Through the link: the tree is there as well.
    guard link != path(of: diffID), exists(link) else { return false }
    // A store on a disk that cannot be written to serves all the same.
    try? setModified(of: link, to: now())
    return true
  }

  func makeShortPath(of diffID: Digest) throws(Fault) {
    for length in stride(from: 8, through: 64, by: 8) {
      let link = links.appending(String(diffID.hex.prefix(length)))
      do throws(Fault) {
        try makeSymbolicLink(link, to: "../layers/\(diffID.hex)")
        return
      } catch {
        if error.errno != .exists { throw error }
        if let target = try? readSymbolicLink(link), target.name == diffID.hex { return }
      }
    }
  }

  // MARK: Making layers

  /// Whether a layer is there; then its short name is too, which a crash may have left out.
  func isThere(_ diffID: Digest) throws(StoreError) -> Bool {
    guard contains(diffID) else { return false }
    try storing("cannot link layer \(diffID)") { () throws(Fault) in try makeShortPath(of: diffID) }
    return true
  }

  /// Unpacks a layer unless it is there, as it is or compressed by gzip or zstd.
  package func unpack(_ layer: ContentDescriptor, diffID: Digest, from blobs: BlobStore) throws(StoreError) {
    if try isThere(diffID) { return }
    _ = try newTree(of: layer, from: blobs).put(expecting: diffID)
  }

  /// A layer unpacked anew, which has no place yet; the blob has proved to be what its descriptor says.
  func newTree(of layer: ContentDescriptor, from blobs: BlobStore) throws(StoreError) -> NewTree {
    guard layer.mediaType.layerCompression != nil else {
      throw StoreError(.invalid, "layer \(layer.digest) is of an unknown type, \(layer.mediaType)")
    }
    let blob = try blobs.open(layer)
    let tree = try NewTree(in: self)
    var hash = SHA256()
    var unread = Int(layer.size)
    var buffer = [UInt8](repeating: 0, count: BlockRing.blockSize)
    while unread > 0 {
      let count = try storing("cannot read layer \(layer.digest)") { () throws(Fault) in
        try blob.borrowed.read(into: &buffer)
      }
      guard count > 0, count <= unread else {
        throw StoreError(.damaged, "layer \(layer.digest) is damaged: it has not the size that it should have")
      }
      let piece = buffer[..<count]
      hash.update(piece)
      unsafe try tree.write(piece.span.bytes)
      unread -= count
    }
    _ = try tree.finish()
    guard hash.finish() == layer.digest else {
      throw StoreError(.damaged, "layer \(layer.digest) is damaged: its contents have another digest")
    }
    return tree
  }

  /// Unpacks layers that are not there, as many at once as there are processors. The first failure ends it.
  package func unpack(
    _ wanted: [(layer: ContentDescriptor, diffID: Digest)], from blobs: BlobStore
  ) throws(StoreError) {
    _ = try performConcurrently(wanted.count, "skiff-layer") { (index) throws(StoreError) in
      try unpack(wanted[index].layer, diffID: wanted[index].diffID, from: blobs)
    }
  }

  /// Packs a tree as a layer, and keeps the tree itself as the unpacked layer when it can be renamed into place; the
  /// caller has no use of it afterwards. On another file system it stays where it is, and the layer is unpacked when needed.
  package func pack(tree: Path, into blobs: BlobStore) throws(StoreError) -> ContentDescriptor {
    var writer = try BlobWriter(store: blobs)
    _ = try TreePacker.pack(tree, as: .tree, into: &writer)
    let blob = try writer.finish(mediaType: .ociLayer)
    if contains(blob.digest) { return blob }
    let directory = try WorkDirectory(in: work)
    let moved = directory.path.appending("tree")
    do throws(Fault) { try rename(tree, to: moved) } catch {
      if error.errno == .crossDevice { return blob }
      throw StoreError("cannot move \(tree) to the layer store", error)
    }
    try place([(moved, blob.digest)])
    return blob
  }

  /// Packs the changes of an overlay's upper directory, which stays as it is. Nil when there are none.
  package func pack(
    upper: Path, over lowers: [Path], mountPoints: [Path] = [], usesUserAttributes: Bool = !isRootOfHost(),
    into blobs: BlobStore
  ) throws(StoreError) -> ContentDescriptor? {
    var writer = try BlobWriter(store: blobs)
    let purpose = TreePacker.Purpose.changes(
      over: lowers, mountPoints: mountPoints, usesUserAttributes: usesUserAttributes)
    let count = try TreePacker.pack(upper, as: purpose, into: &writer)
    return count == 0 ? nil : try writer.finish(mediaType: .ociLayer)
  }

  /// Packs what layers show together, topmost first, as they are merged: marks of overlayfs do not show.
  package func pack(
    view lowers: [Path], in spool: borrowing Spool, of blobs: BlobStore
  ) throws(StoreError) -> SpooledBlob {
    let view = try storing("cannot look into the layers") { () throws(Fault) in try openLayers(lowers) }
    var writer = try BlobWriter(store: blobs)
    try TreePacker.pack(view, into: &writer)
    return try writer.finish(in: spool)
  }

  /// Nothing is a layer before all of it is on the disk: whoever finds it by its name never looks at its contents again.
  /// syncfs(2) and not an fsync(2) for each file: on ext4 that is 0.02 s to 0.5 s for the 60 files of a staged image, and
  /// 0.1 s to 15 s for 5000.
  func place(_ trees: [(tree: Path, diffID: Digest)]) throws(StoreError) {
    guard let first = trees.first else { return }
    try storing("cannot write layer \(first.diffID) to the disk") { () throws(Fault) in
      let directory = try open(first.tree, [.readOnly, .directory])
      try directory.borrowed.synchronizeFileSystem()
    }
    passKillSwitch("layer", 1)
    for (tree, diffID) in trees {
      try storing("cannot put layer \(diffID) in its place") { () throws(Fault) in
        try WorkDirectory.mark(tree.parent, with: diffID)
      }
      do throws(Fault) { try rename(tree, to: path(of: diffID), .noReplace) } catch {
        // Somebody else was faster; theirs is the same.
        if error.errno != .exists && error.errno != .directoryNotEmpty {
          throw StoreError("cannot put layer \(diffID) in its place", error)
        }
      }
      passKillSwitch("layer", 2)
      try storing("cannot link layer \(diffID)") { () throws(Fault) in try makeShortPath(of: diffID) }
    }
    passKillSwitch("layer", 3)
    try storing("cannot write the list of layers to the disk") { () throws(Fault) in
      for path in [layers, links] {
        let directory = try open(path, [.readOnly, .directory])
        try directory.borrowed.synchronize()
      }
    }
  }

  // MARK: Removing

  /// Under `whileRemoving` only.
  package func remove(_ diffID: Digest) throws(StoreError) {
    let link = shortPath(of: diffID)
    let directory = try WorkDirectory(in: work)
    passKillSwitch("removing", 0)
    try storing("cannot remove layer \(diffID)") { () throws(Fault) in
      try WorkDirectory.mark(directory.path, with: diffID)
      // First out of sight, in one step: half of a layer must never look like one.
      do throws(Fault) { try rename(path(of: diffID), to: directory.path.appending("tree")) } catch {
        if error.errno != .noSuchFile { throw error }
      }
      passKillSwitch("removing", 1)
      if link != path(of: diffID) { try removeFile(link) }
      passKillSwitch("removing", 2)
    }
  }

  package func heal() {
    WorkDirectory.heal(work) { diffID in
      // Killed between the tree and its link: the link is what follows.
      let link = shortPath(of: diffID)
      if contains(diffID) { try? makeShortPath(of: diffID) } else if link != path(of: diffID) { try? removeFile(link) }
    }
  }
}
