package import ImageSpec
package import Kernel

/// A blob that waits in a spool: its digest is that of its bytes, whatever was said of it.
package struct SpooledBlob: Hashable, Sendable {
  package var digest: Digest
  package var size: Int64
  package init(digest: Digest, size: Int64) {
    self.digest = digest
    self.size = size
  }
}

/// Blobs that came before it was known whether they are wanted: a locked directory in `ingest`. What is not kept goes with
/// it, so an archive that turns out to be bad leaves nothing.
package struct Spool: ~Copyable, Sendable {
  private let store: BlobStore
  private let directory: Path
  private let lock: Descriptor

  package init(store: BlobStore) throws(StoreError) {
    self.store = store
    let ingest = store.root.appending("ingest")
    do throws(Fault) {
      for attempt in 1... {
        let path = ingest.appending("\(processIdentifier()).\(monotonicNanoseconds()).\(attempt).spool")
        do throws(Fault) { try makeDirectory(path, mode: 0o700) } catch {
          if error.errno == .exists && attempt < 1000 { continue }
          throw error
        }
        // Healing may have taken it away between the two calls; then it is made again.
        guard let lock = try? Kernel.open(path, [.readOnly, .directory, .noFollow]),
          try lock.borrowed.tryLock(.exclusive), exists(path)
        else { continue }
        directory = path
        self.lock = lock
        return
      }
      throw Fault("mkdir", .exists, arguments: ingest.quoted)
    } catch { throw StoreError("cannot write to the image store", error) }
  }

  deinit { try? removeTree(directory) }

  func path(of digest: Digest) -> Path { directory.appending(digest.hex) }

  /// All of a small one.
  package func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8] {
    guard blob.size <= limit else {
      throw StoreError(.invalid, "a document of \(blob.size) bytes; at most \(limit) are read")
    }
    return try storing("cannot read blob \(blob.digest)") { () throws(Fault) in
      let file = try Kernel.open(path(of: blob.digest), [.readOnly, .noFollow])
      return try file.borrowed.readAll(limit: limit)
    }
  }

  /// To be read from its start.
  package func open(_ blob: SpooledBlob) throws(StoreError) -> Descriptor {
    try storing("cannot read blob \(blob.digest)") { () throws(Fault) in
      try Kernel.open(path(of: blob.digest), [.readOnly, .noFollow])
    }
  }

  /// The first bytes, which tell how it is compressed.
  package func head(of digest: Digest, _ count: Int) throws(StoreError) -> [UInt8] {
    try storing("cannot read blob \(digest)") { () throws(Fault) in
      let file = try Kernel.open(path(of: digest), [.readOnly, .noFollow])
      return try file.borrowed.read(count, at: 0)
    }
  }

  /// Makes them blobs of the store: on the disk, then in their places. Those that are not in the spool were kept before, or
  /// never came.
  package func keep(_ digests: [Digest]) throws(StoreError) {
    var waiting: [Digest] = []
    for digest in digests where exists(path(of: digest)) && !waiting.contains(digest) { waiting.append(digest) }
    if waiting.isEmpty { return }
    for digest in waiting where waiting.count == 1 {
      try storing("cannot write blob \(digest)") { () throws(Fault) in
        let file = try Kernel.open(path(of: digest), [.readOnly, .noFollow])
        try file.borrowed.synchronize()
      }
    }
    // Each fsync(2) waits for the disk to have emptied its own memory; for many blobs once is enough.
    if waiting.count > 1 {
      try storing("cannot write \(waiting.count) blobs") { () throws(Fault) in
        try lock.borrowed.synchronizeFileSystem()
      }
    }
    try storing("cannot write to the image store") { () throws(Fault) in
      // The same bytes may be there already: then they are replaced by themselves.
      for digest in waiting { try rename(path(of: digest), to: store.path(of: digest)) }
      let blobs = try Kernel.open(store.root.appending("blobs/sha256"), [.readOnly, .directory])
      try blobs.borrowed.synchronize()
    }
  }
}
