package import Kernel

/// A procfs that nobody else can have mounted over: for sysctls, /proc/self/attr, oom_score_adj and for opening again what
/// a handle refers to (SECURITY.md, rule 3; CVE-2025-52881, CVE-2019-16884).
///
/// It shows the PID namespace of the process that makes it.
package struct PrivateProc: ~Copyable, Sendable {
  private let root: Root
  private let mountIdentifier: UInt64

  /// A detached mount of its own by fsopen(2); where that is not allowed or not there, the host's /proc once it has been
  /// shown to be one.
  package init(resolver: Root.Resolver = .kernel) throws(Fault) {
    do throws(Fault) {
      let context = try openFileSystem("proc")
      let mount = try createMount(of: context.borrowed, attributes: [.noSetUserId, .noDevices, .noExecute])
      try self.init(mount, resolver: resolver)
    } catch {
      // ENOSYS: a filter. EPERM: no CAP_SYS_ADMIN, or a user namespace whose own /proc is partly hidden.
      guard error.errno == .noSystemCall || error.errno == .notPermitted else { throw error }
      try self.init(try Kernel.open("/proc", [.path, .directory, .noFollow]), resolver: resolver)
    }
  }

  /// Takes the directory only when it is the top of a procfs.
  package init(_ directory: consuming Descriptor, resolver: Root.Resolver = .kernel) throws(Fault) {
    let status = try Kernel.status(of: directory.borrowed)
    // Inode 1 is the top directory of every procfs, so this is no subdirectory bound over /proc.
    guard try fileSystemStatus(of: directory.borrowed).type == .proc, status.inode == 1 else {
      throw Fault("fstatfs", .invalid, arguments: "\"/proc\"", hint: "something that is not procfs is mounted on /proc")
    }
    self.mountIdentifier = status.mountIdentifier
    self.root = Root(directory, resolver: resolver)
  }

  /// Its top directory.
  package var directory: BorrowedDescriptor { root.descriptor }

  /// Opens a file of procfs, such as `self/attr/exec` or `sys/kernel/hostname`. What is mounted over it is refused with
  /// EXDEV: a write would go somewhere else.
  package func open(_ path: Path, _ flags: OpenFlags) throws(Fault) -> Descriptor {
    let file = try root.open(path, flags, resolve: .noCrossDevice)
    guard try Kernel.status(of: file.borrowed).mountIdentifier == mountIdentifier else {
      throw Fault("open", .crossDevice, arguments: path.quoted, hint: "something is mounted over /proc/\(path)")
    }
    return file
  }

  /// One write(2) into a file that is there, without opening anything else on the way.
  package func write(_ path: Path, _ text: String) throws(Fault) {
    let file = try open(path, [.writeOnly])
    do throws(Fault) { try file.borrowed.write(text) } catch {
      throw Fault("write", error.errno, arguments: "\"/proc/\(path)\", \"\(text)\"")
    }
  }

  /// The same file that `handle` (O_PATH) refers to, opened for reading or writing; no path of an untrusted tree is
  /// resolved for it.
  package func reopen(_ handle: BorrowedDescriptor, _ flags: OpenFlags) throws(Fault) -> Descriptor {
    // A directory is its own way in.
    let before = try Kernel.status(of: handle)
    if before.kind == .directory { return try Kernel.open(".", flags, at: handle) }
    guard before.kind != .symbolicLink else { throw Fault("open", .tooManyLinks, arguments: handle.description) }
    let descriptors = try open("self/fd", [.path, .directory])
    let file = try Kernel.open(Path("\(handle.rawValue)"), flags.subtracting(.noFollow), at: descriptors.borrowed)
    let after = try Kernel.status(of: file.borrowed)
    guard (after.inode, after.fileSystem, after.kind) == (before.inode, before.fileSystem, before.kind) else {
      throw Fault("open", .crossDevice, arguments: "\"/proc/self/fd/\(handle.rawValue)\"")
    }
    return file
  }

  /// The open directory that holds a name for each descriptor of this process: `/proc/self/fd`.
  package func openDescriptorDirectory() throws(Fault) -> Descriptor { try open("self/fd", [.path, .directory]) }
}
