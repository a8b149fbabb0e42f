internal import Hashing
package import ImageSpec
internal import JSON
package import Kernel

/// An image layout in a directory.
package struct BlobStore: Sendable {
  package let root: Path

  /// - Parameter root: made, for root's eyes only, when it is missing.
  package init(root: Path) throws(StoreError) {
    self.root = root
    try storing("cannot make the image store \(root)") { () throws(Fault) in
      let layout = root.appending("oci-layout")
      // What another tool wrote is a layout too, and has no place for what is being written.
      let isLayout = exists(layout)
      if isLayout && exists(root.appending("ingest")) { return }
      try makeDirectories(root, mode: 0o700)
      for name in ["blobs", "blobs/sha256", "ingest"] {
        do throws(Fault) { try makeDirectory(root.appending(name), mode: 0o700) } catch {
          if error.errno != .exists { throw error }
        }
      }
      if isLayout { return }
      // An empty list is a list: one that is missing has been lost, whatever else is there.
      if !hasIndex { try replaceFile(root.appending("index.json"), with: Index().jsonBytes()) }
      // Last, so that its presence says that the rest is there.
      try replaceFile(layout, with: Self.layoutBytes)
    }
  }

  private static let layoutBytes = Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)

  /// What is wrong with the file that makes a directory a layout, in words; nil when nothing is, or there is no store. Asked
  /// before the store is opened, which writes one that is missing.
  package static func layoutDamage(at root: Path) -> String? {
    // Without a blob nothing was ever written, or a first command was killed: the next one makes the rest.
    guard let blobs = try? entries(of: root.appending("blobs/sha256")), !blobs.isEmpty else { return nil }
    let path = root.appending("oci-layout")
    guard let bytes = try? readRegularFile(path, limit: 1 << 16) else {
      return "\(path) is missing, without which no tool takes the directory for a layout"
    }
    let layout = try? JSONValue(parsing: bytes, limits: JSONLimits(length: 1 << 16, depth: 8))
    if layout?["imageLayoutVersion"]?.string?.hasPrefix("1.") == true { return nil }
    return "\(path) is damaged: it does not say imageLayoutVersion 1.0.0"
  }

  /// Writes that file anew.
  package func repairLayout() throws(StoreError) {
    try storing("cannot write to the image store \(root)") { () throws(Fault) in
      try replaceFile(root.appending("oci-layout"), with: Self.layoutBytes)
    }
  }

  /// A layout that somebody else made, and that nothing is written to.
  package init(reading root: Path) { self.root = root }

  package func path(of digest: Digest) -> Path { root.appending("blobs/sha256/\(digest.hex)") }

  package func contains(_ digest: Digest) -> Bool { exists(path(of: digest)) }

  /// Bytes of a blob that is here, nil for one that is not.
  package func size(of digest: Digest) throws(StoreError) -> Int64? {
    do throws(Fault) {
      let status = try status(of: path(of: digest), followLinks: false)
      return status.kind == .regular ? Int64(status.size) : nil
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw StoreError("cannot look at blob \(digest)", error)
    }
  }

  // MARK: Reading

  /// The blob, its size checked; whoever reads it all checks the digest.
  package func open(_ blob: ContentDescriptor) throws(StoreError) -> Descriptor {
    do throws(Fault) {
      // Whatever stands there: a FIFO would be waited for.
      let file = try Kernel.open(path(of: blob.digest), [.readOnly, .noFollow, .nonBlocking])
      let status = try status(of: file.borrowed)
      if status.kind == .regular, Int64(status.size) == blob.size { return file }
    } catch {
      if error.errno == .noSuchFile { throw StoreError(.notFound, "blob \(blob.digest) is not in the store") }
      throw StoreError("cannot open blob \(blob.digest)", error)
    }
    throw StoreError(.damaged, "blob \(blob.digest) is damaged: it has not the \(blob.size) bytes that it should have")
  }

  /// The whole blob, proved to be what its descriptor says.
  package func read(_ blob: ContentDescriptor, limit: Int = 16 << 20) throws(StoreError) -> [UInt8] {
    guard blob.size <= limit else {
      throw StoreError(.invalid, "blob \(blob.digest) has \(blob.size) bytes; at most \(limit) are read")
    }
    let file = try open(blob)
    let bytes = try storing("cannot read blob \(blob.digest)") { () throws(Fault) in
      try file.borrowed.readAll(limit: limit)
    }
    guard SHA256.digest(of: bytes) == blob.digest else {
      throw StoreError(.damaged, "blob \(blob.digest) is damaged: its contents have another digest")
    }
    return bytes
  }

  /// Hands out the whole blob piece by piece. Only its return proves that the pieces were what the descriptor says.
  package func copy(
    _ blob: ContentDescriptor, to write: (ArraySlice<UInt8>) throws(Fault) -> Void
  ) throws(StoreError) {
    let file = try open(blob)
    var hash = SHA256()
    var rest = Int(blob.size)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while rest > 0 {
      let count = try storing("cannot read blob \(blob.digest)") { () throws(Fault) in
        min(rest, try file.borrowed.read(into: &buffer))
      }
      if count == 0 { break }
      hash.update(buffer[..<count])
      try storing("cannot copy blob \(blob.digest)") { () throws(Fault) in try write(buffer[..<count]) }
      rest -= count
    }
    guard rest == 0, hash.finish() == blob.digest else {
      throw StoreError(
        .damaged, "blob \(blob.digest) is damaged: its contents have another digest",
        hint: "skiff image verify tells which images it belongs to")
    }
  }

  /// All that is here, named or not.
  package func digests() throws(StoreError) -> [Digest] {
    try storing("cannot list the image store") { () throws(Fault) in
      try entries(of: root.appending("blobs/sha256")).compactMap { Digest(hex: $0.name.string) }.sorted {
        $0.hex < $1.hex
      }
    }
  }

  // MARK: Writing

  /// Adds content; the same content twice is one blob.
  package func put(_ bytes: [UInt8], mediaType: MediaType) throws(StoreError) -> ContentDescriptor {
    let digest = SHA256.digest(of: bytes)
    if contains(digest) { return ContentDescriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count)) }
    var writer = try BlobWriter(store: self)
    try writer.write(bytes[...])
    return try writer.finish(mediaType: mediaType)
  }

  /// Removes blobs. Under `whileRemoving` only.
  package func remove(_ digest: Digest) throws(StoreError) {
    do throws(Fault) { try removeFile(path(of: digest)) } catch {
      if error.errno != .noSuchFile { throw StoreError("cannot remove blob \(digest)", error) }
    }
  }

  // MARK: Locks

  /// Nothing that `body` finds or adds is removed meanwhile. Many may add at once.
  package func whileAdding<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
    try holding(try lock("removal.lock", .shared), body)
  }

  /// Nobody adds meanwhile, so what no image refers to belongs to nobody.
  package func whileRemoving<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
    try holding(try lock("removal.lock", .exclusive), body)
  }

  /// The same unless somebody adds just now; then nil, and `body` does not run.
  package func whileRemovingIfFree<Result>(
    _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result? {
    let file = try storing("cannot lock the image store \(root)") { () throws(Fault) in
      try Kernel.open(root.appending("removal.lock"), [.readWrite, .create, .noFollow], mode: 0o600)
    }
    guard (try? file.borrowed.tryLock(.exclusive)) == true else { return nil }
    return try holding(file, body)
  }

  func lock(_ name: String, _ kind: LockKind) throws(StoreError) -> Descriptor {
    do throws(Fault) {
      let path = root.appending(name)
      let file: Descriptor
      do throws(Fault) { file = try Kernel.open(path, [.readWrite, .create, .noFollow], mode: 0o600) } catch {
        // Who only looks, on a disk that is mounted read-only, shares the lock that is there.
        guard kind == .shared, error.errno == .readOnlyFileSystem,
          let seen = try? Kernel.open(path, [.readOnly, .noFollow])
        else { throw error }
        file = seen
      }
      try file.borrowed.lock(kind)
      return file
    } catch { throw StoreError("cannot lock the image store \(root)", error) }
  }
}
