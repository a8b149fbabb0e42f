internal import Kernel

// Killing who is in a group, and taking the group away. Works on a group of any hierarchy; v2's cgroup.kill is used where
// it is.

/// The processes of a group, not of those below it. A group that is gone has none.
func processes(in group: Path) throws(Fault) -> [ProcessIdentifier] {
  do throws(Fault) {
    return words(try readFile(group.appending("cgroup.procs"), limit: 64 << 20)).compactMap { ProcessIdentifier($0) }
  } catch {
    // ENODEV: the directory is still open or being removed.
    if error.errno == .noSuchFile || error.errno == .noSuchDevice { return [] }
    // ENOTSUP: a threaded group (cgroups(7)); its processes are listed in the group above it.
    if error.errno == .notSupported { return [] }
    throw error
  }
}

/// The group and all below it, deepest first. What a container made in its group is its own business, so the depth is bounded.
func tree(of group: Path, depth: Int = 0) throws(Fault) -> [Path] {
  var found: [Path] = []
  do throws(Fault) {
    for entry in try entries(of: group) where entry.kind == .directory && depth < 64 {
      found += try tree(of: group.appending(entry.name), depth: depth + 1)
    }
  } catch {
    if error.errno == .noSuchFile { return [] }
    throw error
  }
  return found + [group]
}

/// SIGKILL to all processes in the group and below it.
func killAll(in group: Path) throws(Fault) {
  do throws(Fault) {
    // One write, and nobody forks out of it (Linux 5.14).
    return try writeControl(group.appending("cgroup.kill"), "1")
  } catch {
    if error.errno != .noSuchFile && error.errno != .notSupported { throw error }
  }
  for directory in try tree(of: group) {
    for process in try processes(in: directory) {
      // 0 stands for a process that this pid namespace cannot see.
      guard process > 0 else { continue }
      do throws(Fault) { try sendSignal(9, toProcess: process) } catch {
        if error.errno != .noSuchProcess { throw error }
      }
    }
  }
}

/// rmdir of the whole tree. EBUSY means that somebody is still inside: they are killed, and the kernel gets up to two
/// seconds to let go of them.
func removeGroup(_ group: Path) throws(Fault) {
  var pause = 1
  var waited = 0
  while true {
    do throws(Fault) { return try removeDirectory(group) } catch {
      switch error.errno {
      case .noSuchFile: return
      case .busy where waited < 2000: break
      default: throw error
      }
    }
    for child in try tree(of: group).dropLast() { try? removeDirectory(child) }
    try killAll(in: group)
    // A frozen v1 group keeps its dead until it thaws.
    if exists(group.appending("freezer.state")) { try? writeControl(group.appending("freezer.state"), "THAWED") }
    try waitUntilEmpty(group, milliseconds: pause)
    waited += pause
    pause = min(pause * 2, 100)
  }
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
