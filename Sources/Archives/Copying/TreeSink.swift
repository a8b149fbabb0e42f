package import Archive
package import Blobs
package import Kernel
internal import Rooted

/// Makes files below a directory that others may be changing: a container's, or the user's own.
///
/// Every name is resolved below the directory, on descriptors, so that links which are there, or are put there meanwhile,
/// lead nowhere else (CVE-2018-15664). A file replaces a file, never a directory, nor a directory a file.
package struct TreeSink: ~Copyable, CopySink {
  private let root: Root
  private let rules: CopyRules
  package var meter: CopyMeter
  /// The directory of the last entry.
  private var last: (path: Path, directory: OpenedDirectory)?
  /// Directories get their rights and times when all that is in them is made.
  private var pending: [(path: Path, entry: TarEntry)] = []

  package init(_ directory: consuming Descriptor, _ rules: CopyRules, _ meter: CopyMeter) {
    root = Root(directory)
    self.rules = rules
    self.meter = meter
  }

  package mutating func put(_ entry: TarEntry, _ contents: CopyContents) throws(StoreError) {
    guard let entry = rules.applied(to: entry) else {
      meter.skipped += 1
      return
    }
    let (parent, name) = try place(of: entry.path)
    let doing = "cannot make \(entry.path.quoted)"
    if name.isEmpty {
      guard entry.kind == .directory else { throw refusedCopy("the archive is refused: its top is no directory") }
      pending.append((".", entry))
      return
    }
    let directory = try storing(doing) { () throws(Fault) in try open(parent) }
    switch entry.kind {
    case .directory: try make(directory: entry, name, parent.appending(name), in: directory.borrowed)
    case .regular: try make(file: entry, name, in: directory.borrowed, contents)
    default: try storing(doing) { () throws(Fault) in try make(other: entry, name, in: directory.borrowed) }
    }
    meter.count(entry)
  }

  package mutating func finish() throws(StoreError) {
    for (path, entry) in pending.reversed() {
      try storing("cannot set the mode of \(path.quoted)") { () throws(Fault) in
        let directory: Descriptor
        do throws(Fault) { directory = try root.open(path, [.readOnly, .directory, .noFollow]) } catch {
          // Taken away, or replaced, meanwhile.
          if [.noSuchFile, .notDirectory, .tooManyLinks].contains(error.errno) { return }
          throw error
        }
        try finish(directory.borrowed, entry)
      }
    }
    pending = []
  }

  // MARK: - Names

  private func place(of path: Path) throws(StoreError) -> (parent: Path, name: Path) {
    let components = path.components
    guard !components.contains("..") else {
      throw refusedCopy("the archive is refused: a path with \"..\": \(path.quoted)")
    }
    guard let name = components.last else { return ("", "") }
    let bytes = components.dropLast().map(\.bytes).joined(separator: [UInt8(ascii: "/")])
    return (Path(bytes: Array(bytes)) ?? "", name)
  }

  private mutating func open(_ parent: Path) throws(Fault) -> OpenedDirectory {
    if let last, last.path == parent { return last.directory }
    let opened = OpenedDirectory(try root.makeDirectories(parent.isEmpty ? "." : parent, mode: 0o755))
    last = (parent, opened)
    return opened
  }

  // MARK: - Kinds

  private mutating func make(
    directory entry: TarEntry, _ name: Path, _ path: Path, in parent: BorrowedDescriptor
  ) throws(StoreError) {
    do throws(Fault) { try makeDirectory(name, mode: 0o700, at: parent) } catch {
      guard error.errno == .exists else { throw StoreError("cannot make \(entry.path.quoted)", error) }
      guard try kind(of: name, in: parent) == .directory else {
        throw StoreError(.conflict, "cannot overwrite non-directory \(path.quoted) with a directory")
      }
    }
    pending.append((path, entry))
  }

  private func make(
    file entry: TarEntry, _ name: Path, in parent: BorrowedDescriptor, _ contents: CopyContents
  ) throws(StoreError) {
    let doing = "cannot make \(entry.path.quoted)"
    try refuseDirectory(name, entry, in: parent)
    let file = try storing(doing) { () throws(Fault) in try openNew(name, in: parent) }
    try contents(file.borrowed, true)
    try storing(doing) { () throws(Fault) in try finish(file.borrowed, entry) }
    // Where a network's disk is full, only this says so.
    do throws(Fault) { try file.close() } catch { throw StoreError(doing, error) }
  }

  private func openNew(_ name: Path, in parent: BorrowedDescriptor) throws(Fault) -> Descriptor {
    let flags: OpenFlags = [.writeOnly, .create, .exclusive, .noFollow]
    do throws(Fault) { return try Kernel.open(name, flags, mode: 0o600, at: parent) } catch {
      guard error.errno == .exists else { throw error }
    }
    do throws(Fault) {
      try removeFile(name, at: parent)
      return try Kernel.open(name, flags, mode: 0o600, at: parent)
    } catch {
      // A file that is mounted there, as /etc/hosts: it cannot be replaced, but it can be written anew.
      guard error.errno == .busy else { throw error }
      let file = try Kernel.open(name, [.writeOnly, .noFollow, .nonBlocking, .noControllingTerminal], at: parent)
      guard try status(of: file.borrowed).kind == .regular else { throw error }
      try file.borrowed.truncate(to: 0)
      return file
    }
  }

  private func make(other entry: TarEntry, _ name: Path, in parent: BorrowedDescriptor) throws(Fault) {
    do throws(StoreError) { try refuseDirectory(name, entry, in: parent) } catch {
      throw Fault("mknodat", .isDirectory, arguments: entry.path.quoted, hint: error.message)
    }
    do throws(Fault) { try removeFile(name, at: parent) } catch { if error.errno != .noSuchFile { throw error } }
    switch entry.kind {
    case .symbolicLink(let target): try makeSymbolicLink(name, to: target, at: parent)
    case .hardLink(let target):
      let components = target.components
      guard !components.contains(".."), !components.isEmpty else {
        throw Fault("linkat", .invalid, arguments: target.quoted, hint: "a hard link leads out of the archive")
      }
      let source = try root.openParent(of: target)
      return try makeHardLink(from: source.name, at: source.directory.borrowed, to: name, at: parent)
    case .fifo: try makeNode(name, kind: .fifo, mode: entry.mode, at: parent)
    case .characterDevice(let device):
      try makeNode(name, kind: .characterDevice, mode: entry.mode, device: device, at: parent)
    case .blockDevice(let device):
      try makeNode(name, kind: .blockDevice, mode: entry.mode, device: device, at: parent)
    case .regular, .directory: return
    }
    try setOwner(of: name, at: parent, user: entry.owner, group: entry.group)
    try setModified(of: name, at: parent, to: entry.modified)
  }

  private func kind(of name: Path, in parent: BorrowedDescriptor) throws(StoreError) -> FileKind? {
    do throws(Fault) { return try status(of: name, at: parent, followLinks: false).kind } catch {
      if error.errno == .noSuchFile { return nil }
      throw StoreError("cannot read \(name.quoted)", error)
    }
  }

  private func refuseDirectory(
    _ name: Path, _ entry: TarEntry, in parent: BorrowedDescriptor
  ) throws(StoreError) {
    if try kind(of: name, in: parent) == .directory {
      throw StoreError(.conflict, "cannot overwrite directory \(entry.path.quoted) with non-directory")
    }
  }

  /// The owner first: a change of it takes away set-id bits and capabilities.
  private func finish(_ file: BorrowedDescriptor, _ entry: TarEntry) throws(Fault) {
    try setOwner(of: "", at: file, user: entry.owner, group: entry.group)
    for attribute in entry.attributes {
      do throws(Fault) { try setExtendedAttribute(attribute.name, to: attribute.value, of: file) } catch {
        // A file system without attributes loses them, as it does for everyone.
        if error.errno != .notSupported { throw error }
      }
    }
    try setMode(of: file, to: entry.mode)
    try setModified(of: file, to: entry.modified)
  }
}

private final class OpenedDirectory {
  private let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
  var borrowed: BorrowedDescriptor { descriptor.borrowed }
}
