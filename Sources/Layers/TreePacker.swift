internal import Archive
internal import Blobs
internal import Kernel
internal import Rooted

/// Writes a directory as a layer's tar: names sorted, so that the same tree is the same digest.
///
/// The directory may be the upper one of a container that is running, so every name is opened inside it and without
/// following links, and what changes while it is read does no harm.
struct TreePacker: ~Copyable {
  enum Purpose {
    /// A whole tree.
    case tree
    /// An overlay's upper directory: its marks become whiteouts.
    ///
    /// - Parameter over: the top directory of the layer below.
    case changes(over: FileStatus?, usesUserAttributes: Bool)
  }

  private let root: Root
  private let overlay: OverlayAttributes?
  /// The first name of every file that has more than one.
  private var firstNames: [Inode: Path] = [:]
  private var entryCount = 0

  private struct Inode: Hashable {
    var fileSystem: DeviceNumber
    var number: UInt64
  }

  /// - Returns: how many entries were written; the end of the archive is written too.
  static func pack(_ tree: Path, as purpose: Purpose, into writer: inout BlobWriter) throws(StoreError) -> Int {
    var overlay: OverlayAttributes?
    if case .changes(_, let usesUserAttributes) = purpose {
      overlay = OverlayAttributes(usesUserAttributes: usesUserAttributes)
    }
    var packer = try TreePacker(tree, overlay)
    if case .changes(let below?, _) = purpose, try isUnchanged(tree, below) { return 0 }
    try packer.pack(into: &writer)
    try writer.write(Tar.end[...])
    return packer.entryCount
  }

  private init(_ tree: Path, _ overlay: OverlayAttributes?) throws(StoreError) {
    do throws(Fault) { root = try Root(at: tree) } catch { throw StoreError("cannot read \(tree)", error) }
    self.overlay = overlay
  }

  private static func isUnchanged(_ upper: Path, _ below: FileStatus) throws(StoreError) -> Bool {
    try storing("cannot read \(upper)") { () throws(Fault) in
      let top = try status(of: upper)
      guard (top.mode, top.owner, top.group) == (below.mode, below.owner, below.group) else { return false }
      return try entries(of: upper).isEmpty
    }
  }

  /// Depth first with a list of its own: how deep a container nests its directories must not be how deep we call.
  private mutating func pack(into writer: inout BlobWriter) throws(StoreError) {
    // The top is always written: an overlay's root has the mode and owner of its topmost layer's.
    var waiting: [Path] = ["."]
    while let path = waiting.popLast() {
      do throws(Fault) {
        let directory = try root.open(path, [.readOnly, .directory, .noFollow])
        try write(header: try entry(path, try status(of: directory.borrowed), .directory, directory.borrowed), &writer)
        if try overlay?.isOpaque(directory.borrowed) == true { try writeWhiteout(.opaque, in: path, &writer) }
        var directories: [Path] = []
        for name in try entries(of: directory.borrowed).map(\.name).sorted(by: {
          $0.bytes.lexicographicallyPrecedes($1.bytes)
        }) {
          let status: FileStatus
          do throws(Fault) { status = try Kernel.status(of: name, at: directory.borrowed, followLinks: false) } catch {
            // Removed by the container since it was listed.
            if error.errno == .noSuchFile { continue }
            throw error
          }
          let child = path == "." ? name : path.appending(name)
          if status.kind == .directory {
            directories.append(child)
          } else {
            try pack(name, child, status, in: directory.borrowed, path, &writer)
          }
        }
        waiting += directories.reversed()
      } catch { throw StoreError("cannot pack \(path.quoted)", error) }
    }
  }

