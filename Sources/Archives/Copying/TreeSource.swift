internal import Archive
package import Blobs
package import Kernel
internal import Rooted

/// Reads a file, or a directory with all below it, inside a root that others may be changing.
package struct TreeSource: ~Copyable {
  /// The directory itself, or the one that holds the file.
  private let root: Root
  /// The file in it; nil for the directory itself.
  private let file: Path?
  private var firstNames: [Inode: Path] = [:]

  private struct Inode: Hashable {
    var fileSystem: DeviceNumber
    var number: UInt64
  }

  /// - Parameter file: in the directory; a link is copied as one. Nil for all that the directory holds.
  package init(_ directory: consuming Descriptor, file: Path? = nil) {
    root = Root(directory)
    self.file = file
  }

  /// - Parameter name: what the top is called; `.` for what a directory holds, without itself.
  package mutating func copy(as name: Path, into sink: inout some CopySink & ~Copyable) throws(StoreError) {
    // Below a tree they are left out; whoever asks for one is told.
    let isKernels = try storing("cannot read \(name.quoted)") { () throws(Fault) in
      try Self.isKernels(root.descriptor)
    }
    if isKernels {
      throw StoreError(
        .invalid, "\(name.quoted) is no file but the kernel's (proc, sysfs, cgroup or the like)",
        hint: "read it where it is: skiff exec CONTAINER cat PATH")
    }
    if let file {
      let status = try storing("cannot read \(file.quoted)") { () throws(Fault) in
        try Kernel.status(of: file, at: root.descriptor, followLinks: false)
      }
      try copy(file, as: name, status, in: root.descriptor, into: &sink)
    } else {
      try copyDirectories(as: name, into: &sink)
    }
    try sink.finish()
  }

  /// Depth first with a list of its own: how deep a container nests its directories must not be how deep we call.
  private mutating func copyDirectories(
    as name: Path, into sink: inout some CopySink & ~Copyable
  ) throws(StoreError) {
    let top = try storing("cannot read the directory") { () throws(Fault) in try Kernel.status(of: root.descriptor) }
    var waiting: [(path: Path, mount: UInt64)] = [(".", top.mountIdentifier)]
    while let (path, mount) = waiting.popLast() {
      guard let directory = try open(path) else { continue }
      let reading = "cannot read \(path.quoted)"
      let status = try storing(reading) { () throws(Fault) in try Kernel.status(of: directory.borrowed) }
      // The kernel's own are no files: they are read without end, or change what runs when they are written.
      if status.mountIdentifier != mount, (try? Self.isKernels(directory.borrowed)) != false { continue }
      let names = try storing(reading) { () throws(Fault) in try entries(of: directory.borrowed) }
      let place = path == "." ? name : name.appending(path)
      try sink.put(try entry(place, status, .directory, directory.borrowed)) { (_, _) throws(StoreError) in }
      var below: [(path: Path, mount: UInt64)] = []
      for found in names.sorted(by: { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }) {
        let child = path == "." ? found.name : path.appending(found.name)
        let inside: FileStatus
        do throws(Fault) {
          inside = try Kernel.status(of: found.name, at: directory.borrowed, followLinks: false)
        } catch {
          if error.errno == .noSuchFile { continue }
          throw StoreError("cannot read \(child.quoted)", error)
        }
        if inside.kind == .directory {
          below.append((child, status.mountIdentifier))
        } else {
          try copy(found.name, as: name.appending(child), inside, in: directory.borrowed, into: &sink)
        }
      }
      waiting += below.reversed()
    }
  }

  /// Nil for one that was removed since it was listed, or is no directory any more.
  private func open(_ path: Path) throws(StoreError) -> Descriptor? {
    do throws(Fault) { return try root.open(path, [.readOnly, .directory, .noFollow]) } catch {
      if path != ".", [.noSuchFile, .notDirectory, .tooManyLinks].contains(error.errno) { return nil }
      throw StoreError("cannot read \(path.quoted)", error)
    }
  }

  /// Nil for one that is gone, or that was replaced by a link. Somebody may have put a FIFO there; O_NONBLOCK keeps it from
  /// stopping us.
  private func openFile(_ name: Path, _ place: Path, in directory: BorrowedDescriptor) throws(StoreError) -> Descriptor?
  {
    do throws(Fault) {
      return try Kernel.open(name, [.readOnly, .noFollow, .nonBlocking, .noControllingTerminal], at: directory)
    } catch {
      if [.noSuchFile, .tooManyLinks].contains(error.errno) { return nil }
      throw StoreError("cannot read \(place.quoted)", error)
    }
  }

  private static func isKernels(_ directory: BorrowedDescriptor) throws(Fault) -> Bool {
    // devpts, mqueue, debugfs, tracefs, securityfs, bpf and the like.
    let magics = [0x1cd1, 0x1980_0202, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0xcafe_4a11, 0x6165_676c, 0x6265_6570]
    let type = try fileSystemStatus(of: directory).type
    return [.proc, .sysfs, .cgroup1, .cgroup2].contains(type) || magics.contains(type.magic)
  }

  private mutating func copy(
    _ name: Path, as place: Path, _ status: FileStatus, in directory: BorrowedDescriptor,
    into sink: inout some CopySink & ~Copyable
  ) throws(StoreError) {
    let inode = Inode(fileSystem: status.fileSystem, number: status.inode)
    let none: CopyContents = { (_, _) throws(StoreError) in }
    if status.linkCount > 1 {
      if let first = firstNames[inode] {
        return try sink.put(try entry(place, status, .hardLink(target: first), nil), none)
      }
      firstNames[inode] = place
    }
    switch status.kind {
    case .regular: try copyFile(name, as: place, in: directory, into: &sink)
    case .symbolicLink:
      let target = try storing("cannot read \(place.quoted)") { () throws(Fault) in
        try readSymbolicLink(name, at: directory)
      }
      try sink.put(try entry(place, status, .symbolicLink(target: target), nil), none)
    case .characterDevice: try sink.put(try entry(place, status, .characterDevice(status.device), nil), none)
    case .blockDevice: try sink.put(try entry(place, status, .blockDevice(status.device), nil), none)
    case .fifo: try sink.put(try entry(place, status, .fifo, nil), none)
    // Of use only to the process that listens on it.
    case .socket, .directory: break
    }
  }

  /// The size is a promise: what grows meanwhile is cut, what shrinks is filled up with zeros.
  private mutating func copyFile(
    _ name: Path, as place: Path, in directory: BorrowedDescriptor, into sink: inout some CopySink & ~Copyable
  ) throws(StoreError) {
    guard let file = try openFile(name, place, in: directory) else { return }
    let status = try storing("cannot read \(place.quoted)") { () throws(Fault) in
      try Kernel.status(of: file.borrowed)
    }
    guard status.kind == .regular else { return }
    var header = try entry(place, status, .regular, file.borrowed)
    header.size = status.size
    let source = file.borrowed
    try sink.put(header) { (target, canCopyInKernel) throws(StoreError) in
      try storing("cannot copy \(place.quoted)") { () throws(Fault) in
        try copyContents(status.size, from: source, to: target, isFile: canCopyInKernel)
      }
    }
  }

  private func entry(
    _ path: Path, _ status: FileStatus, _ kind: TarEntry.Kind, _ file: BorrowedDescriptor?
  ) throws(StoreError) -> TarEntry {
    var attributes: [ExtendedAttribute] = []
    if let file {
      do throws(Fault) {
        for name in try extendedAttributeNames(of: file) {
          if let value = try extendedAttribute(name, of: file) { attributes.append(.init(name: name, value: value)) }
        }
      } catch {
        if error.errno != .notSupported { throw StoreError("cannot read \(path.quoted)", error) }
      }
    }
    return TarEntry(
      path: path, kind: kind, mode: status.mode, owner: status.owner, group: status.group, modified: status.modified,
      attributes: attributes)
  }
}
