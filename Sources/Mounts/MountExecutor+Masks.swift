internal import Kernel
internal import Rooted

// Paths of the kernel's file systems that a container must not see or write.

/// What hides a path. Each is made once; the next path gets a copy of the mount.
struct MaskSources: ~Copyable {
  /// A mount of the host's null device, not of what the image has in its place (CVE-2025-31133). Nil where a filter hides
  /// open_tree(2).
  var null: Descriptor?
  var nullIsAttached = false
  /// An empty, read-only tmpfs, with the label that all of a container's have.
  var empty: Descriptor?

  /// Takes the null device while the host's /dev can still be reached.
  mutating func prepare() throws(Fault) {
    if null != nil { return }
    let device = try open("/dev/null", [.path, .noFollow])
    try verifyNull(device.borrowed)
    do throws(Fault) { null = try cloneMount("", at: device.borrowed, recursive: false) } catch {
      if !error.isMissingCall { throw error }
    }
  }
}

private func verifyNull(_ device: BorrowedDescriptor) throws(Fault) {
  let found = try status(of: device)
  guard found.kind == .characterDevice, found.device == DeviceNumber(major: 1, minor: 3) else {
    throw Fault("open", .noSuchDevice, arguments: "\"/dev/null\"", hint: "/dev/null of the host is not the null device")
  }
}

extension MountExecutor {
  /// A path that is missing needs no mask.
  mutating func openExisting(_ path: Path) throws(Fault) -> Descriptor? {
    do throws(Fault) {
      if let found = try openInKernelMount(path) { return found }
      return try openInRoot(path, .path)
    } catch {
      if error.errno == .noSuchFile || error.errno == .notDirectory { return nil }
      throw error
    }
  }

  private mutating func openInKernelMount(_ path: Path) throws(Fault) -> Descriptor? {
    switch root {
    case .some(let top): return try kernel.open(path, .path, below: top)
    case .none: return nil
    }
  }

  mutating func mask(_ path: Path, label: String?) throws(Fault) {
    guard let target = try openExisting(path) else { return }
    if try status(of: target.borrowed).kind == .directory {
      try maskDirectory(target.borrowed, label)
    } else {
      try masks.prepare()
      if let null = masks.null?.borrowed { return try attachNull(null, onto: target.borrowed) }
      // mount(2) binds nothing of the old root after the pivot. The container's own null device will do when it is one:
      // the handle that was checked is what is bound.
      let null = try openInRoot("/dev/null", [.path, .noFollow])
      try verifyNull(null.borrowed)
      try classicBind(null.borrowed, on: target.borrowed, recursive: false)
    }
  }

  private mutating func maskDirectory(_ target: BorrowedDescriptor, _ label: String?) throws(Fault) {
    let options: [Path] = ["nr_blocks=1", "nr_inodes=1", "mode=755"] + (label.map { ["context=\($0)"] } ?? [])
    do throws(Fault) {
      if let empty = masks.empty?.borrowed { return try attachCopy(of: empty, onto: target) }
      let made = try makeFileSystem(
        "tmpfs", source: "tmpfs", options: options, attributes: [.readOnly, .noSetUserId, .noDevices, .noExecute])
      try moveMount(made.borrowed, onto: target)
      masks.empty = consume made
    } catch {
      guard error.isMissingCall else { throw error }
      try classicMount(
        source: "tmpfs", on: target, type: "tmpfs", flags: [.readOnly, .noSetUserId, .noDevices, .noExecute],
        data: Self.data(options))
    }
  }

  private mutating func attachCopy(of mount: BorrowedDescriptor, onto target: BorrowedDescriptor) throws(Fault) {
    do throws(Fault) {
      let copy = try cloneMount("", at: mount, recursive: false)
      try moveMount(copy.borrowed, onto: target)
    } catch {
      guard error.isMissingCall else { throw error }
      try classicBind(mount, on: target, recursive: false)
    }
  }

  /// The detached mount itself goes first: from then on it is a mount of this namespace, of which every kernel makes copies,
  /// and its descriptor can be closed without waiting for RCU.
  private mutating func attachNull(_ null: BorrowedDescriptor, onto target: BorrowedDescriptor) throws(Fault) {
    if masks.nullIsAttached { return try attachCopy(of: null, onto: target) }
    do throws(Fault) { try moveMount(null, onto: target) } catch {
      guard error.isMissingCall else { throw error }
      return try classicBind(null, on: target, recursive: false)
    }
    masks.nullIsAttached = true
  }

  mutating func makeReadOnly(_ path: Path) throws(Fault) {
    guard let target = try openExisting(path) else { return }
    do throws(Fault) {
      let tree = try cloneMount("", at: target.borrowed, recursive: true)
      try setMountAttributes(of: tree.borrowed, set: .readOnly, recursive: false)
      try moveMount(tree.borrowed, onto: target.borrowed)
    } catch {
      guard error.isMissingCall else { throw error }
      try classicBind(target.borrowed, on: target.borrowed, recursive: true)
      let mounted = try openMounted(path, over: target.borrowed)
      try classicRemount(mounted.borrowed, set: .readOnly, clear: [])
    }
  }
}
