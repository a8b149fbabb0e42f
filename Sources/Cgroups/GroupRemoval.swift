package import Kernel

// Killing who is in a group, and taking the group away. Works on a group of any hierarchy; v2's cgroup.kill is used where
// it is.

/// The processes of a group, not of those below it. A group that is gone has none.
func processes(in group: Path) throws(Fault) -> [ProcessIdentifier] {
  try processes { () throws(Fault) in try readFile(group.appending("cgroup.procs"), limit: 64 << 20) }
}

func processes(in group: BorrowedDescriptor) throws(Fault) -> [ProcessIdentifier] {
  try processes { () throws(Fault) in try readFile("cgroup.procs", at: group, limit: 64 << 20) }
}

private func processes(_ read: () throws(Fault) -> [UInt8]) throws(Fault) -> [ProcessIdentifier] {
  do throws(Fault) { return words(try read()).compactMap { ProcessIdentifier($0) } } catch {
    // ENODEV: the directory is still open or being removed.
    if error.errno == .noSuchFile || error.errno == .noSuchDevice { return [] }
    // ENOTSUP: a threaded group (cgroups(7)); its processes are listed in the group above it.
    if error.errno == .notSupported { return [] }
    throw error
  }
}

/// SIGKILL to all processes in the group and below it. A group that is gone has none.
package func killAll(in group: Path) throws(Fault) {
  do throws(Fault) {
    // One write, and nobody forks out of it (Linux 5.14).
    return try writeControl(group.appending("cgroup.kill"), "1")
  } catch {
    if error.errno != .noSuchFile && error.errno != .notSupported { throw error }
  }
  try walkGroups(from: group) { (directory) throws(Fault) in try killMembers(of: directory) }
}

private func killMembers(of group: BorrowedDescriptor) throws(Fault) {
  // 0 stands for a process that this pid namespace cannot see.
  for process in try processes(in: group) where process > 0 {
    do throws(Fault) { try sendSignal(9, toProcess: process) } catch {
      if error.errno != .noSuchProcess { throw error }
    }
  }
}

/// rmdir of the whole tree. EBUSY means that somebody is still inside, or that the container made groups of its own: they
/// are killed and removed, and the kernel gets up to two seconds to let go of them.
func removeGroup(_ group: Path) throws(Fault) {
  var pause = 1
  let start = monotonicNanoseconds()
  while true {
    do throws(Fault) { return try removeDirectory(group) } catch {
      switch error.errno {
      case .noSuchFile: return
      case .busy where monotonicNanoseconds() - start < 2_000_000_000: break
      default: throw error
      }
    }
    try killAll(in: group)
    // A frozen v1 group keeps its dead until it thaws.
    if exists(group.appending("freezer.state")) { try? writeControl(group.appending("freezer.state"), "THAWED") }
    let removed = try removeGroups(below: group)
    // Empty now, as far as this round could see: the next rmdir tells.
    if removed && pause == 1 { pause = 2 } else { try waitUntilEmpty(group, milliseconds: pause) }
    pause = min(pause * 2, 100)
  }
}

/// Removes what can be removed below a group; whether anything was.
private func removeGroups(below group: Path) throws(Fault) -> Bool {
  var removed = false
  try walkGroups(from: group, visit: { (_) throws(Fault) in }) { (above, name) throws(Fault) in
    do throws(Fault) {
      try removeDirectory(name, at: above)
      removed = true
    } catch {
      if error.errno != .busy && error.errno != .noSuchFile { throw error }
    }
  }
  return removed
}

/// Waits for `populated 0`, which v2 announces; v1 announces nothing, so there it is only a pause.
private func waitUntilEmpty(_ group: Path, milliseconds: Int) throws(Fault) {
  do throws(Fault) {
    let file = try open(group.appending("cgroup.events"), [.readOnly])
    // Reading first arms the wait (cgroups(7): POLLPRI tells of a change since the last read).
    let isPopulated = text(try file.borrowed.readAll()[...]).contains("populated 1")
    _ = try poll(isPopulated ? [(file.borrowed, .urgent)] : [], milliseconds: milliseconds)
  } catch {
    guard error.errno == .noSuchFile || error.errno == .noSuchDevice else { throw error }
    _ = try poll([], milliseconds: milliseconds)
  }
}
