package import ImageSpec
internal import Kernel

/// Who holds it is the one that fetches a blob; everybody else waits, and finds it in the store then. A file in `ingest`, so
/// that healing takes away what a killed process left.
package struct FetchLock: ~Copyable {
  private let name: Path
  private let file: Descriptor

  /// Nil while somebody else fetches the blob.
  package init?(_ digest: Digest, in store: BlobStore) throws(StoreError) {
    let path = store.root.appending("ingest/fetch.\(digest.hex)")
    do throws(Fault) {
      let file = try Kernel.open(path, [.readWrite, .create, .noFollow], mode: 0o600)
      // Removed between the two calls by who had it before, it locks nobody out any more.
      guard try file.borrowed.tryLock(.exclusive), try status(of: file.borrowed).linkCount > 0 else { return nil }
      self.name = path
      self.file = file
    } catch { throw StoreError("cannot lock blob \(digest)", error) }
  }

  deinit { try? removeFile(name) }

  /// Held until here, whatever the last use of it was.
  package consuming func end() {}
}

extension BlobStore {
  /// Held until it is dropped: nothing that its holder finds or adds is removed meanwhile. For who cannot add inside the
  /// closure of `whileAdding`.
  package func additionLock() throws(StoreError) -> AdditionLock { AdditionLock(try lock("removal.lock", .shared)) }
}

/// A share of the lock that removal needs for itself.
package struct AdditionLock: ~Copyable, Sendable {
  private let file: Descriptor
  init(_ file: consuming Descriptor) { self.file = file }

  /// Held until here, whatever the last use of it was.
  package consuming func end() {}

  /// Lets go of it before it is dropped.
  package func release() { try? file.borrowed.unlock() }
}
