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
    /// - Parameters:
    ///   - over: the layers below, topmost first.
    ///   - mountPoints: empty, and not in those layers, they are left out.
    case changes(over: [Path], mountPoints: [Path], usesUserAttributes: Bool)
  }

  private let root: Root
  private let overlay: OverlayAttributes?
  private let mountPoints: MountPoints?
  /// The first name of every file that has more than one.
  private var firstNames: [Inode: Path] = [:]
  private var entryCount = 0

  private struct Inode: Hashable {
    var fileSystem: DeviceNumber
    var number: UInt64
  }

  /// - Returns: how many entries were written; the end of the archive is written too.
  static func pack(_ tree: Path, as purpose: Purpose, into writer: inout BlobWriter) throws(StoreError) -> Int {
    var packer = try open(tree, purpose)
    if case .changes(let lowers, _, _) = purpose, try packer.isUnchanged(lowers) { return 0 }
    try packer.pack(into: &writer)
    try writer.write(Tar.end[...])
    return packer.entryCount
  }

  /// Packs a whole tree that has no name: a mount of its own.
  static func pack(_ tree: consuming Root, into writer: inout BlobWriter) throws(StoreError) {
    var packer = TreePacker(tree)
    try packer.pack(into: &writer)
    try writer.write(Tar.end[...])
  }

  private init(_ root: consuming Root, _ overlay: OverlayAttributes? = nil, _ mountPoints: MountPoints? = nil) {
    self.root = root
    self.overlay = overlay
    self.mountPoints = mountPoints
  }

  private static func open(_ tree: Path, _ purpose: Purpose) throws(StoreError) -> TreePacker {
    do throws(Fault) {
      let root = try Root(at: tree)
      guard case .changes(let lowers, let candidates, let usesUserAttributes) = purpose else { return TreePacker(root) }
      let overlay = OverlayAttributes(usesUserAttributes: usesUserAttributes)
      let mountPoints = try MountPoints(candidates, in: root, lowers: lowers, overlay: overlay)
      return TreePacker(root, overlay, mountPoints)
    } catch { throw StoreError("cannot read \(tree)", error) }
  }

  private func isUnchanged(_ lowers: [Path]) throws(StoreError) -> Bool {
    guard mountPoints?.areAll == true, let below = lowers.first else { return false }
    return try storing("cannot read \(below)") { () throws(Fault) in
      let top = try root.status(of: "/")
      let below = try status(of: below)
      return (top.mode, top.owner, top.group) == (below.mode, below.owner, below.group)
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
          if mountPoints?.paths.contains(Path("/").appending(child)) == true { continue }
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
    let file = try Kernel.open(name, [.readOnly, .noFollow, .nonBlocking], at: directory)
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
      attributes = try OverlayAttributes.portable(of: file)
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
