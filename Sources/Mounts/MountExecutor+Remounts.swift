internal import Kernel
internal import Rooted
internal import Steps

// What is there already: other options, and file systems that the kernel withholds from a user namespace.

extension MountExecutor {
  mutating func remount(_ remount: Remount) throws(Fault) {
    guard let mounted = try openExisting(remount.target) else {
      throw Fault("mount", .noSuchFile, arguments: remount.target.quoted, hint: "nothing is there to remount")
    }
    do throws(Fault) {
      if remount.isBind { return try setAttributes(of: mounted.borrowed, BindMount(remount)) }
      // The attributes that the mount has stay, as `mount -o remount` of mount(8) reads them first.
      let kept = MountFlags(rawValue: UInt(try fileSystemFlags(of: mounted.borrowed)) & 0xc0f)
      let words = remount.options.filter { Self.flagWords[$0] == nil && $0 != "rw" }
      let flags = remount.options.reduce(kept.subtracting(remount.clear.flags)) {
        $0.union(Self.flagWords[$1] ?? [])
      }
      try classicMount(
        source: "", on: mounted.borrowed, flags: flags.union(remount.set.flags).union(.remount),
        data: Path(words.map(\.string).joined(separator: ",")))
    } catch {
      guard error.isMissingCall else {
        throw error.hinted(error.errno == .invalid ? "nothing is mounted at \(remount.target)" : nil)
      }
      guard remount.setRecursively.isEmpty, remount.clearRecursively.isEmpty else { throw error }
      try classicRemount(mounted.borrowed, set: remount.set, clear: remount.clear)
    }
  }

  /// The options that mount(2) takes as flags, not as data.
  static let flagWords: [Path: MountFlags] = [
    "sync": .synchronous, "dirsync": .directorySynchronous, "ro": .readOnly,
  ]

  /// sysfs needs a network namespace that the user namespace owns, cgroup2 a cgroup namespace, and procfs a PID namespace:
  /// where the container shares the host's, the host's own mount shows the same. True when it was bound.
  mutating func bindFallback(for mount: FileSystemMount, because fault: Fault) throws(Fault) -> Bool {
    guard fault.errno == .notPermitted || fault.errno == .busy, let source = mount.fallback else { return false }
    // Recursively: what is mounted below is locked to it in a user namespace.
    try bindHere(
      BindMount(
        source: source, target: mount.target, set: mount.attributes.subtracting(.accessTimeMask),
        propagation: mount.propagation))
    return true
  }
}

extension BindMount {
  fileprivate init(_ remount: Remount) {
    self.init(
      source: "", target: remount.target, set: remount.set, clear: remount.clear,
      setRecursively: remount.setRecursively, clearRecursively: remount.clearRecursively)
  }
}
