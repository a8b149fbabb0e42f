internal import Hashing
package import ImageSpec
internal import Kernel

/// Writes one blob whose digest is known only at the end: a locked file in `ingest`, then fsync, then rename to its digest.
/// Until then nobody sees it. Dropped unfinished, it leaves nothing, unless it is to be taken up again.
package struct BlobWriter: ~Copyable {
  private let store: BlobStore
  /// Who writes what is more than the buffer. Before the file: its thread has ended when that is closed.
  private var output: BulkOutput?
  private let file: LockedFile
  private var hash = SHA256()
  private var size: Int64 = 0
  /// What waits to be written; of a small blob that is all.
  private var buffer: [UInt8] = []
  /// Bytes of an earlier writer that are not taken up yet.
  private var left: Int64 = 0
  private var isKept = false
  private static let bufferSize = 1 << 18

  package init(store: BlobStore) throws(StoreError) {
    self.store = store
    self.file = try LockedFile(in: store.root.appending("ingest"))
    buffer.reserveCapacity(Self.bufferSize)
  }

  /// One that goes on where an earlier one of the same blob ended: killed, or told to keep what it had. `takeUp` comes before
  /// the first `write`.
  package init(store: BlobStore, resuming blob: ContentDescriptor) throws(StoreError) {
    self.store = store
    file = try LockedFile(partOf: blob, in: store)
    left = file.length
    buffer.reserveCapacity(Self.bufferSize)
  }

  deinit { if !isKept { try? removeFile(file.name) } }

  /// The next bytes that an earlier writer left; they count as written from then on. None when all have been taken up.
  package mutating func takeUp() throws(StoreError) -> [UInt8] {
    guard left > 0 else { return [] }
    let count = Int(min(left, Int64(Self.bufferSize)))
    let bytes = try storing("cannot read what was fetched before") { () throws(Fault) in
      try file.descriptor.borrowed.read(count, at: Int(size))
    }
    guard !bytes.isEmpty else {
      throw StoreError(.damaged, "what was fetched before became shorter while it was read")
    }
    hash.update(bytes[...])
    size += Int64(bytes.count)
    left -= Int64(bytes.count)
    if left == 0 {
      let end = Int(size)
      try storing("cannot write to the image store") { () throws(Fault) in try file.descriptor.borrowed.seek(to: end) }
    }
    return bytes
  }

  /// What was written so far is there for the next writer of the blob, whatever becomes of this one.
  package mutating func keepForLater() throws(StoreError) {
    try flush()
    isKept = true
  }

  package mutating func write(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    guard left == 0 else { throw StoreError(.host, "what was fetched before was not read") }
    hash.update(bytes)
    let isNew = size == Int64(buffer.count)
    size += Int64(bytes.count)
    if output == nil {
      if buffer.count + bytes.count <= Self.bufferSize {
        buffer.append(contentsOf: bytes)
        return
      }
      // What goes on behind an earlier writer's bytes begins anywhere, and not at a block of the disk.
      guard isNew else {
        try flush()
        if bytes.count >= Self.bufferSize { try put(bytes) } else { buffer.append(contentsOf: bytes) }
        return
      }
      output = try BulkOutput(file.descriptor.borrowed)
      try pass(buffer[...])
      buffer.removeAll()
    }
    try pass(bytes)
  }

  private mutating func pass(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    guard let output = output.take() else { return }
    try unsafe output.write(bytes.span.bytes)
    self.output = consume output
  }

  /// Bytes so far.
  package var count: Int64 { size }

  /// What was written must have this digest.
  package func expect(_ digest: Digest?) throws(StoreError) {
    let written = hash
    let found = written.finish()
    if let digest, digest != found {
      throw StoreError(.damaged, "blob \(digest) is damaged: its contents have another digest, \(found)")
    }
  }

  private mutating func flush() throws(StoreError) {
    if let output = output.take() { try output.finish() }
    try put(buffer[...])
    buffer.removeAll(keepingCapacity: true)
  }

  private func put(_ bytes: ArraySlice<UInt8>) throws(StoreError) {
    try storing("cannot write to the image store") { () throws(Fault) in try file.descriptor.borrowed.write(bytes) }
  }

  /// The blob is in the store and on the disk when this returns.
  package consuming func finish(mediaType: MediaType) throws(StoreError) -> ContentDescriptor {
    try finish(mediaType: mediaType, expecting: nil)
  }

  /// The same for what a descriptor promised: bytes of another number or digest never become a blob.
  package consuming func finish(expecting blob: ContentDescriptor) throws(StoreError) {
    _ = try finish(mediaType: blob.mediaType, expecting: blob)
  }

  private consuming func finish(
    mediaType: MediaType, expecting expected: ContentDescriptor?
  ) throws(StoreError) -> ContentDescriptor {
    try flush()
    let digest = hash.finish()
    let blob = ContentDescriptor(mediaType: mediaType, digest: digest, size: size)
    if let expected, expected.digest != digest || expected.size != size {
      throw StoreError(
        .damaged,
        expected.size != size
          ? "blob \(expected.digest) has \(size) bytes and not the \(expected.size) that it should have"
          : "what came as blob \(expected.digest) has another digest, \(digest)")
    }
    try storing("cannot write blob \(digest)") { () throws(Fault) in
      try file.descriptor.borrowed.synchronize()
      // The same bytes may be there already: then they are replaced by themselves.
      try rename(file.name, to: store.path(of: digest))
      let directory = try Kernel.open(store.root.appending("blobs/sha256"), [.readOnly, .directory])
      try directory.borrowed.synchronize()
    }
    return blob
  }

  /// The blob waits in the spool, by its digest, until it is kept.
  package consuming func finish(in spool: borrowing Spool) throws(StoreError) -> SpooledBlob {
    try flush()
    let blob = SpooledBlob(digest: hash.finish(), size: size)
    try storing("cannot write blob \(blob.digest)") { () throws(Fault) in
      try rename(file.name, to: spool.path(of: blob.digest))
    }
    return blob
  }
}

