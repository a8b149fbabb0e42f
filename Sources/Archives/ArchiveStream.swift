internal import Archive
internal import Blobs
internal import Compression
internal import ImageSpec
internal import Kernel
internal import Layers

/// An archive that comes through a pipe, or is compressed: each of its files is read once, as it comes. The bytes wait in the
/// spool, and what may be a layer is unpacked at the same time: most writers say what the layers are when they have come.
struct ArchiveStream: ~Copyable {
  private enum File {
    case spooled(SpooledBlob)
    /// A blob that the store had already; what the archive says it is was not read.
    case stored(SpooledBlob)

    var blob: SpooledBlob {
      switch self {
      case .spooled(let blob), .stored(let blob): blob
      }
    }
  }

  private let batch: LayerBatch
  private var names = ArchiveNames<File>()
  private var spooled: Set<Digest> = []
  private var trees: [Digest: LooseTree] = [:]
  /// Trees whose threads may still work, the oldest first.
  private var unsettled: [LooseTree] = []
  private let atOnce = usableProcessorCount()

  private var store: BlobStore { batch.images.blobs }
  private var layers: LayerStore { batch.images.layers }

  private init(_ batch: LayerBatch) { self.batch = batch }

  static func read(_ input: inout ArchiveInput, into batch: LayerBatch) throws(StoreError) -> ArchiveStream {
    var archive = ArchiveStream(batch)
    try archive.readAll(from: &input)
    return archive
  }

  private mutating func readAll(from input: inout ArchiveInput) throws(StoreError) {
    var entries = ArchiveEntries()
    while let entry = try entries.next(from: &input) {
      if let name = try names.add(entry) { names.add(try file(name, entry, from: &input), named: name) }
      try input.skip(Tar.padding(after: entry.size))
    }
    try input.drain()
    for tree in unsettled { _ = try? tree.contents() }
    unsettled = []
  }

  private mutating func file(
    _ name: String, _ entry: TarEntry, from input: inout ArchiveInput
  ) throws(StoreError) -> File {
    let claimed = Digest(blobNamed: name)
    if let claimed, store.contains(claimed) {
      let blob = SpooledBlob(digest: claimed, size: Int64(entry.size))
      _ = try store.open(ContentDescriptor(mediaType: .empty, digest: claimed, size: blob.size))
      try input.skip(entry.size)
      return .stored(blob)
    }
    var writer = try BlobWriter(store: store)
    let head = try input.take(min(entry.size, Tar.blockSize))
    let tree = try looseTree(head, claimed)
    try writer.write(head[...])
    tree?.write(head[...])
    var rest = entry.size - head.count
    while rest > 0 {
      let piece = try input.take(atMost: rest)
      try writer.write(piece)
      tree?.write(piece)
      rest -= piece.count
    }
    tree?.end()
    let blob = try writer.finish(in: batch.spool)
    if let claimed, claimed != blob.digest {
      throw refusal(ArchiveError("contents with another digest (\(blob.digest.short)…)", entry: entry.path))
    }
    spooled.insert(blob.digest)
    if let tree {
      trees[blob.digest] = tree
      unsettled.append(tree)
      // The next one may begin while this one is still being written; more at once would only take memory.
      if unsettled.count >= atOnce { _ = try? unsettled.removeFirst().contents() }
    }
    return .spooled(blob)
  }

  /// Nil for what is no layer, and for one whose tree is here: a tar that says its own digest.
  private func looseTree(_ head: [UInt8], _ claimed: Digest?) throws(StoreError) -> LooseTree? {
    guard Self.mayBeLayer(head), claimed.map({ !layers.contains($0) }) ?? true else { return nil }
    return try LooseTree(in: batch)
  }

  /// Whether a file that begins so may be a layer: something compressed, or a tar. Documents of images are neither.
  private static func mayBeLayer(_ head: [UInt8]) -> Bool {
    if CompressionFormat(detecting: head[...]) != .none { return true }
    var reader = TarReader()
    return head.count == Tar.blockSize && (try? reader.read(header: head[...])) != nil
  }

  private func head(of blob: SpooledBlob) throws(StoreError) -> [UInt8] {
    if spooled.contains(blob.digest) { return try batch.spool.head(of: blob.digest, 4) }
    let file = try store.open(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size))
    return try storing("cannot read blob \(blob.digest)") { () throws(Fault) in try file.borrowed.read(4, at: 0) }
  }
}

extension ArchiveStream: ArchiveSource {
  func contains(_ path: String) throws(StoreError) -> Bool { try names.find(path) != nil }

  func file(_ path: String, limit: Int) throws(StoreError) -> (blob: SpooledBlob, bytes: [UInt8])? {
    guard let blob = try names.find(path)?.blob else { return nil }
    return (blob, try read(blob, limit: limit))
  }

  func layers(_ wanted: [WantedLayer]) throws(StoreError) -> [FoundLayer] {
    var found: [FoundLayer] = []
    for layer in wanted {
      guard let blob = try names.find(layer.path)?.blob else { throw layer.isMissing }
      let type = MediaType(layer: CompressionFormat(detecting: try head(of: blob)[...]))
      // Asked now, so that the archive is refused before anything of it is kept.
      guard type != .ociLayer || blob.digest == layer.diffID else { throw layer.isAnother }
      found.append(
        FoundLayer(
          blob: ContentDescriptor(mediaType: type, digest: blob.digest, size: blob.size), diffID: layer.diffID))
    }
    return found
  }

  func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8] {
    if spooled.contains(blob.digest) { return try batch.spool.read(blob, limit: limit) }
    return try store.read(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size), limit: limit)
  }

  func size(of digest: Digest) throws(StoreError) -> Int64? {
    if let blob = try names.find(digest)?.blob { return blob.size }
    return try store.size(of: digest)
  }

  func keep(_ blobs: [SpooledBlob]) throws(StoreError) { try batch.spool.keep(blobs.map(\.digest)) }

  func keep(_ found: [FoundLayer]) throws(StoreError) {
    for layer in found where spooled.contains(layer.blob.digest) && !layers.contains(layer.diffID) {
      guard let contents = try trees[layer.blob.digest]?.contents(), contents != layer.diffID else { continue }
      throw StoreError(
        .damaged, "layer \(layer.diffID) is damaged: its contents have another digest, \(contents)")
    }
    try batch.place(found.map { TakenLayer(blob: $0.blob, diffID: $0.diffID) })
  }
}
