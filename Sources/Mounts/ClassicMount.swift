internal import Kernel
internal import Rooted

// mount(2) for where the calls by descriptor are hidden. It only takes paths, so the working directory becomes
// /proc/self/fd of a procfs that is known to be one, and the path is the number of an open descriptor: a magic link to
// exactly what was checked.

extension MountExecutor {
  mutating func classicMount(
    source: Path, on target: BorrowedDescriptor, type: Path = "", flags: MountFlags, data: Path = ""
  ) throws(Fault) {
    try inDescriptorDirectory { () throws(Fault) in
      try Kernel.mount(source: source, on: Path("\(target.rawValue)"), type: type, flags: flags, data: data)
    }
  }

  /// Binds what `source` is open on over what `target` is open on.
  mutating func classicBind(
    _ source: BorrowedDescriptor, on target: BorrowedDescriptor, recursive: Bool
  ) throws(Fault) {
    try classicMount(
      source: Path("\(source.rawValue)"), on: target, flags: recursive ? [.bind, .recursive] : .bind)
  }

  /// A remount sets all flags of one mount anew, so those it has are given again.
  mutating func classicRemount(
    _ mount: BorrowedDescriptor, set: MountAttributes, clear: MountAttributes
  ) throws(Fault) {
    // ST_* of statfs(2) have the numbers of MS_*, but for relatime, which is the default.
    let kept = MountFlags(rawValue: UInt(try fileSystemFlags(of: mount)) & 0xc0f)
    let flags = kept.subtracting(clear.flags).union(set.flags).union([.remount, .bind])
    try classicMount(source: "", on: mount, flags: flags)
  }

  mutating func inDescriptorDirectory(_ body: () throws(Fault) -> Void) throws(Fault) {
    try openProc()
    let before = try Kernel.open(".", [.path, .directory])
    guard let directory = try proc?.openDescriptorDirectory() else { return }
    try changeDirectory(to: directory.borrowed)
    do throws(Fault) { try body() } catch {
      try changeDirectory(to: before.borrowed)
      throw error
    }
    try changeDirectory(to: before.borrowed)
  }

  /// What was just mounted over `covered` at `path`: the path now leads to another mount than before.
  borrowing func openMounted(_ path: Path, over covered: BorrowedDescriptor) throws(Fault) -> Descriptor {
    let mounted = try openInRoot(path, .path)
    guard try status(of: mounted.borrowed).mountIdentifier != status(of: covered).mountIdentifier else {
      throw Fault("mount", .busy, arguments: path.quoted, hint: "\(path) was changed while it was mounted")
    }
    return mounted
  }
}
