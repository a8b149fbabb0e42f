package import Kernel

// Where an ordinary user keeps what is his (XDG Base Directory Specification).

/// `$XDG_DATA_HOME`, or `~/.local/share`; nil where neither is known.
package func userDataDirectory() -> Path? {
  if let data = absolute("XDG_DATA_HOME") { return data }
  return absolute("HOME")?.appending(".local/share")
}

/// `$XDG_RUNTIME_DIR/skiff`, or `/run/user/UID/skiff`; where there is neither, `/tmp/skiff-UID`.
///
/// The variable outlives a change of user (su(1)): what is not the caller's own and closed to all others is not taken.
package func userRunDirectory(of caller: Caller) -> Path {
  for candidate in [absolute("XDG_RUNTIME_DIR"), Path("/run/user/\(caller.user)")].compactMap({ $0 })
  where isOwn(candidate) {
    return candidate.appending("skiff")
  }
  return Path("/tmp/skiff-\(caller.user)")
}

/// Makes the directory, or takes the one that is there: in /tmp anybody may have made it.
package func makeOwnDirectory(_ path: Path) throws(Fault) {
  try makeDirectories(path, mode: 0o700)
  guard isOwn(path) else {
    throw Fault(
      "open", .notPermitted, arguments: path.quoted,
      hint: "it belongs to somebody else or is open to others: chmod 700 \(path), or choose another one with --state")
  }
}

/// The same before and after the namespace is entered, where the caller's files are root's.
private func isOwn(_ path: Path) -> Bool {
  guard let status = try? status(of: path, followLinks: false) else { return false }
  return status.kind == .directory && status.owner == effectiveUser() && status.mode.rawValue & 0o077 == 0
}

private func absolute(_ variable: String) -> Path? {
  environment(variable).flatMap { $0.hasPrefix("/") ? Path($0) : nil }
}
