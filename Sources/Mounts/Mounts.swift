/// Performs mount steps: overlay, bind, pseudo file systems, propagation, masks, by descriptor.
///
/// A path that was checked is never resolved again (SECURITY.md, rule 2).

package import Kernel
internal import Rooted
package import Steps

/// Builds the root of one container, step by step, in the mount namespace that the calling process has for itself.
///
/// Everything goes by the mount API of Linux 5.2 and up. Where a filter makes a call of it answer ENOSYS, mount(2) does the
/// same through /proc/self/fd of a verified procfs (ClassicMount.swift).
package struct MountExecutor: ~Copyable {
  /// The new root, once a step has made it. The descriptor is of the mount itself.
  var root: Root?
  /// What the masks need from the host, taken before the host's root is left.
  var proc: PrivateProc?
  var masks = MaskSources()
  /// The file systems that were mounted on /proc and /sys.
  var kernel = KernelMounts()
  /// What the parent opened for the steps to come, in their order.
  var handed = MountSources()
  /// Nothing that happens here shows on the host.
  var isIsolated = false
  /// A shared root was asked for: what is mounted on a shared mount shows on the host.
  var sendsToHost = false
  /// The new root lies over `/` already.
  var coversRoot = false
  /// For `enterToolbox`: a mount that is attached nowhere yet.
  package var toolbox: BorrowedDescriptor?

  package init() {}

  /// Takes what `openSources` opened in the parent: the steps that need the host use these instead of opening paths.
  package mutating func adopt(_ sources: inout ReceivedDescriptors) {
    while let source = sources.take() { handed.append(source) }
  }

  /// Whether a step has made the new root already.
  package var hasRoot: Bool { root != nil }

  /// - Parameter terminal: the pseudo terminal's own end, for `bindConsole`.
  package mutating func perform(_ step: MountStep, terminal: BorrowedDescriptor? = nil) throws(Fault) {
    // Modes of what is made are the plan's, whatever mask the caller has.
    let mask = setFileModeMask(0)
    defer { setFileModeMask(mask) }
    switch step {
    case .openSources: throw Fault("plan", .invalid, arguments: "a step of the parent stands inside the container")
    case .setPropagation(let propagation): try setPropagation(propagation)
    case .mountOverlay(let overlay): try mountOverlay(overlay)
    case .bindRoot(let path): try bindRoot(path)
    case .mount(let mount): try mountFileSystem(mount)
    case .bind(let bind): try self.bind(bind)
    case .mountCgroups(let mount): try mountCgroups(mount)
    case .makeDevice(let node): try makeDevice(node)
    case .makeSymbolicLink(let path, let target): try makeLink(path, to: target)
    case .makeDirectory(let path, let mode):
      _ = try withRoot { (root) throws(Fault) in try root.makeDirectories(path, mode: mode) }
    case .bindConsole: try bindConsole(terminal)
    case .mask(let path, let label): try self.mask(path, label: label)
    case .makeReadOnly(let path): try makeReadOnly(path)
    case .makeRootReadOnly: try makeRootReadOnly()
    case .pivotRoot: try pivotRoot()
    case .remount(let remount): try self.remount(remount)
    case .moveRoot(let path): try moveRoot(from: path)
    case .setRootPropagation(let propagation):
      try Kernel.mount(source: "", on: "/", flags: MountFlags(propagation))
    case .mountScratch(let path): try mountScratch(on: path)
    case .enterToolbox(let container): try enterToolbox(leaving: container)
    case .share(let path, let isDirectory, let container): try share(path, isDirectory: isDirectory, of: container)
    }
  }

  /// Opens a file of the new root.
  package borrowing func openInRoot(_ path: Path, _ flags: OpenFlags) throws(Fault) -> Descriptor {
    try withRoot { (root) throws(Fault) in try root.open(path, flags) }
  }

  /// Writes `value` to the sysctl `key` (`net.ipv4.ip_forward`, or with slashes) through a procfs of our own, so that
  /// nothing in the image redirects it (CVE-2025-52881).
  package mutating func writeSysctl(_ key: String, _ value: String) throws(Fault) {
    let path = Self.sysctlPath(key)
    guard !path.components.contains("..") else {
      throw Fault("write", .invalid, arguments: "\"\(key)\"", hint: "a sysctl is a name such as net.ipv4.ip_forward")
    }
    try writeProc(path, value)
  }

  /// Writes a file of a procfs that nobody can have mounted over, such as `self/attr/exec`.
  package mutating func writeProc(_ path: Path, _ value: String) throws(Fault) {
    try openProc()
    do throws(Fault) { try proc?.write(path, value) } catch {
      // The container's procfs has its read-only parts already: another one has none.
      guard error.errno == .crossDevice else { throw error }
      proc = try PrivateProc()
      try proc?.write(path, value)
    }
  }

  /// Names are written with dots; one that has a slash before any dot is a path already (sysctl(8)).
  static func sysctlPath(_ key: String) -> Path {
    let separator = key.utf8.first { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }
    if separator != UInt8(ascii: ".") { return Path("sys/" + key) }
    // `net.ipv4.conf.eth0/1.forwarding` is the directory `eth0.1`.
    let swapped = key.map { $0 == "." ? "/" : $0 == "/" ? "." : String($0) }.joined()
    return Path("sys/" + swapped)
  }
}

extension MountExecutor {
  /// A procfs that nobody can have mounted over: the container's own once it is there, else one made for this.
  package mutating func withPrivateProc<Result>(
    _ body: (BorrowedDescriptor) throws(Fault) -> Result
  ) throws(Fault) -> Result {
    try openProc()
    switch proc {
    case .some(let proc): return try body(proc.directory)
    case .none: throw Fault("fsopen", .invalid, arguments: "proc")
    }
  }

  borrowing func withRoot<Result: ~Copyable>(
    _ body: (borrowing Root) throws(Fault) -> Result
  ) throws(Fault) -> Result {
    switch root {
    case .some(let root): return try body(root)
    case .none: throw Fault("plan", .invalid, arguments: "a step inside the new root stands before the root")
    }
  }

  /// The private procfs, made at the first use.
  mutating func openProc() throws(Fault) {
    if proc == nil { proc = try PrivateProc() }
  }
}

extension MountFlags {
  init(_ propagation: Propagation) {
    switch propagation {
    case .private: self = .private
    case .slave: self = .slave
    case .shared: self = .shared
    case .unbindable: self = .unbindable
    }
  }
}

extension Fault {
  /// A filter or an old kernel hides a call of the new mount API.
  var isMissingCall: Bool { errno == .noSystemCall }
}
