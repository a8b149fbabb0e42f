internal import Archive
internal import Blobs
internal import Compression
internal import Hashing
internal import ImageSpec
internal import Kernel
internal import Layers

/// An archive in a file that can be read anywhere: first the names, then the documents, then the layers that an image wants,
/// several at once. What nobody wants is not read.
struct ArchiveFile: ~Copyable {
  private let batch: LayerBatch
  private let file: BorrowedDescriptor
  private var names = ArchiveNames<FilePart>()
  /// Documents that are at no path that says their digest, once they were read.
  private let known = Monitor<[Digest: FilePart]>([:])
  /// Layers that were read because only then their digests are known.
  private let taken = Monitor<[FilePart: TakenLayer]>([:])

  private var store: BlobStore { batch.images.blobs }

  private init(_ file: BorrowedDescriptor, _ batch: LayerBatch) {
    self.file = file
    self.batch = batch
  }

  /// Nil for what can only be read forward: a pipe, a compressed archive.
  static func open(_ file: BorrowedDescriptor, into batch: LayerBatch) throws(StoreError) -> ArchiveFile? {
    guard let status = try? status(of: file), status.kind == .regular, let start = try? file.position(),
      let head = try? file.read(CompressionFormat.headSize, at: start), !head.isEmpty,
      CompressionFormat(detecting: head[...]) == .none, ArchiveInput.foreignCompression(head[...]) == nil
    else { return nil }
    var archive = ArchiveFile(file, batch)
    var input = Forward(file: file, position: start, end: Int(status.size))
    var entries = ArchiveEntries()
    while let entry = try entries.next(from: &input) {
      if let name = try archive.names.add(entry) {
        archive.names.add(FilePart(file: file, offset: input.position, size: entry.size), named: name)
      }
      try input.skip(entry.size)
      try input.skip(Tar.padding(after: entry.size))
    }
    return archive
  }

  /// Headers only; all else is passed over.
  private struct Forward: TarInput {
    let file: BorrowedDescriptor
    var position: Int
    let end: Int

    mutating func takeHeader() throws(StoreError) -> [UInt8]? { position == end ? nil : try take(Tar.blockSize) }

    mutating func take(_ count: Int) throws(StoreError) -> [UInt8] {
      let start = position
      try skip(count)
      return try FilePart(file: file, offset: start, size: count).read()
    }

    mutating func skip(_ count: Int) throws(StoreError) {
      // A size near the end of the numbers is not added to anything.
      guard count <= end - position else { throw archiveIsCut }
      position += count
    }
  }
}

extension ArchiveFile: ArchiveSource {
  func contains(_ path: String) throws(StoreError) -> Bool { try names.find(path) != nil }

  func file(_ path: String, limit: Int) throws(StoreError) -> (blob: SpooledBlob, bytes: [UInt8])? {
    guard let part = try names.find(path) else { return nil }
    let bytes = try part.read(limit: limit)
    let blob = SpooledBlob(digest: SHA256.digest(of: bytes), size: Int64(bytes.count))
    known.update { $0[blob.digest] = part }
    return (blob, bytes)
  }

  func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8] {
    guard let part = try names.find(blob.digest) ?? known.update({ $0[blob.digest] }) else {
      return try store.read(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size), limit: limit)
    }
    let bytes = try part.read(limit: limit)
    guard SHA256.digest(of: bytes) == blob.digest else {
      throw StoreError(.invalid, "the archive is refused: blob \(blob.digest) has contents with another digest")
    }
    return bytes
  }

  func size(of digest: Digest) throws(StoreError) -> Int64? {
    if let part = try names.find(digest) { return Int64(part.size) }
    return try store.size(of: digest)
  }

  func keep(_ blobs: [SpooledBlob]) throws(StoreError) {
    for blob in blobs where !store.contains(blob.digest) {
      _ = try store.put(try read(blob, limit: Int(blob.size)), mediaType: .empty)
    }
  }

  func keep(_ layers: [FoundLayer]) throws(StoreError) {
    let waiting = Set(taken.update { $0.values.map(\.blob.digest) })
    var parts: [(FilePart, LayerExpectation)] = []
    for layer in layers where !waiting.contains(layer.blob.digest) && !store.contains(layer.blob.digest) {
      guard let part = try names.find(layer.blob.digest) else { continue }
      parts.append((part, LayerExpectation(blob: layer.blob, diffID: layer.diffID)))
    }
    _ = try batch.take(parts)
    try batch.place(layers.map { TakenLayer(blob: $0.blob, diffID: $0.diffID) })
  }

  /// Their digests are known once they are read, so they are in the batch then.
  func layers(_ wanted: [WantedLayer]) throws(StoreError) -> [FoundLayer] {
    var found: [FoundLayer?] = []
    var parts: [(part: FilePart, expected: LayerExpectation)] = []
    /// By place in `found`, which of the parts it is.
    var reading: [(found: Int, part: Int)] = []
    for layer in wanted {
      guard let part = try names.find(layer.path) else { throw layer.isMissing }
      let type = MediaType(layer: CompressionFormat(detecting: try part.head(CompressionFormat.headSize)[...]))
      let plain = ContentDescriptor(mediaType: type, digest: layer.diffID, size: Int64(part.size))
      if type == .ociLayer, try store.size(of: layer.diffID) == plain.size {
        found.append(FoundLayer(blob: plain, diffID: layer.diffID))
        continue
      }
      let expected = LayerExpectation(diffID: layer.diffID)
      if let taken = taken.update({ $0[part] }), taken.diffID == layer.diffID {
        found.append(FoundLayer(blob: taken.blob, diffID: layer.diffID))
        continue
      }
      let at = parts.firstIndex { $0.part == part && $0.expected == expected } ?? parts.count
      if at == parts.count { parts.append((part, expected)) }
      reading.append((found.count, at))
      found.append(nil)
    }
    let read: [TakenLayer]
    do throws(StoreError) { read = try batch.take(parts) } catch {
      // Which of them it was is in the message; that the archive lies is not.
      throw error.kind == .damaged ? StoreError(.invalid, "the archive is refused: \(error.message)") : error
    }
    for (place, index) in reading {
      let layer = read[index]
      guard layer.blob.mediaType != .ociLayer || layer.blob.digest == layer.diffID else {
        throw wanted[place].isAnother
      }
      taken.update { $0[parts[index].part] = layer }
      found[place] = FoundLayer(blob: layer.blob, diffID: layer.diffID)
    }
    return found.compactMap { $0 }
  }
}
