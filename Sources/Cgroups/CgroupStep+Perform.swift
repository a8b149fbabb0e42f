package import Kernel
package import Steps

/// Performs one step. Where the kernel's answer has a reason that a person can do something about, the fault's hint says it.
package func perform(_ step: CgroupStep) throws(Fault) {
  do throws(Fault) {
    switch step {
    case .ensure(let group): try ensure(group)
    case .make(let group): try make(group)
    case .write(let group, let file, let value): try writeControl(group.appending(file), value)
    case .writeFirst(let group, let settings, let orNone): try writeFirst(group, settings, orNone)
    case .enable(let group, let required, let wanted): try enable(group, required, wanted)
    case .allowDevices(let group, let rules): try allowDevices(group, rules)
    case .inheritCpuset(let group): try inheritCpuset(group)
    case .join(let group, let isV2): try writeControl(group.appending(isV2 ? "cgroup.procs" : "tasks"), "0")
    case .vacate(let group, let leaf): try vacate(group, into: leaf)
    case .admit: throw Fault("plan", .invalid, arguments: "a container is admitted by its parent")
    case .startUnit, .enterScope, .setUnit, .stopUnit:
      throw Fault("plan", .invalid, arguments: "a unit is systemd's: its parent asks for it")
    case .remove(let group): try removeGroup(group)
    }
  } catch {
    var fault = error
    fault.hint = fault.hint ?? hint(for: step, fault.errno)
    throw fault
  }
}

private func ensure(_ group: Path) throws(Fault) {
  do throws(Fault) { try makeDirectory(group, mode: 0o755) } catch {
    if error.errno != .exists { throw error }
  }
}

private func make(_ group: Path) throws(Fault) {
  do throws(Fault) { try makeDirectory(group, mode: 0o755) } catch {
    if error.errno != .exists { throw error }
    // What a crash left behind is taken over; a living container's is not.
    var present: [ProcessIdentifier] = []
    try walkGroups(from: group) { (directory) throws(Fault) in present += try processes(in: directory) }
    guard present.isEmpty else {
      throw Fault(
        "mkdir", .busy, arguments: group.quoted,
        hint:
          "\(present.count == 1 ? "a process is" : "\(present.count) processes are") in this group (\(present[0]) …): "
          + "another container uses the name")
    }
    // Frozen, it would stop the first process that enters.
    for (file, value) in [("cgroup.freeze", "0"), ("freezer.state", "THAWED")] as [(Path, String)]
    where exists(group.appending(file)) {
      try writeControl(group.appending(file), value)
    }
  }
}

/// Who is in there may have children meanwhile, so it is looked at again; who forks without an end is not waited for.
private func vacate(_ group: Path, into leaf: Path) throws(Fault) {
  for _ in 0..<32 {
    // A process outside of this pid namespace reads as 0, and cannot be moved by that.
    let present = try processes(in: group).filter { $0 > 0 }
    if present.isEmpty { return }
    try ensure(leaf)
    for process in present {
      do throws(Fault) { try writeControl(leaf.appending("cgroup.procs"), "\(process)") } catch {
        if error.errno != .noSuchProcess { throw error }
      }
    }
  }
}

private func writeFirst(_ group: Path, _ settings: [ControlSetting], _ orNone: Bool) throws(Fault) {
  var missing: Fault?
  for setting in settings {
    do throws(Fault) { return try writeControl(group.appending(setting.file), setting.value) } catch {
      if error.errno != .noSuchFile { throw error }
      missing = missing ?? error
    }
  }
  if let missing, !orNone { throw missing }
}

private func enable(_ group: Path, _ required: [String], _ wanted: [String]) throws(Fault) {
  let file = group.appending("cgroup.subtree_control")
  // Reading first spares the lock of the whole hierarchy, and a group that somebody else manages needs no right to write.
  let present = words(try readFile(file))
  let missing = required.filter { !present.contains($0) }
  if !missing.isEmpty { try writeControl(file, missing.map { "+" + $0 }.joined(separator: " ")) }
  let more = wanted.filter { !present.contains($0) }
  guard !more.isEmpty else { return }
  do throws(Fault) { try writeControl(file, more.map { "+" + $0 }.joined(separator: " ")) } catch {
    // One that cannot be had (cpu beside real-time tasks) takes the others of the same write with it.
    for controller in more { try? writeControl(file, "+" + controller) }
  }
}

