internal import Kernel
internal import Rooted
internal import Steps

// `debug`: the host's tools as a root of their own, with the container's root below it. Seen from a process in there nothing of
// the container lies where a linker, a shell or the C library looks for its files.

extension MountExecutor {
  func mountScratch(on path: Path) throws(Fault) {
    let made = try makeFileSystem(
      "tmpfs", source: "tmpfs", options: ["mode=755"], attributes: [.noSetUserId, .noDevices])
    let target = try open(path, [.path, .directory])
    try moveMount(made.borrowed, onto: target.borrowed)
  }

  /// pivot_root(2) that keeps the old root. Opening it again by name would not do: `/` is what this process has as its root,
  /// and not what is mounted on that.
  mutating func enterToolbox(leaving container: Path) throws(Fault) {
    guard let toolbox else { throw Fault("plan", .invalid, arguments: "a toolbox that nobody staged") }
    let top = try open("/", [.path, .directory])
    try moveMount(toolbox, onto: top.borrowed)
    root = Root(try toolbox.duplicate(from: 3))
    try changeDirectory(to: toolbox)
    let place = container.bytes.drop { $0 == UInt8(ascii: "/") }
    try Kernel.pivotRoot(newRoot: ".", putOld: Path(bytes: place) ?? ".")
    try changeDirectory("/")
  }

  /// The container may have put anything there, and may swap it while we look: the handle that was checked is what is copied,
  /// and every link is resolved below the container's root.
  func share(_ path: Path, isDirectory: Bool, of container: Path) throws(Fault) {
    let below = Root(try openInRoot(container, [.path, .directory]))
    let source: Descriptor
    do throws(Fault) {
      source = isDirectory ? try below.openDirectoryNoFollow(path) : try below.open(path, .path)
    } catch {
      if !isDirectory || error.errno == .noSuchFile { return }
      throw error
    }
    if !isDirectory {
      guard try status(of: source.borrowed).kind == .regular else { return }
    }
    let target = try openInRoot(path, .path)
    let tree = try cloneMount("", at: source.borrowed, recursive: isDirectory)
    if !isDirectory {
      try setMountAttributes(
        of: tree.borrowed, set: [.readOnly, .noSetUserId, .noDevices, .noExecute], recursive: false)
    }
    try moveMount(tree.borrowed, onto: target.borrowed)
  }
}
