internal import Archive
internal import Blobs
internal import ImageSpec
internal import Kernel

/// The files of an archive by their paths, their bytes in the spool.
struct ArchiveMembers: ~Copyable {
  private enum Member {
    case file(SpooledBlob)
    /// A blob that the store had already; what the archive says it is was not read.
    case stored(SpooledBlob)
    /// From the top of the archive.
    case link(to: String)
  }

  private let store: BlobStore
  private let spool: Spool
  private var members: [String: Member] = [:]
  private var spooled: Set<Digest> = []
  /// Files in one archive: an image of 128 layers has 400 at most, and archives hold several images.
  private static let maximumCount = 100_000

  private init(_ store: BlobStore, _ spool: consuming Spool) {
    self.store = store
    self.spool = spool
  }

  static func read(_ input: inout ArchiveInput, into store: BlobStore) throws(StoreError) -> ArchiveMembers {
    var members = ArchiveMembers(store, try Spool(store: store))
    try members.addAll(from: &input)
    return members
  }

  private mutating func addAll(from input: inout ArchiveInput) throws(StoreError) {
    var reader = TarReader()
    while let block = try input.takeHeader() {
      var event: TarReader.Event
      do throws(ArchiveError) { event = try reader.read(header: block[...]) } catch { throw refusal(error) }
      while case .metadata(let length) = event {
        let bytes = try input.take(length)
        try input.skip(Tar.padding(after: length))
        do throws(ArchiveError) { event = try reader.read(metadata: bytes[...]) } catch { throw refusal(error) }
      }
      switch event {
      case .nothing, .metadata: continue
      case .end:
        try input.drain()
        return
      case .entry(let entry):
        if entry.sparse != nil {
          throw refusal(ArchiveError("a sparse file, which no image archive holds", entry: entry.path))
        }
        try add(entry, from: &input)
        try input.skip(Tar.padding(after: entry.size))
      }
    }
  }

  private mutating func add(_ entry: TarEntry, from input: inout ArchiveInput) throws(StoreError) {
    let name = try Self.name(of: entry.path, in: entry)
    let member: Member
    switch entry.kind {
    case .directory: return try input.skip(entry.size)
    case .regular: member = try file(name, entry, from: &input)
    case .symbolicLink(let target):
      // From the directory of the link; `..` may lead up, but not out.
      var path = name.split(separator: "/").dropLast().map(String.init)
      for component in target.components.map(\.string) {
        if component != ".." {
          path.append(component)
        } else if path.popLast() == nil {
          throw refusal(ArchiveError("a link that leads out of the archive", entry: entry.path))
        }
      }
      if target.isAbsolute { throw refusal(ArchiveError("a link to an absolute path", entry: entry.path)) }
      member = .link(to: path.joined(separator: "/"))
    case .hardLink(let target): member = .link(to: try Self.name(of: target, in: entry))
    case .fifo, .characterDevice, .blockDevice:
      throw refusal(ArchiveError("a device or fifo, which no image archive holds", entry: entry.path))
    }
    // Another reader may take the other one, and see another image than was checked.
    guard members.updateValue(member, forKey: name) == nil else {
      throw refusal(ArchiveError("the same name twice", entry: entry.path))
    }
    guard members.count <= Self.maximumCount else {
      throw StoreError(.invalid, "the archive is refused: it holds more than \(Self.maximumCount) files")
    }
  }

  private static func name(of path: Path, in entry: TarEntry) throws(StoreError) -> String {
    let components = path.components
    guard !path.isAbsolute, !components.contains("..") else {
      throw refusal(ArchiveError("a path that leads out of the archive", entry: entry.path))
    }
    return components.filter { $0 != "." }.map(\.string).joined(separator: "/")
  }

  private mutating func file(
    _ name: String, _ entry: TarEntry, from input: inout ArchiveInput
  ) throws(StoreError) -> Member {
    let claimed = name.hasPrefix(Self.blobs) ? Digest(hex: String(name.dropFirst(Self.blobs.count))) : nil
    if let claimed, store.contains(claimed) {
      let blob = SpooledBlob(digest: claimed, size: Int64(entry.size))
      _ = try store.open(ContentDescriptor(mediaType: .empty, digest: claimed, size: blob.size))
      try input.skip(entry.size)
      return .stored(blob)
    }
    var writer = try BlobWriter(store: store)
    var rest = entry.size
    while rest > 0 {
      let piece = try input.take(atMost: rest)
      try writer.write(piece)
      rest -= piece.count
    }
    let blob = try writer.finish(in: spool)
    if let claimed, claimed != blob.digest {
      throw refusal(ArchiveError("contents with another digest (\(blob.digest.short)…)", entry: entry.path))
    }
    spooled.insert(blob.digest)
    return .file(blob)
  }

  private static var blobs: String { "blobs/sha256/" }

  /// What stands at a path, links followed as far as any archive has them.
  private func find(_ path: String) throws(StoreError) -> Member? {
    var path = path
    for _ in 0..<16 {
      guard case .link(let target) = members[path] else { return members[path] }
      path = target
    }
    throw StoreError(.invalid, "the archive is refused: \(Path(path).quoted) is a link that leads in a circle")
  }
}

// MARK: - What the reading of images asks for

extension ArchiveMembers {
  /// A file by the path that a document of the archive gives.
  func blob(at path: String) throws(StoreError) -> SpooledBlob? {
    switch try find(Path(path).components.filter { $0 != "." }.map(\.string).joined(separator: "/")) {
    case .file(let blob), .stored(let blob): blob
    default: nil
    }
  }

  /// How a layer is compressed, by its first bytes.
  func compression(of blob: SpooledBlob) throws(StoreError) -> LayerCompression {
    let head = spooled.contains(blob.digest) ? try spool.head(of: blob.digest, 4) : try stored(blob)
    if head.starts(with: [0x1f, 0x8b]) { return .gzip }
    if head.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) { return .zstd }
    return .none
  }

  private func stored(_ blob: SpooledBlob) throws(StoreError) -> [UInt8] {
    let file = try store.open(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size))
    return try storing("cannot read blob \(blob.digest)") { () throws(Fault) in try file.borrowed.read(4, at: 0) }
  }
}

extension ArchiveMembers: ImageSource {
  func document(_ path: String, limit: Int) throws(StoreError) -> [UInt8]? {
    guard let blob = try blob(at: path) else { return nil }
    return try read(blob, limit: limit)
  }

  func read(_ blob: SpooledBlob, limit: Int) throws(StoreError) -> [UInt8] {
    if spooled.contains(blob.digest) { return try spool.read(blob, limit: limit) }
    return try store.read(ContentDescriptor(mediaType: .empty, digest: blob.digest, size: blob.size), limit: limit)
  }

  func size(of digest: Digest) throws(StoreError) -> Int64? {
    if let blob = try blob(at: Self.blobs + digest.hex) { return blob.size }
    return try store.size(of: digest)
  }

  func keep(_ blob: SpooledBlob) throws(StoreError) {
    if spooled.contains(blob.digest) { try spool.keep(blob.digest) }
  }
}

func refusal(_ error: ArchiveError) -> StoreError { StoreError(.invalid, "the archive is refused: \(error)") }
