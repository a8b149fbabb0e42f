package import Kernel
package import Steps

/// Performs the steps that say who a process is and what it may do; false for every other step.
///
/// The caller is the container's single-threaded first process, between clone and exec. The order that the kernel asks for:
/// 1. attributes (`set`), the OOM score and limits, while CAP_SYS_NICE and CAP_SYS_RESOURCE may still be there; limits last,
///    for a low one on descriptors would refuse the files that the others write;
/// 2. `limitCapabilities`, which needs CAP_SETPCAP in the effective set;
/// 3. `setUser`, which needs CAP_SETGID and CAP_SETUID; the effective set is empty after it, the permitted one is kept;
/// 4. chdir to the working directory, with the rights of the user;
/// 5. `loadFilter`, privileged unless no_new_privs is set, and so before the permitted set shrinks;
/// 6. `setCapabilities`, and `execute` at once. With no_new_privs the filter may come after this one.
/// From step 3 on the process is not dumpable, so its files in /proc belong to root: what it needs there is opened before.
///
/// - Parameter procfs: a root of procfs that the caller opened and verified (SECURITY.md, rule 3).
package func perform(_ step: ProcessStep, procfs: BorrowedDescriptor) throws(Fault) -> Bool {
  switch step {
  case .setResourceLimit(let limit): try apply(limit)
  case .setOomScoreAdjustment(let value): try setOomScoreAdjustment(value, procfs: procfs)
  case .setUmask(let mask): setFileModeMask(mask)
  case .setNoNewPrivileges: try setNoNewPrivileges()
  case .limitCapabilities(let bounding): try limitCapabilities(to: bounding)
  case .setUser(let user, let group, let supplementary):
    try become(user: user, group: group, supplementary: supplementary)
  case .setCapabilities(let sets): try apply(sets)
  case .loadFilter(let filter): try load(filter)
  default: return false
  }
  return true
}

/// A host without CAP_SYS_RESOURCE may not raise a hard limit. A default then keeps as much as was inherited; what a
/// person asked for fails.
private func apply(_ limit: ResourceLimit) throws(Fault) {
  do throws(Fault) {
    try setResourceLimit(limit.resource, to: LimitPair(soft: limit.soft, hard: limit.hard))
  } catch {
    let inherited = try resourceLimit(limit.resource)
    guard error.errno == .notPermitted, limit.isDefault else {
      throw Fault(
        "setrlimit", error.errno, arguments: "\(limit.name), \(limit.soft), \(limit.hard)",
        hint: error.errno == .notPermitted
          ? "this host allows at most \(inherited.hard) without CAP_SYS_RESOURCE" : nil)
    }
    let hard = min(limit.hard, inherited.hard)
    try setResourceLimit(limit.resource, to: LimitPair(soft: min(limit.soft, hard), hard: hard))
  }
}

/// Lowering the score below what was inherited needs CAP_SYS_RESOURCE (EACCES).
private func setOomScoreAdjustment(_ value: Int, procfs: BorrowedDescriptor) throws(Fault) {
  let path: Path = "self/oom_score_adj"
  let file = try open(path, [.writeOnly], at: procfs)
  // A tmpfs or a bind mount over it would swallow the write, or send it elsewhere (CVE-2019-16884's kind).
  guard try fileSystemStatus(of: file.borrowed).type == .proc else {
    throw Fault("open", .crossDevice, arguments: "\(path.quoted), which is not procfs")
  }
  do throws(Fault) { try file.borrowed.write("\(value)") } catch {
    throw Fault(
      "write", error.errno, arguments: "/proc/\(path), \"\(value)\"",
      hint: error.errno == .accessDenied ? "this host may not lower the OOM score: it has no CAP_SYS_RESOURCE" : nil)
  }
}

/// Drops from the bounding set all that `bounding` does not name, up to the kernel's last capability.
private func limitCapabilities(to bounding: CapabilitySet) throws(Fault) {
  for number in boundingCapabilities().subtracting(bounding).numbers { try dropBoundingCapability(number) }
}

/// Groups first: both calls need what a user other than root no longer has.
private func become(user: UInt32, group: UInt32, supplementary: [UInt32]) throws(Fault) {
  try setKeepsCapabilities(true)
  do throws(Fault) { try setSupplementaryGroups(supplementary) } catch {
    // With the capability this can only be a user namespace whose owner, an ordinary user, had to give setgroups up for the
    // right to map its group: the groups stay as they are, and mean nobody in there.
    guard error.errno == .notPermitted, supplementary.isEmpty,
      try processCapabilities().effective.contains(.setGroup)
    else { throw error }
  }
  try setGroup(group)
  try setUser(user)
  try setKeepsCapabilities(false)
}

private func apply(_ sets: Capabilities) throws(Fault) {
  let wanted = ProcessCapabilities(
    effective: sets.effective, permitted: sets.permitted, inheritable: sets.inheritable)
  do throws(Fault) { try setProcessCapabilities(wanted) } catch {
    guard error.errno == .notPermitted, let held = try? processCapabilities() else { throw error }
    let missing = wanted.permitted.union(wanted.effective).subtracting(held.permitted)
    throw Fault(
      operation: error.operation, error.errno, arguments: error.arguments,
      hint: missing.isEmpty ? nil : "this host does not have \(missing)")
  }
  try clearAmbientCapabilities()
  for number in sets.ambient.numbers { try raiseAmbientCapability(number) }
}

/// The filter, whose listener, when it has one, goes to the parent.
package func load(
  _ filter: SystemCallFilter, sendingListenerWith message: [UInt8], over parent: BorrowedDescriptor
) throws(Fault) {
  guard let call = filter.listenerCall else { return try load(filter) }
  try withRightToFilter { () throws(Fault) in
    try loadSystemCallFilter(
      filter.instructions, flags: filter.flags, sendingListenerWith: message, over: parent,
      manyAtOnce: call == .sendmmsg)
  }
}

private func load(_ filter: SystemCallFilter) throws(Fault) {
  try withRightToFilter { () throws(Fault) in
    try loadSystemCallFilter(filter.instructions, flags: filter.flags)
  }
}

/// Without no_new_privs the kernel wants CAP_SYS_ADMIN in the effective set, which `setUser` has emptied; it is taken from
/// the permitted set for the time of the call.
private func withRightToFilter(_ load: () throws(Fault) -> Void) throws(Fault) {
  do throws(Fault) { try load() } catch {
    guard error.errno == .accessDenied, let before = try? processCapabilities(),
      before.permitted.contains(.systemAdministration), !before.effective.contains(.systemAdministration)
    else { throw error }
    var raised = before
    raised.effective.insert(.systemAdministration)
    try setProcessCapabilities(raised)
    try load()
    try setProcessCapabilities(before)
  }
}
