internal import CKernel

/// The namespaces of namespaces(7), as the flag words of clone3, unshare and setns have them.
package struct Namespaces: FlagWord {
  package let rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }
  package static let time = Namespaces(rawValue: 0x80)
  package static let mount = Namespaces(rawValue: 0x2_0000)
  package static let cgroup = Namespaces(rawValue: 0x200_0000)
  package static let uts = Namespaces(rawValue: 0x400_0000)
  package static let ipc = Namespaces(rawValue: 0x800_0000)
  package static let user = Namespaces(rawValue: 0x1000_0000)
  package static let process = Namespaces(rawValue: 0x2000_0000)
  package static let network = Namespaces(rawValue: 0x4000_0000)

  /// Each single flag with its file in /proc/PID/ns and its option of unshare(1).
  package static let all: [(flag: Namespaces, file: String, option: String)] = [
    (.user, "user", "--user"), (.mount, "mnt", "--mount"), (.uts, "uts", "--uts"), (.ipc, "ipc", "--ipc"),
    (.process, "pid", "--pid"), (.network, "net", "--net"), (.cgroup, "cgroup", "--cgroup"), (.time, "time", "--time"),
  ]

  /// `CLONE_NEWNS|CLONE_NEWPID`
  package var flagNames: String {
    let names: [(Namespaces, String)] = [
      (.user, "CLONE_NEWUSER"), (.mount, "CLONE_NEWNS"), (.uts, "CLONE_NEWUTS"), (.ipc, "CLONE_NEWIPC"),
      (.process, "CLONE_NEWPID"), (.network, "CLONE_NEWNET"), (.cgroup, "CLONE_NEWCGROUP"), (.time, "CLONE_NEWTIME"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: "|")
  }
}

package func unshare(_ namespaces: Namespaces) throws(Fault) {
  _ = try systemCall("unshare", Int(SYS_unshare), Int(namespaces.rawValue), arguments: namespaces.flagNames)
}

/// setns(2). With a pidfd several namespaces are joined in one step (Linux 5.8).
package func joinNamespace(_ descriptor: BorrowedDescriptor, _ namespaces: Namespaces) throws(Fault) {
  _ = try systemCall(
    "setns", Int(SYS_setns), descriptor.argument, Int(namespaces.rawValue),
    arguments: "\(descriptor.description), \(namespaces.flagNames)")
}

/// Enters namespaces of a process that `openProcess` has opened, its user namespace first.
package func joinNamespaces(of process: BorrowedDescriptor, _ namespaces: Namespaces) throws(Fault) {
  guard (try? status(of: process))?.kind == .directory else { return try joinNamespace(process, namespaces) }
  var files: [Int32] = []
  defer { for file in files { _ = Descriptor(owning: file) } }
  // All are opened before any is entered. Its own user namespace is not entered again, which setns(2) refuses.
  let wanted = Namespaces.all.filter { namespaces.contains($0.flag) }
  for (_, file, _) in wanted { files.append(try open(Path("ns/\(file)"), .readOnly, at: process).release()) }
  for (file, namespace) in zip(files, wanted) {
    let descriptor = BorrowedDescriptor(rawValue: file)
    if namespace.flag == .user, try status(of: "/proc/self/ns/user").inode == status(of: descriptor).inode { continue }
    try joinNamespace(descriptor, namespace.flag)
  }
}
