internal import Kernel

/// A file below HOME, or where another variable of the caller's points, that says whom to trust, where to ask, or which program has
/// the password. With `sudo -E` the home is another user's, and what he writes is not for root to follow: a mirror of his would give
/// root images of his, a credential helper that he names would run as root.
///
/// - Parameters:
///   - what: that its owner may not do for another user.
///   - cure: beside leaving out -E.
func readHomeFile(
  _ path: Path, _ what: String = "say where another user's images come from", cure: String = "HOME to a home of yours"
) throws -> [UInt8] {
  // A FIFO would be waited for.
  let file = try open(path, [.readOnly, .nonBlocking, .noControllingTerminal])
  let status = try status(of: file.borrowed)
  guard status.kind == .regular else { throw RegistryFailure("\(path) is no regular file") }
  guard status.owner == 0 || status.owner == effectiveUser() else {
    throw RegistryFailure(
      "\(path) belongs to user \(status.owner), who may not \(what)", hint: "leave sudo's -E out, or set \(cure)")
  }
  return try file.borrowed.readAll(limit: 1 << 20)
}