/// A new file that its maker holds the lock of. Healing takes away what is not locked, perhaps between our two calls: then
/// the file that we locked has no name any more, and another is made.
private struct LockedFile: ~Copyable {
  let name: Path
  let descriptor: Descriptor
  /// Bytes that are in it already.
  let length: Int64

  /// What an earlier writer left of a blob. Somebody else may have it, who removes or fetches it: then it is a new file.
  init(partOf blob: ContentDescriptor, in store: BlobStore) throws(StoreError) {
    let parts = PartialBlobs(of: store)
    do throws(Fault) {
      if let descriptor = try parts.open(blob.digest) {
        let length = Int64(try status(of: descriptor.borrowed).size)
        // More than all of it is something else.
        if length > blob.size { try descriptor.borrowed.truncate(to: 0) }
        self.name = parts.path(of: blob.digest)
        self.descriptor = descriptor
        self.length = length > blob.size ? 0 : length
        return
      }
    } catch { throw StoreError("cannot write to the image store", error) }
    self = try LockedFile(in: store.root.appending("ingest"))
  }

  init(in directory: Path) throws(StoreError) {
    length = 0
    do throws(Fault) {
      for attempt in 1... {
        let name = directory.appending("\(processIdentifier()).\(monotonicNanoseconds()).\(attempt)")
        let descriptor: Descriptor
        do throws(Fault) {
          descriptor = try Kernel.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600)
        } catch {
          if error.errno == .exists && attempt < 1000 { continue }
          throw error
        }
        guard try descriptor.borrowed.tryLock(.exclusive), try status(of: descriptor.borrowed).linkCount > 0 else {
          continue
        }
        self.name = name
        self.descriptor = descriptor
        return
      }
      throw Fault("open", .exists, arguments: directory.quoted)
    } catch { throw StoreError("cannot write to the image store", error) }
  }
}

extension BlobStore {
  /// Takes away what writers that died left behind.
  package func heal() {
    PartialBlobs(of: self).expire()
    forEachLeftover(in: root.appending("ingest")) { try? removeTree($0) }
    healIndex()
  }

  /// A list of images that was not renamed into place; who has the lock of the index may be about to.
  private func healIndex() {
    guard let names = try? entries(of: root) else { return }
    let left = names.map(\.name).filter {
      $0.string.hasPrefix("index.json.") || $0.string.hasPrefix("index.copy.json.")
    }
    guard !left.isEmpty, let lock = try? Kernel.open(root.appending("index.lock"), [.readWrite, .noFollow]),
      (try? lock.borrowed.tryLock(.exclusive)) == true
    else { return }
    for name in left { try? removeFile(root.appending(name)) }
  }
}
