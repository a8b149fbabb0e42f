internal import Hashing
package import ImageSpec
internal import Kernel

/// Reads many small blobs one after another, each proved to be what its descriptor says: three calls a blob, and the
/// processor's own instructions for the hash, which looking for them is worth when there are many.
package struct BlobReader: ~Copyable {
  private let directory: Descriptor

  package init(_ store: BlobStore) throws(StoreError) {
    directory = try storing("cannot list the image store") { () throws(Fault) in
      try open(store.root.appending("blobs/sha256"), [.path, .directory])
    }
  }

  package borrowing func read(_ digest: Digest, size: Int64, limit: Int) throws(StoreError) -> [UInt8] {
    guard size <= limit else {
      throw StoreError(.invalid, "blob \(digest) has \(size) bytes; at most \(limit) are read")
    }
    let bytes: [UInt8]
    do throws(Fault) {
      // A FIFO in its place is not waited for, and has no bytes.
      let file = try open(Path(digest.hex), [.readOnly, .noFollow, .nonBlocking], at: directory.borrowed)
      bytes = try file.borrowed.readOnce(Int(size) + 1)
    } catch {
      if error.errno == .noSuchFile { throw StoreError(.notFound, "blob \(digest) is not in the store") }
      throw StoreError("cannot read blob \(digest)", error)
    }
    guard bytes.count == size else {
      throw StoreError(.damaged, "blob \(digest) is damaged: it has not the \(size) bytes that it should have")
    }
    var hash = SHA256()
    hash.update(bytes[...])
    guard hash.finish() == digest else {
      throw StoreError(.damaged, "blob \(digest) is damaged: its contents have another digest")
    }
    return bytes
  }
}
