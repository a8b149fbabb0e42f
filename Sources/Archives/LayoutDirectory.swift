internal import Blobs
internal import ImageSpec
internal import Kernel
internal import Rooted

/// An OCI image layout in a directory that somebody else may write: no link in it leads out of it.
struct LayoutDirectory: ~Copyable {
  private let root: Root
  private let store: BlobStore
  let path: Path

  init(_ path: Path, store: BlobStore) throws(StoreError) {
    self.path = path
    self.store = store
    do throws(Fault) { root = try Root(at: path) } catch { throw StoreError("cannot open \(path)", error) }
  }

  private func open(_ name: Path) throws(Fault) -> Descriptor? {
    do throws(Fault) {
      // Whatever stands there: a FIFO would be waited for.
      let file = try root.open(name, [.readOnly, .nonBlocking])
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

  func keep(_ blob: SpooledBlob) throws(StoreError) {
    if store.contains(blob.digest) { return }
    let file = try open(blob)
    var writer = try BlobWriter(store: store)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = try storing("cannot read blob \(blob.digest)") { () throws(Fault) in
        try file.borrowed.read(into: &buffer)
      }
      if count == 0 { break }
      guard writer.count + Int64(count) <= blob.size else { throw damaged(blob.digest) }
      try writer.write(buffer[..<count])
    }
    let spool = try Spool(store: store)
    let copied = try writer.finish(in: spool)
    guard copied == blob else { throw damaged(blob.digest) }
    try spool.keep(copied.digest)
  }

  private func open(_ blob: SpooledBlob) throws(StoreError) -> Descriptor {
    do throws(Fault) { if let file = try open(name(of: blob.digest)) { return file } } catch {
      throw StoreError("cannot read blob \(blob.digest)", error)
    }
    throw StoreError(.invalid, "blob \(blob.digest) is missing")
  }

  private func damaged(_ digest: Digest) -> StoreError {
    StoreError(.damaged, "blob \(digest) of \(path) is damaged: its contents have another digest")
  }
}
