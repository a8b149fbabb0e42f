internal import Kernel

/// A file below HOME that says whom to trust or where to ask. With `sudo -E` the home is another user's, and what he writes
/// is not for root to follow: a mirror of his would give root images of his.
func readHomeFile(_ path: Path) throws -> [UInt8] {
  // A FIFO would be waited for.
  let file = try open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
  let status = try status(of: file.borrowed)
  guard status.kind == .regular else { throw RegistryFailure("\(path) is no regular file") }
  guard status.owner == 0 || status.owner == effectiveUser() else {
    throw RegistryFailure(
      "\(path) belongs to user \(status.owner), who may not say where another user's images come from",
      hint: "leave sudo's -E out, or set HOME to a home of yours")
  }
  return try file.borrowed.readAll(limit: 1 << 20)
}
