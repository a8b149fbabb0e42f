internal import Kernel
internal import Rooted
internal import Steps

// The new root itself: made, made read-only, and at last put in the place of the host's.

extension MountExecutor {
  /// Shared mounts go on sending to the host: a container may want that of a volume.
  mutating func setPropagation(_ propagation: Propagation) throws(Fault) {
    try Kernel.mount(source: "", on: "/", flags: MountFlags(propagation).union(.recursive))
    isIsolated = propagation != .shared
    sendsToHost = propagation == .shared
  }

  mutating func mountOverlay(_ overlay: OverlayMount) throws(Fault) {
    try overlay.checkDepth()
    if let mount = handed.take() { return try attachRoot(mount) }
    let target = try open(overlay.target, [.path, .directory])
    // One layer and nothing above it is no overlay to the kernel, and needs none.
    if overlay.upper == nil, overlay.lower.count == 1 {
      let layer = try cloneMount(overlay.lower[0], recursive: false)
      try setMountAttributes(of: layer.borrowed, set: .readOnly, recursive: false)
      try moveMount(layer.borrowed, onto: target.borrowed)
      root = Root(layer)
      return
    }
    do throws(Fault) {
      do throws(Fault) {
        try requireMoving(onto: target.borrowed)
        let mount = try makeOverlay(overlay, attributes: [])
        try moveMount(mount.borrowed, onto: target.borrowed)
        root = Root(mount)
      } catch {
        guard error.isMissingCall || lacksLayersOneByOne(error) else { throw error }
        root = Root(try classicOverlay(overlay, on: target.borrowed))
      }
    } catch {
      throw error.hinted(overlayHint(error.errno))
    }
  }

  /// Asked before there is an overlay: a volatile one leaves a mark in its work directory, with which it cannot be mounted
  /// once more by mount(2).
  private func requireMoving(onto target: BorrowedDescriptor) throws(Fault) {
    // A directory that is no mount cannot be moved: EINVAL is the answer of a kernel that has the call.
    do throws(Fault) { try moveMount(target, onto: target) } catch { if error.isMissingCall { throw error } }
  }

  /// The data of mount(2) is one page, so layers go by the numbers of their descriptors.
  private mutating func classicOverlay(
    _ overlay: OverlayMount, on target: BorrowedDescriptor
  ) throws(Fault) -> Descriptor {
    var layers = OpenDirectories()
    for layer in overlay.lower { try layers.append(layer) }
    var numbered = overlay
    numbered.lower = layers.numbers.map { Path("\($0)") }
    if let upper = overlay.upper, let work = overlay.work {
      try layers.append(upper)
      numbered.upper = layers.numbers.last.map { Path("\($0)") }
      try layers.append(work)
      numbered.work = layers.numbers.last.map { Path("\($0)") }
    }
    try classicMount(source: "overlay", on: target, type: "overlay", flags: [], data: try numbered.data())
    // The target is a directory of our own, so its name still leads to it.
    let mounted = try open(overlay.target, [.path, .directory])
    guard try fileSystemStatus(of: mounted.borrowed).type == .overlay else {
      throw Fault("mount", .busy, arguments: overlay.target.quoted)
    }
    return mounted
  }

  /// Onto `/`, which is the one directory that the root of any user namespace can open. Paths go on to start below it.
  private mutating func attachRoot(_ mount: consuming Descriptor) throws(Fault) {
    let target = try open("/", [.path, .directory])
    try moveMount(mount.borrowed, onto: target.borrowed)
    root = Root(mount)
    coversRoot = true
  }

  mutating func bindRoot(_ path: Path) throws(Fault) {
    if let mount = handed.take() { return try attachRoot(mount) }
    let target = try open(path, [.path, .directory])
    // Mounts that still send to the host's are asked for; the root itself must not show there.
    if sendsToHost { try isolate(target.borrowed) }
    do throws(Fault) {
      let mount = try cloneMount("", at: target.borrowed, recursive: true)
      try moveMount(mount.borrowed, onto: target.borrowed)
      root = Root(mount)
    } catch {
      guard error.isMissingCall else { throw error }
      try classicBind(target.borrowed, on: target.borrowed, recursive: true)
      root = Root(try open(path, [.path, .directory]))
    }
  }

