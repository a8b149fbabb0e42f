internal import Kernel

// A directory's limit of space, by project quotas: the kernel holds all there is to know. A directory's project says whose
// limit counts for it, and what takes space or has a limit is in use: so nothing is written down, and nothing is lost.

/// The directories get their project before the limit is set: killed between the two, the project is nobody's again as
/// soon as they are removed, for one without a limit and without files is not in use.
func limitSpace(of directories: [Path], to bytes: UInt64, project first: UInt32) throws(Fault) {
  guard let place = directories.first?.parent else { return }
  // Two that choose at once would choose the same.
  let all = try open(place.parent, [.readOnly, .directory])
  try all.borrowed.lock(.exclusive)
  var project = first
  while try nextProjectInUse(from: project, on: all.borrowed) == project {
    guard project < .max - 1 else { throw Fault("quotactl_fd", .range, hint: "all project ids are in use") }
    project += 1
  }
  for (index, path) in directories.enumerated() {
    passKillSwitch("limiting", index)
    let directory = try open(path, [.readOnly, .directory, .noFollow])
    try setProject(of: directory.borrowed, to: project)
  }
  passKillSwitch("limiting", directories.count)
  try setProjectLimit(bytes, of: project, on: all.borrowed)
}

/// Does nothing where there is no project. Before the directory is removed, for afterwards nobody knows what it was.
func setLimit(of path: Path, to bytes: UInt64) throws(Fault) {
  do throws(Fault) {
    let directory = try open(path, [.readOnly, .directory, .noFollow])
    // What it has inherited is the limit of all that is around it.
    let above = try open(path.parent.parent, [.readOnly, .directory])
    let own = try project(of: directory.borrowed)
    guard own != 0, try own != project(of: above.borrowed) else { return }
    try setProjectLimit(bytes, of: own, on: directory.borrowed)
  } catch {
    // No such directory; no projects here; no quotas any more.
    let isNone: [Errno] = [.noSuchFile, .notTerminal, .notSupported, .noSystemCall, .noSuchProcess, .invalid]
    if !isNone.contains(error.errno) { throw error }
  }
}
