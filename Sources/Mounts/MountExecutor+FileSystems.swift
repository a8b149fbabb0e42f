internal import Kernel
internal import Rooted
internal import Steps

// New file systems below the new root.

extension MountExecutor {
  mutating func mountFileSystem(_ mount: FileSystemMount) throws(Fault) {
    var mount = mount
    // An empty file system has the mode of what it covers, as /tmp with its sticky bit.
    if mount.type == "tmpfs", !mount.options.contains(where: { $0.bytes.starts(with: "mode=".utf8) }),
      let covered = try? openInRoot(mount.target, [.path, .directory])
    {
      mount.options.append(Path("mode=\(try status(of: covered.borrowed).mode.octal)"))
    }
    let target = try openTarget(of: mount)
    try refuseProc(target.borrowed, mount.target, type: mount.type)
    do throws(Fault) { try mountFileSystem(mount, on: target.borrowed) } catch {
      guard try bindFallback(for: mount, because: error) else { throw error }
    }
  }

  private mutating func mountFileSystem(
    _ mount: FileSystemMount, on target: BorrowedDescriptor
  ) throws(Fault) {
    do throws(Fault) {
      // What comes up is written before the mount becomes read-only.
      let attributes = mount.copiesUp ? mount.attributes.subtracting(.readOnly) : mount.attributes
      let made = try makeFileSystem(mount.type, source: mount.source, options: mount.options, attributes: attributes)
      if mount.copiesUp { try copyTree(from: target, to: made.borrowed) }
      if attributes != mount.attributes { try setMountAttributes(of: made.borrowed, set: .readOnly, recursive: false) }
      try moveMount(made.borrowed, onto: target)
      try kernel.remember(made.borrowed, at: mount.target)
      if let propagation = mount.propagation {
        try setMountAttributes(of: made.borrowed, propagation: propagation, recursive: false)
      }
      // The container's own procfs, by the descriptor of the mount that was just made, is as private as any.
      if mount.type == "proc", mount.options.isEmpty, mount.attributes.isDisjoint(with: .readOnly), proc == nil {
        proc = try PrivateProc(made)
      }
    } catch {
      guard error.isMissingCall else { throw error }
      try classicMount(mount, on: target)
    }
  }

  /// /proc, /sys and /dev and what lies below them are real directories or the start fails: a link would let the image
  /// choose where the kernel's files appear (CVE-2019-19921, CVE-2023-27561, CVE-2026-41579).
  private func openTarget(of mount: FileSystemMount) throws(Fault) -> Descriptor {
    let first = mount.target.components.first
    let isKernels = mount.type == "proc" || mount.type == "sysfs"
    return try withRoot { (root) throws(Fault) in
      isKernels || first == "proc" || first == "sys" || first == "dev"
        ? try root.openDirectoryNoFollow(mount.target, making: 0o755) : try root.makeDirectories(mount.target)
    }
  }

  /// A detached mount of a new file system.
  func makeFileSystem(
    _ type: Path, source: Path, options: [Path], attributes: MountAttributes
  ) throws(Fault) -> Descriptor {
    do throws(Fault) {
      let context = try openFileSystem(type)
      do throws(Fault) {
        try Kernel.configure(context.borrowed, "source", source.isEmpty ? type : source)
        for option in options { try configure(context.borrowed, option) }
        return try createMount(of: context.borrowed, attributes: attributes)
      } catch {
        throw error.hinted(messages(of: context.borrowed))
      }
    } catch {
      throw error.hinted(Self.hint(type, error.errno))
    }
  }

  private func configure(_ context: BorrowedDescriptor, _ option: Path) throws(Fault) {
    let parts = option.bytes.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
    guard let key = parts.first.flatMap({ Path(bytes: $0) }), !key.isEmpty else { return }
    try Kernel.configure(context, key, parts.count == 2 ? Path(bytes: parts[1]) : nil)
  }

  private static func hint(_ type: Path, _ errno: Errno) -> String? {
    switch errno {
    case .noSuchDevice: "this kernel has no file system \(type)"
    case .notPermitted where type == "proc" || type == "sysfs":
      "in a user namespace \(type) can be mounted only where the whole of the host's is visible"
    case .invalid where type == "devpts": "a gid= that the user namespace does not map, or another unknown option"
    default: nil
    }
  }

  /// Options as mount(2) takes them.
  static func data(_ options: [Path]) -> Path { Path(options.map(quoted).joined(separator: ",")) }

  /// A SELinux label has commas; in the data of mount(2) it goes in quotation marks then.
  private static func quoted(_ option: Path) -> String {
    let text = option.string
    guard text.hasPrefix("context="), text.contains(",") else { return text }
    return "context=\"\(text.dropFirst(8))\""
  }