  /// The mount that the directory lies on stops sending.
  private func isolate(_ directory: BorrowedDescriptor) throws(Fault) {
    let identifier = try status(of: directory).mountIdentifier
    guard let mount = try MountInformation.own().last(where: { $0.identifier == identifier }) else {
      throw Fault("mount", .noSuchFile, arguments: "mount \(identifier)")
    }
    try Kernel.mount(source: "", on: mount.point, flags: .private)
  }

  mutating func makeRootReadOnly() throws(Fault) {
    let mount = try openInRoot("/", [.path, .directory])
    do throws(Fault) { try setMountAttributes(of: mount.borrowed, set: .readOnly, recursive: false) } catch {
      guard error.isMissingCall else { throw error }
      try classicRemount(mount.borrowed, set: .readOnly, clear: [])
    }
  }

  /// pivot_root(2), "pivot_root(".", ".")": no directory for the old root is needed in the new one.
  mutating func pivotRoot() throws(Fault) {
    try masks.prepare()
    let mount = try openInRoot("/", [.path, .directory])
    let before = try open("/", [.path, .directory])
    try changeDirectory(to: mount.borrowed)
    do throws(Fault) { try Kernel.pivotRoot(newRoot: ".", putOld: ".") } catch {
      throw error.hinted(
        error.errno == .invalid
          ? "the host's own root cannot be pivoted away when it is the initial ramfs: use --no-pivot, or switch_root from "
            + "it first" : nil)
    }
    if !isIsolated {
      // Detaching a tree that still sends to the host would take the host's mounts away.
      try changeDirectory(to: before.borrowed)
      try Kernel.mount(source: "", on: ".", flags: [.slave, .recursive])
      try changeDirectory(to: mount.borrowed)
    }
    // The old root lies over the new one now, and `.` leads to what is on top. What somebody had mounted over the host's
    // own root came along and lies higher still: one detached mount would leave the host's files within reach.
    let own = try status(of: mount.borrowed).mountIdentifier
    var isUncovered = false
    while !isUncovered {
      try unmount(".")
      let top = try open("/..", [.path, .directory])
      isUncovered = try status(of: top.borrowed).mountIdentifier == own
    }
    try changeDirectory("/")
  }
}

extension MountExecutor {
  /// MS_MOVE and chroot(2). A procfs or sysfs of the host that is seen whole would let the container mount one of its own
  /// without the masks (mount_too_revealing of the kernel), and one that chroot hides can be reached by who may mount.
  mutating func moveRoot(from path: Path) throws(Fault) {
    if !isIsolated { try setPropagation(.slave) }
    try masks.prepare()
    let own = path.lexicallyNormal
    for line in try MountInformation.own().reversed() where line.hasType("proc") || line.hasType("sysfs") {
      if coversRoot || line.root != "/" || line.point.isInside(own) { continue }
      do throws(Fault) { try unmount(line.point) } catch {
        // Locked to another in a user namespace: then it is covered.
        guard error.errno == .invalid || error.errno == .notPermitted else { throw error }
        try Kernel.mount(source: "tmpfs", on: line.point, type: "tmpfs", flags: [])
      }
    }
    let mount = try openInRoot("/", [.path, .directory])
    try changeDirectory(to: mount.borrowed)
    if !coversRoot { try Kernel.mount(source: ".", on: "/", flags: .move) }
    try changeRoot(".")
    try changeDirectory("/")
  }
}

/// Before Linux 6.8 layers cannot be given one by one, and one string of fsconfig(2) is at most 255 bytes. Before 6.5 overlay
/// reads its options only when it is created, and has no words for what it refuses then.
func lacksLayersOneByOne(_ fault: Fault) -> Bool {
  guard fault.operation == "fsconfig" else { return false }
  return fault.arguments.contains("lowerdir+") || fault.errno == .invalid && fault.hint == nil
}

/// Directories of the host that stay open together.
struct OpenDirectories: ~Copyable {
  private(set) var numbers: [Int32] = []

  mutating func append(_ path: Path) throws(Fault) {
    let directory = try open(path, [.path, .directory])
    numbers.append(directory.release())
  }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }
}
