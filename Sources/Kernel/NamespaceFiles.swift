internal import CKernel

/// Opens a file that stands for a namespace, `/proc/PID/ns/net` or what one was bound onto. Whatever else lies at the path is
/// neither waited for (a FIFO) nor taken as a terminal.
package func openNamespace(_ path: Path) throws(Fault) -> Descriptor {
  try open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
}

/// The kind of the namespace: NS_GET_NSTYPE of ioctl_nsfs(2), Linux 4.11. ENOTTY for a file that is none.
package func namespaceType(of file: BorrowedDescriptor) throws(Fault) -> Namespaces {
  let type = try systemCall(
    "ioctl", Int(SYS_ioctl), file.argument, 0xb703, 0, arguments: "\(file.description), NS_GET_NSTYPE")
  return Namespaces(rawValue: UInt64(type))
}

/// The user who made the user namespace: NS_GET_OWNER_UID of ioctl_nsfs(2), Linux 4.11. EINVAL for a namespace of another
/// kind.
package func namespaceOwner(of file: BorrowedDescriptor) throws(Fault) -> UInt32 {
  var owner: UInt32 = 0
  _ = try withMutableAddress(of: &owner) { (address) throws(Fault) in
    try systemCall(
      "ioctl", Int(SYS_ioctl), file.argument, 0xb704, address, arguments: "\(file.description), NS_GET_OWNER_UID")
  }
  return owner
}
