package import Kernel

/// Copies what a directory holds into another, on descriptors: no link is followed, and only names inside the two are
/// touched. Owners, modes, times, extended attributes, hard links and device files are kept.
///
/// The target must be private to the caller, and a name that is there already is EEXIST.
package func copyTree(from source: BorrowedDescriptor, to target: BorrowedDescriptor) throws(Fault) {
  let from = try Kernel.open(".", [.readOnly, .directory], at: source)
  let to = try Kernel.open(".", [.readOnly, .directory], at: target)
  var copy = TreeCopy(root: to.borrowed)
  try copy.copyEntries(from: from.borrowed, to: to.borrowed, below: "")
  try copy.copyAttributes(of: try status(of: source), from: from.borrowed, to: to.borrowed)
}

private struct TreeCopy {
  /// A file by inode, for files that have several names.
  struct Identity: Hashable {
    var fileSystem: DeviceNumber
    var inode: UInt64
  }

  let root: BorrowedDescriptor
  /// Where the first name of such a file was copied to, from `root`.
  var linked: [Identity: Path] = [:]

  mutating func copyEntries(
    from source: BorrowedDescriptor, to target: BorrowedDescriptor, below path: Path
  ) throws(Fault) {
    for entry in try entries(of: source) {
      let place = path.isEmpty ? entry.name : path.appending(entry.name)
      do throws(Fault) { try copy(entry.name, from: source, to: target, as: place) } catch {
        throw Fault(operation: error.operation, error.errno, arguments: place.quoted, hint: error.hint)
      }
    }
  }

  private mutating func copy(
    _ name: Path, from source: BorrowedDescriptor, to target: BorrowedDescriptor, as place: Path
  ) throws(Fault) {
    let before = try status(of: name, at: source, followLinks: false)
    let identity = Identity(fileSystem: before.fileSystem, inode: before.inode)
    if before.kind != .directory, before.linkCount > 1 {
      if let first = linked[identity] { return try makeHardLink(from: first, at: root, to: name, at: target) }
      linked[identity] = place
    }
    switch before.kind {
    case .directory: try copyDirectory(name, from: source, to: target, as: place)
    case .regular: try copyFile(name, from: source, to: target)
    case .symbolicLink:
      try makeSymbolicLink(name, to: try readSymbolicLink(name, at: source), at: target)
      try setOwner(of: name, at: target, user: before.owner, group: before.group)
    case .fifo, .socket, .characterDevice, .blockDevice:
      try makeNode(name, kind: before.kind, mode: before.mode, device: before.device, at: target)
      try setOwner(of: name, at: target, user: before.owner, group: before.group)
    }
    try setModified(of: name, at: target, to: before.modified)
  }

  private mutating func copyDirectory(
    _ name: Path, from source: BorrowedDescriptor, to target: BorrowedDescriptor, as place: Path
  ) throws(Fault) {
    let from = try Kernel.open(name, [.readOnly, .directory, .noFollow], at: source)
    try makeDirectory(name, mode: 0o700, at: target)
    let to = try Kernel.open(name, [.readOnly, .directory, .noFollow], at: target)
    try copyEntries(from: from.borrowed, to: to.borrowed, below: place)
    try copyAttributes(of: try status(of: from.borrowed), from: from.borrowed, to: to.borrowed)
  }

  private func copyFile(
    _ name: Path, from source: BorrowedDescriptor, to target: BorrowedDescriptor
  ) throws(Fault) {
    // Somebody may have put a FIFO there since; O_NONBLOCK keeps it from stopping us.
    let from = try Kernel.open(name, [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal], at: source)
    let status = try status(of: from.borrowed)
    guard status.kind == .regular else { throw Fault("open", .invalid) }
    let to = try Kernel.open(name, [.writeOnly, .create, .exclusive, .noFollow], mode: 0o600, at: target)
    try copyContents(from: from.borrowed, to: to.borrowed)
    try copyAttributes(of: status, from: from.borrowed, to: to.borrowed)
  }

  private func copyContents(from source: BorrowedDescriptor, to target: BorrowedDescriptor) throws(Fault) {
    do throws(Fault) {
      while try copyRange(from: source, to: target, count: 1 << 30) > 0 {}
    } catch {
      // Between some file systems the kernel does not copy by itself; it says so before the first byte.
      guard [.crossDevice, .invalid, .notSupported, .noSystemCall].contains(error.errno) else { throw error }
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      while case let count = try source.read(into: &buffer), count > 0 { try target.write(buffer[..<count]) }
    }
  }

  /// The owner first: a change of it takes away set-id bits and file capabilities.
  func copyAttributes(
    of status: FileStatus, from source: BorrowedDescriptor, to target: BorrowedDescriptor
  ) throws(Fault) {
    try setOwner(of: "", at: target, user: status.owner, group: status.group)
    try setMode(of: target, to: status.mode)
    for name in try extendedAttributeNames(of: source) {
      // Overlay's own notes would mean something else in another upper directory.
      if name.string.hasPrefix("trusted.overlay.") { continue }
      guard let value = try extendedAttribute(name, of: source) else { continue }
      do throws(Fault) { try setExtendedAttribute(name, to: value, of: target) } catch {
        if error.errno != .notSupported { throw error }
      }
    }
  }
}
