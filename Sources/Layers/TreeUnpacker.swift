internal import Archive
internal import Blobs
internal import Kernel
internal import Rooted

/// Writes the entries of a layer's tar below a directory that is new and nobody else's.
///
/// Every name is hostile: it is resolved by Rooted, on descriptors, so that links in the archive lead nowhere but into the
/// tree itself (SECURITY.md, "Layer escape").
struct TreeUnpacker: ~Copyable {
  let root: Root
  private let overlay = OverlayAttributes()
  /// Set at the end, for everything that is made in a directory changes its time.
  private var directoryTimes: [(path: Path, time: Timestamp)] = []

  private init(_ tree: Path) throws(StoreError) {
    do throws(Fault) { root = try Root(at: tree) } catch { throw StoreError("cannot unpack a layer", error) }
  }

  static func unpack(
    _ stream: inout TarStream, into tree: Path, limits: TarLimits = .standard
  ) throws(StoreError) {
    // Modes come from the archive, not from whoever runs us.
    let mask = setFileModeMask([])
    defer { setFileModeMask(mask) }
    var unpacker = try TreeUnpacker(tree)
    var reader = TarReader(limits: limits)
    while !stream.isAtEnd {
      let block = try stream.take(Tar.blockSize)
      let event: TarReader.Event
      do throws(ArchiveError) { event = try reader.read(header: block[...]) } catch { throw StoreError(error) }
      if event == .end { break }
      if case .metadata(let length) = event {
        let bytes = try stream.take(length)
        do throws(ArchiveError) { try reader.read(metadata: bytes[...]) } catch { throw StoreError(error) }
        try stream.skip(Tar.padding(after: length))
      }
      if case .entry(let entry) = event {
        try unpacker.unpack(entry, from: &stream)
        try stream.skip(Tar.padding(after: entry.size))
      }
    }
    try stream.drain()
    unpacker.setDirectoryTimes()
  }

  private mutating func unpack(_ entry: TarEntry, from stream: inout TarStream) throws(StoreError) {
    let components = entry.path.components
    if components.contains("..") { throw StoreError(ArchiveError("a path with \"..\"", entry: entry.path)) }
    if entry.owner == .max || entry.group == .max {
      throw StoreError(ArchiveError("an owner that stands for none", entry: entry.path))
    }
    guard let name = components.last else { return try unpack(top: entry) }
    let whiteout: Whiteout?
    do throws(ArchiveError) { whiteout = try Whiteout(name: name) } catch { throw StoreError(error) }
    if whiteout == nil && entry.kind == .regular { return try unpack(file: entry, from: &stream) }
    do throws(Fault) {
      let parent = try root.openParent(of: entry.path, making: 0o755)
      if let whiteout {
        try make(whiteout, in: parent.directory.borrowed)
      } else {
        try make(entry, name, in: parent.directory.borrowed)
      }
    } catch { throw StoreError("cannot unpack \(entry.path.quoted)", error) }
    try stream.skip(entry.size)
  }
}

// MARK: - Kinds of entries

extension TreeUnpacker {
  /// The directory that the whole layer is.
  private mutating func unpack(top entry: TarEntry) throws(StoreError) {
    guard entry.kind == .directory else {
      throw StoreError(ArchiveError("the top of a layer that is no directory", entry: entry.path))
    }
    do throws(Fault) { try finish(directory: try root.open(".", [.readOnly, .directory]), entry) } catch {
      throw StoreError("cannot unpack \(entry.path.quoted)", error)
    }
    directoryTimes.append((".", entry.modified))
  }

  private func make(_ whiteout: Whiteout, in parent: BorrowedDescriptor) throws(Fault) {
    guard case .removes(let name) = whiteout else {
      return try markOpaque(".", in: parent)
    }
    guard let existing = try? status(of: name, at: parent, followLinks: false) else {
      return try makeNode(name, kind: .characterDevice, mode: [], at: parent)
    }
    // What this layer itself has by that name stays, for a whiteout speaks of the layers below; a directory hides theirs.
    if existing.kind == .directory {
      try markOpaque(name, in: parent)
    }
  }

  private func markOpaque(_ name: Path, in parent: BorrowedDescriptor) throws(Fault) {
    let directory = try open(name, [.readOnly, .directory, .noFollow], at: parent)
    try overlay.markOpaque(directory.borrowed)
  }

