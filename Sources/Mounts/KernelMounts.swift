internal import Kernel
internal import Rooted

/// The file systems of the kernel that a container has at /proc and /sys, by descriptor.
///
/// What hides and protects parts of them is looked up in the mount itself. By name somebody who can write to the root could
/// put another directory there for a moment: nothing would be found to protect, and the next moment /proc would be back
/// without its masks.
struct KernelMounts: ~Copyable {
  private var proc: Root?
  private var sys: Root?
  /// That the names lead to these mounts was looked at.
  private var isVerified = false

  static func isOne(_ target: Path) -> Bool {
    let path = target.lexicallyNormal
    return path == "/proc" || path == "/sys"
  }

  /// Takes a mount that was attached at `target`, when it is one of the two.
  mutating func remember(_ mount: BorrowedDescriptor, at target: Path) throws(Fault) {
    guard Self.isOne(target) else { return }
    if target.components.first == "proc" {
      proc = .some(Root(try mount.duplicate()))
    } else {
      sys = .some(Root(try mount.duplicate()))
    }
  }

  /// Opens what is below /proc or /sys; nil for every other path, and where nothing was mounted there.
  ///
  /// - Parameter top: the new root, whose names must lead to the mounts once: a link that a bind mount went through may
  ///   have covered one of them, and then what the container sees would not be what is protected here.
  mutating func open(_ path: Path, _ flags: OpenFlags, below top: borrowing Root) throws(Fault) -> Descriptor? {
    if !isVerified {
      try verify(proc, "/proc", in: top)
      try verify(sys, "/sys", in: top)
      isVerified = true
    }
    let components = path.components
    guard !components.contains("..") else { return nil }
    let rest = components.dropFirst().reduce(Path("")) { $0.isEmpty ? $1 : $0.appending($1) }
    switch components.first {
    case "proc": return try Self.open(rest.isEmpty ? "." : rest, flags, in: proc)
    case "sys": return try Self.open(rest.isEmpty ? "." : rest, flags, in: sys)
    default: return nil
    }
  }

  private static func open(
    _ path: Path, _ flags: OpenFlags, in mount: borrowing Root?
  ) throws(Fault) -> Descriptor? {
    switch mount {
    case .some(let root): return try root.open(path, flags)
    case .none: return nil
    }
  }

  private func verify(_ mount: borrowing Root?, _ name: Path, in top: borrowing Root) throws(Fault) {
    switch mount {
    case .none: return
    case .some(let root):
      var isSame = false
      // Whatever is wrong with the name: "not there" would be taken for nothing to protect.
      if let seen = try? top.open(name, [.path, .directory]), let found = try? status(of: seen.borrowed) {
        let own = try status(of: root.descriptor)
        isSame = found.mountIdentifier == own.mountIdentifier && found.inode == own.inode
      }
      if isSame { return }
      throw Fault("mount", .busy, arguments: name.quoted, hint: "\(name) was changed or covered while it was mounted")
    }
  }
}
