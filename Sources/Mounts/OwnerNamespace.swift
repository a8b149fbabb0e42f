internal import Kernel
internal import Steps

/// A user namespace that nobody is in, for a mount whose files are to be shown with other owners: mount_setattr(2) takes ids
/// from a namespace only.
///
/// - Parameter procfs: of the PID namespace of the caller, who is privileged over the ids and has one thread.
func makeUserNamespace(_ owners: FileOwners, procfs: BorrowedDescriptor) throws(Fault) -> Descriptor {
  // A process has to be there while the maps are written. It waits for the end of this pipe, which comes at the latest when
  // the caller is gone.
  let pipe = try makePipe()
  // Where a procfs of one's own cannot be made this is the host's, whose numbers mean other processes.
  guard try readSymbolicLink("self", at: procfs) == Path("\(processIdentifier())") else {
    throw Fault(
      "fsopen", .noSystemCall, arguments: "\"proc\"",
      hint: "owners of one mount need a procfs of the container's own, and a filter hides fsopen(2)")
  }
  switch try clone(namespaces: .user) {
  case .child:
    try? Descriptor(owning: pipe.writing.release()).close()
    var byte: [UInt8] = [0]
    _ = try? pipe.reading.borrowed.read(into: &byte)
    exitNow(0)
  case .parent(let process, let pidfd):
    defer {
      try? sendSignal(9, to: pidfd.borrowed)
      _ = try? wait(for: .pidfd(pidfd.borrowed))
    }
    func text(_ maps: [IdentifierMap]) -> String {
      maps.map { "\($0.container) \($0.host) \($0.count)\n" }.joined()
    }
    try writeControl("\(process)/uid_map", text(owners.users), at: procfs)
    try writeControl("\(process)/gid_map", text(owners.groups), at: procfs)
    return try open("\(process)/ns/user", .readOnly, at: procfs)
  }
}
