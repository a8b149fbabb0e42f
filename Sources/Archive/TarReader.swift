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
  package init() {}
  package static let standard = TarLimits()
}

/// Reads the headers of a tar. It does no input itself: the caller feeds it blocks and is told what comes next.
///
/// ```
/// loop: switch try reader.read(header: next 512 bytes) {
/// case .metadata(let length): try reader.read(metadata: next `length` bytes), then skip the padding
/// case .entry(let entry): take `entry.size` bytes, then skip the padding
/// case .nothing: continue
/// case .end: stop; what follows has no meaning
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
  private var metadataKind: MetadataKind?
  private var sawEmptyBlock = false
  private var entryCount = 0
  private var totalSize = 0

  package init(limits: TarLimits = .standard) { self.limits = limits }

  /// - Parameter block: the 512 bytes where a header is due.
  package mutating func read(header block: ArraySlice<UInt8>) throws(ArchiveError) -> Event {
    precondition(block.count == Tar.blockSize && metadataKind == nil, "a header is one block")
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
      metadataKind = kind
      return .metadata(length: header.size)
    }
    defer { pending = PendingMetadata() }
    return .entry(try checked(header.entry(with: pending)))
  }

  /// What `.metadata` asked for, without padding.
  package mutating func read(metadata bytes: ArraySlice<UInt8>) throws(ArchiveError) {
    guard let kind = metadataKind else { preconditionFailure("no metadata is due") }
    metadataKind = nil
    switch kind {
    case .pax: try pending.readPax(bytes, limits: limits)
    // GNU's names end in a NUL.
    case .longName: pending.path = try name(bytes.prefix { $0 != 0 })
    case .longLink: pending.link = try name(bytes.prefix { $0 != 0 })
    // Defaults for all entries; git writes its commit there, and no builder of layers anything that counts.
    case .global: break
    }
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
    guard entry.size <= limits.totalSize - totalSize else {
      throw ArchiveError("contents of more than \(limits.totalSize) bytes", entry: entry.path)
    }
    totalSize += entry.size
    return entry
  }
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
