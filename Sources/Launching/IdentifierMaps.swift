package import Kernel
package import Steps

// uid_map, setgroups and gid_map of a child in a new user namespace (user_namespaces(7)).

/// - Parameter writer: as a privileged parent setgroups stays allowed; an ordinary user has to give it up first, or ask the
///   host's set-user-ID programs.
package func writeMaps(
  of process: ProcessIdentifier, users: [IdentifierMap], groups: [IdentifierMap], by writer: MapWriter
) throws(Fault) {
  if writer == .helpers {
    try runHelper("newuidmap", of: process, users, "/etc/subuid")
    return try runHelper("newgidmap", of: process, groups, "/etc/subgid")
  }
  func text(_ maps: [IdentifierMap]) -> String {
    maps.map { "\($0.container) \($0.host) \($0.count)\n" }.joined()
  }
  try writeControl("/proc/\(process)/uid_map", text(users))
  if writer == .owner { try writeControl("/proc/\(process)/setgroups", "deny") }
  try writeControl("/proc/\(process)/gid_map", text(groups))
}

/// newuidmap(1) PID CONTAINER HOST COUNT …
private func runHelper(
  _ name: Path, of process: ProcessIdentifier, _ maps: [IdentifierMap], _ ranges: Path
) throws(Fault) {
  guard let program = findHelper(name) else {
    throw Fault(
      "execve", .noSuchFile, arguments: name.quoted,
      hint: "an ordinary user needs it to map ranges of ids: install the package uidmap (shadow-utils)")
  }
  let numbers = maps.flatMap { [$0.container, $0.host, $0.count] }.map { "\($0)" }
  let words = [name.string, "\(process)"] + numbers
  let pipe = try makePipe()
  guard let child = try fork() else {
    do throws(Fault) {
      try pipe.writing.borrowed.duplicate(asInherited: 1)
      try pipe.writing.borrowed.duplicate(asInherited: 2)
      throw execute(program, arguments: words.map { Path($0) }, environment: [])
    } catch { exitNow(127) }
  }
  try pipe.writing.close()
  let said = String(decoding: try readAll(pipe.reading.borrowed, limit: 2048), as: UTF8.self).trimmed
  let ended = try wait(for: .process(child))
  guard ended?.status == .exited(0) else {
    throw Fault(
      operation: program.string, .notPermitted, arguments: words.dropFirst().joined(separator: " "),
      hint: said.isEmpty ? "\(ranges) may not give this user the range" : said)
  }
}

/// The set-user-ID programs that map ranges of ids.
package enum MapHelpers {
  package static var areThere: Bool { findHelper("newuidmap") != nil && findHelper("newgidmap") != nil }
}

/// Where a distribution puts it, then on the PATH of who starts the container, in directories that do not depend on where
/// that is.
private func findHelper(_ name: Path) -> Path? {
  let usual = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"]
  let others = (environment("PATH") ?? "").split(separator: ":").map(String.init)
  for directory in usual + others where directory.hasPrefix("/") {
    let candidate = Path(directory).appending(name)
    if let found = try? status(of: candidate), found.kind == .regular { return candidate }
  }
  return nil
}

/// What is written into a pipe until its end, cut at `limit`.
private func readAll(_ pipe: BorrowedDescriptor, limit: Int) throws(Fault) -> [UInt8] {
  var text: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 512)
  while true {
    let count = try pipe.read(into: &buffer)
    if count == 0 { return text }
    text += buffer[..<count].prefix(limit - text.count)
  }
}