private func allowDevices(_ group: Path, _ rules: [DeviceRule]) throws(Fault) {
  let program = try loadProgram(.device, name: "skiff_devices", instructions: DeviceProgram(rules).instructions)
  let directory = try open(group, [.readOnly, .directory])
  let old = try attachedPrograms(.device, toCgroup: directory.borrowed)
  try attachProgram(program.borrowed, .device, toCgroup: directory.borrowed)
  // The old ones go last: between the two calls both must agree, so nothing is open that is closed before or after.
  for identifier in old {
    let previous = try openProgram(identifier: identifier)
    try detachProgram(previous.borrowed, .device, fromCgroup: directory.borrowed)
  }
}

private func inheritCpuset(_ group: Path) throws(Fault) {
  for file in ["cpuset.cpus", "cpuset.mems"] as [Path] {
    guard try readText(group.appending(file)).isEmpty else { continue }
    try writeControl(group.appending(file), try readText(group.parent.appending(file)))
  }
}

private func hint(for step: CgroupStep, _ errno: Errno) -> String? {
  switch (step, errno) {
  case (_, .readOnlyFileSystem): "the cgroup file system is mounted read-only here"
  case (.ensure, .accessDenied), (.make, .accessDenied), (.ensure, .notPermitted), (.make, .notPermitted):
    "making control groups needs root, or a group that was delegated to this user"
  case (.make, .again): "the limit of groups above it (cgroup.max.descendants) is reached"
  case (.enable(let group, _, _), .busy):
    "processes are in \(group) itself: controllers can be handed down only when they are in groups below it"
  case (.enable(_, let required, _), .noSuchFile), (.enable(_, let required, _), .invalid):
    "one of the controllers \(required.joined(separator: ", ")) cannot be had in this group"
  case (.write(_, let file, let value), let errno): settingHint(file.string, value, errno)
  case (.writeFirst(_, let settings, _), let errno):
    settings.first.flatMap { settingHint($0.file.string, $0.value, errno) }
  case (.allowDevices, .notPermitted):
    "device rules on cgroup v2 need CAP_BPF or CAP_SYS_ADMIN in the first user namespace"
  case (.join, .noSpace): "the group's cpuset has no processors or no memory nodes"
  case (.join, .busy): "controllers were handed down from this group, so processes may only be in groups below it"
  case (.join, .again): "the group's limit of processes is reached"
  case (.remove, .busy):
    "processes in it could not be killed yet (uninterruptible sleep), or hold it from another namespace"
  default: nil
  }
}

private func settingHint(_ file: String, _ value: String, _ errno: Errno) -> String? {
  if errno == .noSuchFile {
    if file.contains("weight") {
      return "this kernel has no weights for block i/o (BFQ or io.cost): leave the weight out"
    }
    if file.contains("swap") || file.contains("memsw") {
      return "this kernel does not count swap: leave the swap limit out, or start it with swapaccount=1"
    }
    if file.hasPrefix("hugetlb") { return "this machine has no huge pages of that size" }
    return "this kernel has no \(file)"
  }
  let controller = file.prefix { $0 != "." }
  switch (controller, errno) {
  case ("memory", .busy), ("memory", .noSpace): return "more than \(value) bytes are in use and cannot be reclaimed"
  case ("cpuset", .invalid), ("cpuset", .range), ("cpuset", .accessDenied), ("cpuset", .noSpace):
    return "\(value) is not within what this host, or the group above, has"
  case ("cpu", .invalid): return "the group above it has a smaller limit, or the value is out of the kernel's range"
  case ("io", .noSuchDevice), ("blkio", .noSuchDevice): return "no whole disk has that device number"
  case ("devices", .notPermitted): return "the group above it does not have these devices itself"
  default: return nil
  }
}
