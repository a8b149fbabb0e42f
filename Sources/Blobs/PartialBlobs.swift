package import ImageSpec
internal import Kernel

/// What came of blobs before somebody was killed or a connection was lost: a file of each below `partial`, by the digest that
/// the whole is to have. None of them is ever taken for the blob: whoever goes on from one reads all of it, and compares size
/// and digest at the end.
package struct PartialBlobs: Sendable {
  /// How long one waits to be taken up.
  static let longestWait: Int64 = 7 * 24 * 3600
  /// Bytes of all that wait together.
  static let mostBytes: Int64 = 16 << 30

  let directory: Path

  init(of store: BlobStore) { directory = store.root.appending("partial") }

  func path(of digest: Digest) -> Path { directory.appending(digest.hex) }

  /// Opened and locked, made if it is missing. Nil while somebody else has it.
  func open(_ digest: Digest) throws(Fault) -> Descriptor? {
    do throws(Fault) { try makeDirectory(directory, mode: 0o700) } catch { if error.errno != .exists { throw error } }
    let file = try Kernel.open(path(of: digest), [.readWrite, .create, .noFollow, .nonBlocking], mode: 0o600)
    guard try file.borrowed.tryLock(.exclusive) else { return nil }
    let status = try status(of: file.borrowed)
    guard status.kind == .regular, status.linkCount > 0 else { return nil }
    return file
  }

  /// Takes away those that have waited too long, then the oldest as long as they are too many. Whoever works on one keeps it.
  func expire() {
    let now = now().seconds
    var kept: [(path: Path, age: Int64, size: Int64)] = []
    for path in files() {
      guard let status = try? status(of: path, followLinks: false) else { continue }
      let age = now - status.modified.seconds
      if age > Self.longestWait { remove(path) } else { kept.append((path, age, Int64(status.blocks) * 512)) }
    }
    var total = kept.reduce(0) { $0 + $1.size }
    for part in kept.sorted(by: { $0.age > $1.age }) where total > Self.mostBytes {
      remove(part.path)
      total -= part.size
    }
  }

  func files() -> [Path] {
    ((try? entries(of: directory)) ?? []).map { directory.appending($0.name) }
  }

  func remove(_ path: Path) {
    guard let file = try? Kernel.open(path, [.readOnly, .noFollow, .nonBlocking]),
      (try? file.borrowed.tryLock(.exclusive)) == true
    else { return }
    try? removeFile(path)
  }
}

extension BlobStore {
  /// Whether a fetch of this blob ended before its time, and can go on.
  package func hasPart(of digest: Digest) -> Bool {
    exists(PartialBlobs(of: self).path(of: digest), followLinks: false)
  }

  /// Takes away what waits to be fetched to its end; what is being fetched just now stays.
  ///
  /// - Returns: bytes that the disk has again.
  package func removeParts(isRehearsal: Bool, meter: inout DiskMeter) -> Int64 {
    let parts = PartialBlobs(of: self)
    var reclaimed: Int64 = 0
    for path in parts.files() {
      reclaimed += meter.add(path)
      if !isRehearsal { parts.remove(path) }
    }
    return reclaimed
  }

  /// Adds what waits to be fetched to its end.
  package func countParts(_ meter: inout DiskMeter) {
    for path in PartialBlobs(of: self).files() { meter.add(path) }
  }
}
