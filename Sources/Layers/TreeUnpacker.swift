internal import Archive
internal import Blobs
internal import Kernel
internal import Rooted

/// Writes the entries of a layer's tar below a directory that is new and nobody else's.
///
/// Every name is hostile: it is resolved by Rooted, on descriptors, so that links in the archive lead nowhere but into the
/// tree itself (SECURITY.md, "Layer escape"). A file costs four calls: openat with its mode, write, futimens, close; owner and
/// mode are set only where they are not what a new file has.
struct TreeUnpacker: ~Copyable {
  private let root: Root
  private let overlay = OverlayAttributes()
  /// Open directories, by their path from the top.
  private var directories = OpenDirectories()
  /// What a new file is owned by.
  private let user = effectiveUser()
  private let group = effectiveGroup()
  private var pending = PendingDirectories()

  private init(_ tree: Path) throws(StoreError) {
    let root: Root
    do throws(Fault) {
      try Self.inheritNothing(tree)
      root = try Root(at: tree)
    } catch { throw StoreError("cannot unpack a layer", error) }
    self.root = root
  }

  /// Whoever made the store may have given it a group or access control lists for what is made in it.
  private static func inheritNothing(_ tree: Path) throws(Fault) {
    let top = try open(tree, [.readOnly, .directory])
    for name in try extendedAttributeNames(of: top.borrowed) where name.string.hasPrefix("system.posix_acl_") {
      try removeExtendedAttribute(name, of: top.borrowed)
    }
    try setOwner(of: "", at: top.borrowed, user: effectiveUser(), group: effectiveGroup())
    try setMode(of: top.borrowed, to: 0o755)
  }

  /// The calling thread's file mode mask must be empty.
  static func unpack(
    _ stream: inout TarStream, into tree: Path, limits: TarLimits = .standard
  ) throws(StoreError) {
    var unpacker = try TreeUnpacker(tree)
    var reader = TarReader(limits: limits)
    while try !stream.isAtEnd() {
      let block = try stream.take(Tar.blockSize)
      var event: TarReader.Event
      do throws(ArchiveError) { event = try reader.read(header: block[...]) } catch { throw StoreError(error) }
      while case .metadata(let length) = event {
        let bytes = try stream.take(length)
        try stream.skip(Tar.padding(after: length))
        do throws(ArchiveError) { event = try reader.read(metadata: bytes[...]) } catch { throw StoreError(error) }
      }
      if event == .end { break }
      if case .entry(let entry) = event {
        try unpacker.unpack(entry, from: &stream)
        try stream.skip(Tar.padding(after: entry.storedSize))
      }
    }
    try stream.drain()
    try unpacker.finishDirectories()
  }

  private mutating func unpack(_ entry: TarEntry, from stream: inout TarStream) throws(StoreError) {
    let place = try EntryName(of: entry.path)
    if entry.owner == .max || entry.group == .max {
      throw StoreError(ArchiveError("an owner that stands for none", entry: entry.path))
    }
    if place.name.isEmpty {
      guard entry.kind == .directory else {
        throw StoreError(ArchiveError("the top of a layer that is no directory", entry: entry.path))
      }
      return pending.add(entry, place, isMade: false)
    }
    let whiteout: Whiteout?
    do throws(ArchiveError) { whiteout = try Whiteout(name: place.name) } catch { throw StoreError(error) }
    func doing() -> String { "cannot unpack \(entry.path.quoted)" }
    if whiteout == nil && entry.kind == .regular {
      let parent = try storing(doing()) { () throws(Fault) in try directories.parent(of: place, in: root) }
      return try unpack(file: entry, place, in: parent, from: &stream)
    }
    try storing(doing()) { () throws(Fault) in
      let parent = try directories.parent(of: place, in: root)
      if let whiteout {
        try make(whiteout, in: parent.borrowed)
      } else {
        try make(entry, place, in: parent.borrowed)
      }
    }
    try stream.skip(entry.storedSize)
  }
}

// MARK: - Kinds of entries

