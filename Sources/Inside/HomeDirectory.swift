internal import Kernel
internal import Privileges

/// The environment with the HOME that the user has in the container's own passwd file, where it names none: shells expect one.
///
/// The root is the container's by now, and its files are hostile input: only a regular file of a bounded size is read, and
/// without one, or an entry, the home is `/`.
func withHome(_ environment: [Path], of user: UInt32) -> [Path] {
  let prefix = Array("HOME=".utf8)
  if environment.contains(where: { $0.bytes.starts(with: prefix) }) { return environment }
  guard let database = try? UserDatabase(passwd: readPasswd() ?? [], group: []),
    let resolved = try? database.resolve(UserReference(user: .number(user))),
    let home = Path(bytes: prefix + resolved.home.bytes)
  else { return environment + ["HOME=/"] }
  return environment + [home]
}

private func readPasswd() -> [UInt8]? {
  // A FIFO in its place would be waited for without O_NONBLOCK.
  guard let file = try? open("/etc/passwd", [.readOnly, .nonBlocking]),
    (try? status(of: file.borrowed))?.kind == .regular
  else { return nil }
  return try? file.borrowed.readAll(limit: UserDatabase.fileLimit)
}
