package import Kernel

/// What a process that `debug` starts is given by the host, open until it executes its program.
package struct Toolbox: Sendable {
  /// The host's tools: a mount that is attached nowhere.
  package var mount: BorrowedDescriptor
  /// Who takes away what the session leaves behind. It hears on this socket which mount namespace is the session's, and that
  /// everybody who could start something is gone when the last copy is closed.
  package var leash: BorrowedDescriptor
  /// The host's procfs: the container's own could say anything.
  package var procfs: BorrowedDescriptor

  package init(mount: BorrowedDescriptor, leash: BorrowedDescriptor, procfs: BorrowedDescriptor) {
    self.mount = mount
    self.leash = leash
    self.procfs = procfs
  }

  func reportNamespace() throws(Fault) {
    let namespace = try open("self/ns/mnt", .readOnly, at: procfs)
    _ = try leash.sendMessage([0], descriptors: [namespace.borrowed])
  }
}