extension TreeUnpacker {
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
  private mutating func make(_ entry: TarEntry, _ place: EntryName, in parent: BorrowedDescriptor) throws(Fault) {
    let name = place.name
    switch entry.kind {
    case .regular: break
    case .directory: try make(directory: entry, place, in: parent)
    case .symbolicLink(let target):
      try replacing(place, in: parent) { () throws(Fault) in try makeSymbolicLink(name, to: target, at: parent) }
      try finish(name, entry, in: parent)
    case .hardLink(let target): try link(place, to: target, in: parent)
    case .fifo:
      try replacing(place, in: parent) { () throws(Fault) in
        try makeNode(name, kind: .fifo, mode: entry.mode, at: parent)
      }
      try finish(name, entry, in: parent)
    case .characterDevice(let device), .blockDevice(let device):
      let kind: FileKind = if case .blockDevice = entry.kind { .blockDevice } else { .characterDevice }
      guard kind == .blockDevice || device != DeviceNumber(major: 0, minor: 0) else {
        throw Fault("unpack", .invalid, arguments: entry.path.quoted, hint: "overlayfs would take it for a whiteout")
      }
      do throws(Fault) {
        try replacing(place, in: parent) { () throws(Fault) in
          try makeNode(name, kind: kind, mode: entry.mode, device: device, at: parent)
        }
      } catch {
        // A device is nothing that an ordinary user could open there anyway.
        if error.errno == .notPermitted && !isRootOfHost() { return }
        throw error
      }
      try finish(name, entry, in: parent)
    }
  }

  private mutating func link(_ place: EntryName, to target: Path, in parent: BorrowedDescriptor) throws(Fault) {
    let source: EntryName
    do throws(StoreError) { source = try EntryName(of: target) } catch {
      throw Fault("link", .invalid, arguments: target.quoted, hint: error.message)
    }
    let directory = try root.openParent(of: target)
    try replacing(place, in: parent) { () throws(Fault) in
      try makeHardLink(from: source.name, at: directory.directory.borrowed, to: place.name, at: parent)
    }
  }

  private mutating func make(directory entry: TarEntry, _ place: EntryName, in parent: BorrowedDescriptor) throws(Fault)
  {
    var hidesBelow = false
    // The mode that it will have, where that lets us in meanwhile.
    var isFinal = isPlain(entry) && entry.mode.rawValue & 0o700 == 0o700
    let mode: FileMode = isFinal ? entry.mode : 0o700
    do throws(Fault) { try makeDirectory(place.name, mode: mode, at: parent) } catch {
      guard error.errno == .exists else { throw error }
      if try status(of: place.name, at: parent, followLinks: false).kind == .directory {
        isFinal = false
      } else {
        hidesBelow = try clear(place, in: parent)
        try makeDirectory(place.name, mode: mode, at: parent)
      }
    }
    // A directory in the place of a whiteout would show through it what the whiteout hides.
    if hidesBelow { try markOpaque(place.name, in: parent) }
    pending.add(entry, place, isMade: isFinal)
  }

  /// Makes a name; what an earlier entry put there goes first.
  private mutating func replacing<Result: ~Copyable>(
    _ place: EntryName, in parent: BorrowedDescriptor, _ body: () throws(Fault) -> Result
  ) throws(Fault) -> Result {
    do throws(Fault) { return try body() } catch {
      guard error.errno == .exists else { throw error }
      _ = try clear(place, in: parent)
      return try body()
    }
  }

  /// Takes away what an earlier entry put there; whether that was a whiteout.
  private mutating func clear(_ place: EntryName, in parent: BorrowedDescriptor) throws(Fault) -> Bool {
    guard let existing = try? status(of: place.name, at: parent, followLinks: false) else { return false }
    try removeTree(place.name, at: parent)
    // Paths that led through it lead elsewhere now.
    if existing.kind == .directory || existing.kind == .symbolicLink {
      directories.removeAll()
      pending.remove(place.path)
    }
    return OverlayAttributes.isWhiteout(existing)
  }

