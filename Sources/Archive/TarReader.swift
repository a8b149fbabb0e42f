internal import Kernel

/// How much of an archive from outside is believed.
package struct TarLimits: Hashable, Sendable {
  package var entries = 2_000_000
  /// Contents of all entries together; the default is what no sane layer has.
  package var totalSize = 1 << 40
  /// The kernel's PATH_MAX: a longer name could not be made.
  package var pathLength = 4095
  /// A PAX header, or a GNU long name.
  package var metadataLength = 1 << 20
  package var attributes = 256
  /// Parts of one sparse file.
  package var extents = 1 << 20
  package init() {}
  package static let standard = TarLimits()
}

/// Reads the headers of a tar. It does no input itself: the caller feeds it blocks and is told what comes next.
///
/// ```
/// var event = try reader.read(header: next 512 bytes)
/// while case .metadata(let length) = event { event = try reader.read(metadata: next `length` bytes); skip the padding }
/// switch event {
/// case .entry(let entry): take `entry.storedSize` bytes, then skip the padding
/// case .end: stop; what follows has no meaning
/// default: continue
/// }
/// ```
package struct TarReader: Sendable {
  package enum Event: Hashable, Sendable {
    /// As many bytes belong to this header; they go to `read(metadata:)`.
    case metadata(length: Int)
    case entry(TarEntry)
    /// The first of the two empty blocks.
    case nothing
    case end
  }

  private let limits: TarLimits
  private var pending = PendingMetadata()
  private var awaited: Awaited?
  private var sawEmptyBlock = false
  private var entryCount = 0
  private var totalSize = 0

  package init(limits: TarLimits = .standard) { self.limits = limits }

  /// - Parameter block: the 512 bytes where a header is due.
  package mutating func read(header block: ArraySlice<UInt8>) throws(ArchiveError) -> Event {
    precondition(block.count == Tar.blockSize && awaited == nil, "a header is one block")
    if block.allSatisfy({ $0 == 0 }) {
      if sawEmptyBlock { return .end }
      sawEmptyBlock = true
      return .nothing
    }
    if sawEmptyBlock { throw ArchiveError("a header after the end of the archive") }
    let header = try TarHeader(block)
    if let kind = MetadataKind(typeFlag: header.typeFlag) {
      guard header.size <= limits.metadataLength else {
        throw ArchiveError(
          "a header of \(header.size) bytes; at most \(limits.metadataLength) are read", entry: header.name)
      }
      awaited = .metadata(kind)
      return .metadata(length: header.size)
    }
    defer { pending = PendingMetadata() }
    var entry = try header.entry(with: pending)
    if let sparse = header.sparse {
      var map = SparseMap()
      try OldSparseHeader.read(sparse.extents, into: &map, limits)
      return try finish(entry, map, size: sparse.size, isContinued: sparse.isContinued)
    }
    guard entry.kind == .regular else { return .entry(try checked(entry)) }
    entry.path = pending.sparse.path ?? entry.path
    if pending.sparse.major == 1, pending.sparse.minor == 0 {
      awaited = .mapText(SparseMapText(), entry, size: pending.sparse.size)
      return .metadata(length: Tar.blockSize)
    }
    if pending.sparse.major > 0 {
      throw ArchiveError("a sparse file in a format that is not known", entry: entry.path)
    }
    if let map = pending.sparse.map {
      try map.apply(to: &entry, size: pending.sparse.size, stored: entry.size)
    } else if pending.sparse.size != nil, pending.sparse.size != entry.size {
      // A file that is one hole has no map.
      try SparseMap().apply(to: &entry, size: pending.sparse.size, stored: entry.size)
    }
    return .entry(try checked(entry))
  }

  /// What `.metadata` asked for, without padding.
  ///
  /// - Returns: `.nothing` when a header is due next; an entry, or another piece of metadata, where a map was read.
  @discardableResult
  package mutating func read(metadata bytes: ArraySlice<UInt8>) throws(ArchiveError) -> Event {
    guard let due = awaited else { preconditionFailure("no metadata is due") }
    awaited = nil
    // Consumed, so that a map grows in its place: a copy for each of its blocks would cost a hostile archive little and us much.
    switch consume due {
    case .metadata(.pax): try pending.readPax(bytes, limits: limits)
    // GNU's names end in a NUL.
    case .metadata(.longName): pending.path = try name(bytes.prefix { $0 != 0 })
    case .metadata(.longLink): pending.link = try name(bytes.prefix { $0 != 0 })
    // Defaults for all entries; git writes its commit there, and no builder of layers anything that counts.
    case .metadata(.global): break
    case .oldMap(var map, let entry, let size):
      try OldSparseHeader.read(bytes.prefix(504), into: &map, limits)
      return try finish(entry, map, size: size, isContinued: bytes[bytes.startIndex + 504] != 0)
    case .mapText(var text, var entry, let size):
      try text.read(bytes, limits)
      guard text.isComplete else {
        awaited = .mapText(text, entry, size: size)
        return .metadata(length: Tar.blockSize)
      }
      try text.map.apply(to: &entry, size: size, stored: entry.size - text.length)
      return .entry(try checked(entry))
    }
    return .nothing
  }

  private mutating func finish(
    _ entry: TarEntry, _ map: SparseMap, size: Int, isContinued: Bool
  ) throws(ArchiveError) -> Event {
    if isContinued {
      awaited = .oldMap(map, entry, size: size)
      return .metadata(length: Tar.blockSize)
    }
    var entry = entry
    try map.apply(to: &entry, size: size, stored: entry.size)
    return .entry(try checked(entry))
  }

  private func name(_ bytes: ArraySlice<UInt8>) throws(ArchiveError) -> Path {
    guard let path = Path(bytes: bytes), !path.isEmpty else { throw ArchiveError("an empty long name") }
    return path
  }

  private mutating func checked(_ entry: TarEntry) throws(ArchiveError) -> TarEntry {
    entryCount += 1
    if entryCount > limits.entries { throw ArchiveError("more than \(limits.entries) entries") }
    if entry.path.bytes.count > limits.pathLength {
      throw ArchiveError(
        "a path longer than \(limits.pathLength) bytes", entry: Path(bytes: entry.path.bytes.prefix(64)))
    }
    switch entry.kind {
    case .symbolicLink(let target), .hardLink(let target):
      if target.isEmpty { throw ArchiveError("a link without a target", entry: entry.path) }
      if target.bytes.count > limits.pathLength {
        throw ArchiveError("a link to a path longer than \(limits.pathLength) bytes", entry: entry.path)
      }
    default: break
    }
    // Compared by what is left: a size near the end of the numbers must not be added to anything.
    guard entry.storedSize <= limits.totalSize - totalSize, entry.size <= limits.totalSize else {
      throw ArchiveError("contents of more than \(limits.totalSize) bytes", entry: entry.path)
    }
    totalSize += entry.storedSize
    return entry
  }
}

/// What the next call of `read(metadata:)` brings.
private enum Awaited: Sendable {
  case metadata(MetadataKind)
  /// Blocks that go on with the map of a header of type `S`.
  case oldMap(SparseMap, TarEntry, size: Int)
  /// Blocks of contents that are the map of format 1.0.
  case mapText(SparseMapText, TarEntry, size: Int?)
}

/// Headers that speak about the next entry.
private enum MetadataKind: Sendable {
  case pax, global, longName, longLink

  init?(typeFlag: UInt8) {
    switch typeFlag {
    case UInt8(ascii: "x"), UInt8(ascii: "X"): self = .pax
    case UInt8(ascii: "g"): self = .global
    case UInt8(ascii: "L"): self = .longName
    case UInt8(ascii: "K"): self = .longLink
    default: return nil
    }
  }
}
