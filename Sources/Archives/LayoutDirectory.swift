internal import Blobs
internal import Hashing
internal import ImageSpec
internal import Kernel
internal import Layers
internal import Rooted

/// An OCI image layout in a directory that somebody else may write: no link in it leads out of it.
struct LayoutDirectory: Sendable {
  /// Shared by the threads that read layers.
  private final class Top: Sendable {
    let root: Root
    init(_ root: consuming Root) { self.root = root }
  }

  private let top: Top
  private let images: ImageStore
  let path: Path

  private var store: BlobStore { images.blobs }

  init(_ path: Path, into images: ImageStore) throws(StoreError) {
    self.path = path
    self.images = images
    do throws(Fault) { top = Top(try Root(at: path)) } catch { throw StoreError("cannot open \(path)", error) }
  }

  private func open(_ name: Path) throws(Fault) -> Descriptor? {
    do throws(Fault) {
      // Whatever stands there: a FIFO would be waited for.
      let file = try top.root.open(name, [.readOnly, .nonBlocking])
      guard try status(of: file.borrowed).kind == .regular else { return nil }
      return file
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  private func name(of digest: Digest) -> Path { Path("blobs/sha256/\(digest.hex)") }
}

extension LayoutDirectory: ImageSource {
  func document(_ path: String, limit: Int) throws(StoreError) -> [UInt8]? {
    try storing("cannot read \(self.path.appending(path))") { () throws(Fault) in
      guard let file = try open(Path(path)) else { return nil }
      return try file.borrowed.readAll(limit: limit)
    }
  }

  func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8] {
    guard blob.size <= limit else {
      throw StoreError(.invalid, "blob \(blob.digest) has \(blob.size) bytes; at most \(limit) are read")
    }
    guard let bytes = try document(name(of: blob.digest).string, limit: limit) else {
      return try store.read(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size), limit: limit)
    }
    guard SHA256.digest(of: bytes) == blob.digest else { throw damaged(blob.digest) }
    return bytes
  }

  func size(of digest: Digest) throws(StoreError) -> Int64? {
    let own = try storing("cannot read \(path)") { () throws(Fault) -> Int64? in
      guard let file = try open(name(of: digest)) else { return nil }
      return Int64(try status(of: file.borrowed).size)
    }
    if let own { return own }
    return try store.size(of: digest)
  }

  func keep(_ blobs: [SpooledBlob]) throws(StoreError) {
    for blob in blobs where !store.contains(blob.digest) {
      _ = try store.put(try read(blob, limit: Int(blob.size)), mediaType: .empty)
    }
  }

  func keep(_ layers: [FoundLayer]) throws(StoreError) {
    let missing = layers.filter { !store.contains($0.blob.digest) }
    let batch = try LayerBatch(in: images)
    let taken = try performConcurrently(missing.count, "skiff-layer") { (index) throws(StoreError) in
      let layer = missing[index]
      let file = try open(layer.blob.digest)
      let part = FilePart(file: file.borrowed, offset: 0, size: Int(layer.blob.size))
      return try batch.take(part, LayerExpectation(blob: layer.blob, diffID: layer.diffID))
    }
    try batch.place(taken)
  }

  private func open(_ digest: Digest) throws(StoreError) -> Descriptor {
    do throws(Fault) { if let file = try open(name(of: digest)) { return file } } catch {
      throw StoreError("cannot read blob \(digest)", error)
    }
    throw StoreError(.invalid, "blob \(digest) is missing")
  }

  private func damaged(_ digest: Digest) -> StoreError {
    StoreError(.damaged, "blob \(digest) of \(path) is damaged: its contents have another digest")
  }
}