  private mutating func unpack(
    file entry: TarEntry, _ place: EntryName, in parent: OpenDirectory, from stream: inout TarStream
  ) throws(StoreError) {
    func doing() -> String { "cannot unpack \(entry.path.quoted)" }
    let isPlain = isPlain(entry)
    let file = try storing(doing()) { () throws(Fault) in
      try replacing(place, in: parent.borrowed) { () throws(Fault) in
        try open(
          place.name, [.writeOnly, .create, .exclusive, .noFollow], mode: isPlain ? entry.mode : 0o600,
          at: parent.borrowed)
      }
    }
    if let extents = entry.sparse {
      for extent in extents where extent.size > 0 {
        try storing(doing()) { () throws(Fault) in try file.borrowed.seek(to: extent.offset) }
        try stream.copy(extent.size, to: file.borrowed, doing: doing())
      }
      try storing(doing()) { () throws(Fault) in try file.borrowed.truncate(to: entry.size) }
    } else {
      try stream.copy(entry.size, to: file.borrowed, doing: doing())
    }
    try storing(doing()) { () throws(Fault) in
      if !isPlain { try finish(file: file.borrowed, entry) }
      try setModified(of: file.borrowed, to: entry.modified)
    }
    // Where a network's disk is full, only this says so.
    do throws(Fault) { try file.close() } catch { throw StoreError(doing(), error) }
  }
}

// MARK: - What an inode has besides its contents

extension TreeUnpacker {
  /// The owner first: chown(2) takes away set-id bits and capabilities, so both come after it.
  private func finish(file: BorrowedDescriptor, _ entry: TarEntry) throws(Fault) {
    if entry.owner != user || entry.group != group {
      try own("", entry, in: file)
    }
    for attribute in entry.attributes where OverlayAttributes.isPortable(attribute.name) {
      do throws(Fault) { try setExtendedAttribute(attribute.name, to: attribute.value, of: file) } catch {
        // A file system without attributes loses them, as it does for everyone.
        // And of `trusted.` it is root of the host alone who has any.
        let isClosed = error.errno == .notPermitted && isClosed(name: attribute.name)
        if error.errno != .notSupported && !isClosed { throw error }
      }
    }
    try setMode(of: file, to: entry.mode)
  }

  /// Whether a file that is made with its mode needs no more but its time: write(2) and chown(2) take set-id bits away, and
  /// attributes may stand for less than the mode.
  private func isPlain(_ entry: TarEntry) -> Bool {
    entry.owner == user && entry.group == group && entry.mode.rawValue & 0o6000 == 0 && entry.attributes.isEmpty
  }

  private func isClosed(name: Path) -> Bool { name.string.hasPrefix("trusted.") && !isRootOfHost() }

  /// Who has one id alone can give nothing away: all of it is then his, and a program that asks sees root's files.
  private func own(_ name: Path, _ entry: TarEntry, in parent: BorrowedDescriptor) throws(Fault) {
    do throws(Fault) { try setOwner(of: name, at: parent, user: entry.owner, group: entry.group) } catch {
      guard error.errno == .invalid, !isRootOfHost(), let space = try? IdentifierSpace() else { throw error }
      if space.isSingle { return }
      throw error.hinted(
        "there is no id for \(entry.owner):\(entry.group): /etc/subuid and /etc/subgid may give this user more")
    }
  }

  /// For what cannot be opened without side effects; its mode was given when it was made.
  private func finish(_ name: Path, _ entry: TarEntry, in parent: BorrowedDescriptor) throws(Fault) {
    if entry.owner != user || entry.group != group {
      try own(name, entry, in: parent)
    }
    try setModified(of: name, at: parent, to: entry.modified)
  }

  /// At the end: what is made in a directory changes its time and inherits its group bit and its default access control
  /// list, and its mode may keep everyone out.
  private mutating func finishDirectories() throws(StoreError) {
    for made in pending.entries {
      let (place, entry) = (made.place, made.entry)
      try storing("cannot unpack \(entry.path.quoted)") { () throws(Fault) in
        if made.isComplete {
          let parent = try directories.opened(place.parent, in: root)
          return try setModified(of: place.name, at: parent.borrowed, to: entry.modified)
        }
        let directory = try root.open(place.path.isEmpty ? "." : place.path, [.readOnly, .directory, .noFollow])
        try finish(file: directory.borrowed, entry)
        try setModified(of: directory.borrowed, to: entry.modified)
      }
    }
  }
}

extension StoreError {
  init(_ error: ArchiveError) { self.init(.invalid, "the layer is refused: \(error)") }
}