  private mutating func pack(
    _ name: Path, _ path: Path, _ status: FileStatus, in directory: BorrowedDescriptor, _ parent: Path,
    _ writer: inout BlobWriter
  ) throws(Fault) {
    if overlay != nil, OverlayAttributes.isWhiteout(status) {
      return try writeWhiteout(.removes(name), in: parent, &writer)
    }
    if name.bytes.starts(with: ".wh.".utf8) {
      throw Fault(
        "pack", .invalid, arguments: path.quoted, hint: "a layer cannot hold a file whose name begins with .wh.")
    }
    let inode = Inode(fileSystem: status.fileSystem, number: status.inode)
    if status.linkCount > 1 {
      if let first = firstNames[inode] {
        return try write(header: try entry(path, status, .hardLink(target: first), nil), &writer)
      }
      firstNames[inode] = path
    }
    switch status.kind {
    case .regular: try pack(file: name, path, in: directory, &writer)
    case .symbolicLink:
      let target = try readSymbolicLink(name, at: directory)
      try write(header: try entry(path, status, .symbolicLink(target: target), nil), &writer)
    case .characterDevice: try write(header: try entry(path, status, .characterDevice(status.device), nil), &writer)
    case .blockDevice: try write(header: try entry(path, status, .blockDevice(status.device), nil), &writer)
    case .fifo: try write(header: try entry(path, status, .fifo, nil), &writer)
    // A socket is of use only to the process that listens on it; no tar has one.
    case .socket, .directory: break
    }
  }

  /// The size in the header is a promise: what grows meanwhile is cut, what shrinks is filled up with zeros.
  private mutating func pack(
    file name: Path, _ path: Path, in directory: BorrowedDescriptor, _ writer: inout BlobWriter
  ) throws(Fault) {
    let file = try open(name, [.readOnly, .noFollow, .nonBlocking], at: directory)
    let status = try Kernel.status(of: file.borrowed)
    guard status.kind == .regular else { return }
    var header = try entry(path, status, .regular, file.borrowed)
    header.size = status.size
    try write(header: header, &writer)
    var buffer = [UInt8](repeating: 0, count: min(max(status.size, 1), 1 << 18))
    var rest = status.size
    while rest > 0 {
      let count = min(rest, try file.borrowed.read(into: &buffer))
      if count == 0 { break }
      try write(buffer[..<count], &writer)
      rest -= count
    }
    while rest > 0 {
      let count = min(rest, 1 << 16)
      try write([UInt8](repeating: 0, count: count)[...], &writer)
      rest -= count
    }
    try write([UInt8](repeating: 0, count: Tar.padding(after: status.size))[...], &writer)
  }

  // MARK: Headers

  private func entry(
    _ path: Path, _ status: FileStatus, _ kind: TarEntry.Kind, _ file: BorrowedDescriptor?
  ) throws(Fault) -> TarEntry {
    var attributes: [ExtendedAttribute] = []
    if let file {
      if let overlay, try overlay.pointsElsewhere(file) {
        throw Fault(
          "pack", .notSupported, arguments: path.quoted,
          hint: "the overlay was mounted with redirect_dir or metacopy; mount it without them")
      }
      for name in try extendedAttributeNames(of: file) where OverlayAttributes.isPortable(name) {
        if let value = try extendedAttribute(name, of: file) {
          attributes.append(ExtendedAttribute(name: name, value: value))
        }
      }
      attributes.sort { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
    }
    return TarEntry(
      path: path, kind: kind, mode: status.mode, owner: status.owner, group: status.group, modified: status.modified,
      attributes: attributes)
  }

  private mutating func writeWhiteout(_ whiteout: Whiteout, in path: Path, _ writer: inout BlobWriter) throws(Fault) {
    let directory = path == "." ? Path("") : path
    try write(header: TarEntry(path: directory.appending(whiteout.name), kind: .regular, mode: 0o600), &writer)
  }

  private mutating func write(header: TarEntry, _ writer: inout BlobWriter) throws(Fault) {
    entryCount += 1
    try write(header.headerBlocks()[...], &writer)
  }

  private func write(_ bytes: ArraySlice<UInt8>, _ writer: inout BlobWriter) throws(Fault) {
    do throws(StoreError) { try writer.write(bytes) } catch { throw error.fault ?? Fault("write", .inputOutput) }
  }
}
