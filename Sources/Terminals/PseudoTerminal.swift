package import Kernel

/// The master of a new pseudo terminal of one devpts instance, unlocked and with its size set. Its other end comes from
/// `openPseudoTerminalPeer(of:)`, never from a path (CVE-2025-52565).
///
/// - Parameter devpts: an open directory where a devpts is mounted; anything else is refused, so that a `ptmx` that
///   somebody put there is not opened.
package func openPseudoTerminal(in devpts: BorrowedDescriptor, size: WindowSize? = nil) throws(Fault) -> Descriptor {
  let master = try open("ptmx", [.readWrite, .noControllingTerminal, .noFollow], at: devpts)
  // DEVPTS_SUPER_MAGIC
  guard try fileSystemStatus(of: master.borrowed).type == FileSystemType(magic: 0x1cd1) else {
    throw Fault("openat", .noSuchDevice, arguments: "\"ptmx\"", hint: "there is no devpts where it should be")
  }
  try unlockPseudoTerminal(master.borrowed)
  if let size { try setWindowSize(of: master.borrowed, to: size) }
  return master
}