  private mutating func classicMount(_ mount: FileSystemMount, on target: BorrowedDescriptor) throws(Fault) {
    let words = Self.flagWords
    let flags = mount.options.reduce(mount.attributes.flags) { $0.union(words[$1] ?? []) }
    let data = Self.data(mount.options.filter { words[$0] == nil && $0 != "rw" })
    let source = mount.source.isEmpty ? mount.type : mount.source
    // Nothing is below a new mount, so what comes up is copied after it is there. A read-only one becomes so last.
    let isLate = mount.copiesUp && flags.contains(.readOnly)
    try classicMount(
      source: source, on: target, type: mount.type, flags: isLate ? flags.subtracting(.readOnly) : flags,
      data: data)
    guard mount.copiesUp || mount.propagation != nil || KernelMounts.isOne(mount.target) else { return }
    let mounted = try openMounted(mount.target, over: target)
    try kernel.remember(mounted.borrowed, at: mount.target)
    if mount.copiesUp { try copyTree(from: target, to: mounted.borrowed) }
    if isLate { try classicRemount(mounted.borrowed, set: .readOnly, clear: []) }
    if let propagation = mount.propagation {
      try classicMount(source: "", on: mounted.borrowed, flags: MountFlags(propagation))
    }
  }

  /// Nothing but procfs may cover a part of /proc: what the runtime writes there would land in it (CVE-2019-16884,
  /// CVE-2025-52881). The files of lxcfs are the exception that runc makes too.
  func refuseProc(_ target: BorrowedDescriptor, _ path: Path, type: Path?) throws(Fault) {
    guard type != "proc", try fileSystemStatus(of: target).type == .proc else { return }
    if Self.coverable.contains(path.lexicallyNormal) { return }
    throw Fault(
      "mount", .notPermitted, arguments: path.quoted,
      hint: "over a part of /proc nothing may be mounted but the files that lxcfs makes")
  }

  private static let coverable: Set<Path> = [
    "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
    "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
  ]

  // MARK: - Control groups

  mutating func mountCgroups(_ mount: CgroupMount) throws(Fault) {
    let hidden: MountAttributes = [.noSetUserId, .noDevices, .noExecute]
    let attributes = mount.isReadOnly ? hidden.union(.readOnly) : hidden
    try mountFileSystem(
      FileSystemMount(
        type: "tmpfs", source: "tmpfs", target: mount.target, attributes: hidden, options: ["mode=755"]))
    // Of a file system that was made a moment ago: nobody but us has put a name into it, so none has to be looked at.
    let directory = try openInRoot(mount.target, [.path, .directory])
    for hierarchy in mount.hierarchies {
      try makeDirectory(hierarchy.name, mode: 0o755, at: directory.borrowed)
      let target = try open(hierarchy.name, [.path, .directory, .noFollow], at: directory.borrowed)
      if let source = hierarchy.source {
        try bindGroup(
          BindMount(
            source: source, target: mount.target.appending(hierarchy.name), isRecursive: false, set: attributes,
            propagation: .private), on: target.borrowed)
      } else {
        try mountFileSystem(
          FileSystemMount(
            type: hierarchy.isV2 ? "cgroup2" : "cgroup", source: "cgroup",
            target: mount.target.appending(hierarchy.name), attributes: attributes, options: hierarchy.options.options),
          on: target.borrowed)
      }
      try linkNames(of: hierarchy, in: directory.borrowed)
    }
    guard mount.isReadOnly else { return }
    do throws(Fault) { try setMountAttributes(of: directory.borrowed, set: .readOnly, recursive: false) } catch {
      guard error.isMissingCall else { throw error }
      try classicRemount(directory.borrowed, set: .readOnly, clear: [])
    }
  }

  /// Cut off from the host's mount: what is mounted in there later stays there.
  private mutating func bindGroup(_ group: BindMount, on target: BorrowedDescriptor) throws(Fault) {
    do throws(Fault) {
      let tree = try cloneMount(group.source, recursive: false)
      try setMountAttributes(of: tree.borrowed, set: group.set, propagation: group.propagation, recursive: false)
      try moveMount(tree.borrowed, onto: target)
    } catch {
      guard error.isMissingCall else { throw error }
      try bindHere(group)
    }
  }
}

/// `cpu,cpuacct` is found by either name.
private func linkNames(of hierarchy: CgroupMount.Hierarchy, in directory: BorrowedDescriptor) throws(Fault) {
  let names = hierarchy.name.string.split(separator: ",")
  for name in names where names.count > 1 {
    try makeSymbolicLink(Path(String(name)), to: hierarchy.name, at: directory)
  }
}

extension Path {
  /// The options between commas.
  var options: [Path] { bytes.split(separator: UInt8(ascii: ",")).compactMap { Path(bytes: $0) } }
}