  /// Everything but regular files.
  private mutating func make(_ entry: TarEntry, _ name: Path, in parent: BorrowedDescriptor) throws(Fault) {
    switch entry.kind {
    case .regular: break
    case .directory: try make(directory: entry, name, in: parent)
    case .symbolicLink(let target):
      _ = try clear(name, in: parent)
      try makeSymbolicLink(name, to: target, at: parent)
      try finish(name, entry, in: parent)
    case .hardLink(let target):
      let source = try root.openParent(of: target)
      _ = try clear(name, in: parent)
      try makeHardLink(from: source.name, at: source.directory.borrowed, to: name, at: parent)
    case .fifo:
      _ = try clear(name, in: parent)
      try makeNode(name, kind: .fifo, mode: entry.mode, at: parent)
      try finish(name, entry, in: parent)
    case .characterDevice(let device), .blockDevice(let device):
      let kind: FileKind = if case .blockDevice = entry.kind { .blockDevice } else { .characterDevice }
      guard kind == .blockDevice || device != DeviceNumber(major: 0, minor: 0) else {
        throw Fault("unpack", .invalid, arguments: entry.path.quoted, hint: "overlayfs would take it for a whiteout")
      }
      _ = try clear(name, in: parent)
      try makeNode(name, kind: kind, mode: entry.mode, device: device, at: parent)
      try finish(name, entry, in: parent)
    }
  }

  private mutating func make(
    directory entry: TarEntry, _ name: Path, in parent: BorrowedDescriptor
  ) throws(Fault) {
    var hidesBelow = false
    if (try? status(of: name, at: parent, followLinks: false))?.kind != .directory {
      hidesBelow = try clear(name, in: parent)
      try makeDirectory(name, mode: 0o700, at: parent)
    }
    let directory = try open(name, [.readOnly, .directory, .noFollow], at: parent)
    // A directory in the place of a whiteout would show through it what the whiteout hides.
    if hidesBelow { try overlay.markOpaque(directory.borrowed) }
    try finish(directory: directory, entry)
    directoryTimes.append((entry.path, entry.modified))
  }

  /// Takes away what an earlier entry put there; whether that was a whiteout.
  private func clear(_ name: Path, in parent: BorrowedDescriptor) throws(Fault) -> Bool {
    guard let existing = try? status(of: name, at: parent, followLinks: false) else { return false }
    try removeTree(name, at: parent)
    return OverlayAttributes.isWhiteout(existing)
  }

  private func unpack(file entry: TarEntry, from stream: inout TarStream) throws(StoreError) {
    do throws(Fault) {
      let parent = try root.openParent(of: entry.path, making: 0o755)
      _ = try clear(parent.name, in: parent.directory.borrowed)
      let file = try open(
        parent.name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600, at: parent.directory.borrowed)
      var rest = entry.size
      while rest > 0 {
        let piece: ArraySlice<UInt8>
        do throws(StoreError) { piece = try stream.take(atMost: rest) } catch {
          throw error.fault ?? Fault("read", .badMessage, arguments: entry.path.quoted, hint: error.message)
        }
        try file.borrowed.write(piece)
        rest -= piece.count
      }
      try finish(file: file.borrowed, entry)
      try setModified(of: parent.name, at: parent.directory.borrowed, to: entry.modified)
    } catch { throw StoreError("cannot unpack \(entry.path.quoted)", error) }
  }
}

// MARK: - What an inode has besides its contents

extension TreeUnpacker {
  /// The owner first: chown(2) takes away set-id bits and capabilities, so both come after it.
  private func finish(file: BorrowedDescriptor, _ entry: TarEntry) throws(Fault) {
    try setOwner(of: "", at: file, user: entry.owner, group: entry.group)
    for attribute in entry.attributes where OverlayAttributes.isPortable(attribute.name) {
      do throws(Fault) { try setExtendedAttribute(attribute.name, to: attribute.value, of: file) } catch {
        // A file system without attributes loses them, as it does for everyone.
        if error.errno != .notSupported { throw error }
      }
    }
    try setMode(of: file, to: entry.mode)
  }

  private func finish(directory: consuming Descriptor, _ entry: TarEntry) throws(Fault) {
    try finish(file: directory.borrowed, entry)
  }

  /// For what cannot be opened without side effects; its mode was given when it was made.
  private func finish(_ name: Path, _ entry: TarEntry, in parent: BorrowedDescriptor) throws(Fault) {
    try setOwner(of: name, at: parent, user: entry.owner, group: entry.group)
    try setModified(of: name, at: parent, to: entry.modified)
  }

  /// A directory that a later entry replaced has no time to set.
  private func setDirectoryTimes() {
    for (path, time) in directoryTimes.reversed() {
      guard let directory = try? root.open(path, [.path, .directory, .noFollow]) else { continue }
      try? setModified(of: ".", at: directory.borrowed, to: time)
    }
  }
}

extension StoreError {
  init(_ error: ArchiveError) { self.init(.invalid, "the layer is refused: \(error)") }
}
