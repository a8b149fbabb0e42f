internal import CNI
internal import Cgroups
internal import Firewall
internal import Inside
internal import Mounts
internal import Netlink
internal import Systemd
package import Kernel
package import Steps

/// The container that a step of the parent is for.
package struct Container: Sendable {
  package var process: ProcessIdentifier
  /// Its network namespace.
  package var network: BorrowedDescriptor
}

/// Performs one step in the parent. False when it found what it would have made: then it is not this plan's to undo.
func performOnHost(_ step: Step, container: Container?) throws(Fault) -> Bool {
  switch step {
  case .file(let step): return try perform(step)
  case .cgroup(.admit(let group, let isV2)):
    guard let container else { throw misplaced(step) }
    try writeControl(group.appending(isV2 ? "cgroup.procs" : "tasks"), "\(container.process)")
  case .cgroup(.startUnit(let unit, _)):
    guard let container else { throw misplaced(step) }
    var manager = try SystemdManager(isUser: unit.isUser)
    try manager.start(unit, processes: [container.process])
  case .cgroup(.enterScope(let unit)): try enter(unit)
  case .cgroup(.setUnit(let unit)):
    var manager = try SystemdManager(isUser: unit.isUser)
    try manager.set(unit.properties, of: unit.name)
  case .cgroup(.stopUnit(let name, let isUser, let groups)): try stopUnit(name, isUser: isUser, groups)
  case .cgroup(let step): try Cgroups.perform(step)
  case .network(.joinPlugins(let network)):
    guard let container else { throw misplaced(step) }
    try join(network, namespace: Path("/proc/\(container.process)/ns/net"))
  case .network(.startForwarder(let forwarder)):
    guard let container else { throw misplaced(step) }
    try start(forwarder, for: container.network)
  // By the supervisor, which has its sockets.
  case .network(.startRelay): throw misplaced(step)
  case .network(.stopForwarder(let record)): try stopForwarder(recordedIn: record)
  case .network(let step): try Netlink.perform(step, container: container?.network)
  case .process(.mapIdentifiers(let users, let groups, let writer)):
    guard let container else { throw misplaced(step) }
    try writeMaps(of: container.process, users: users, groups: groups, by: writer)
  case .process(.runHook(let hook)):
    guard let container else { throw misplaced(step) }
    try call(hook, process: container.process)
  case .process(.callRuntime(let call)): try perform(call)
  case .process(.allowLimits(let limits)):
    guard let container else { throw misplaced(step) }
    for limit in limits { try allow(limit, for: container.process) }
  case .process(.setOomScoreAdjustment(let value)):
    guard let container else { throw misplaced(step) }
    try writeControl("/proc/\(container.process)/oom_score_adj", "\(value)")
  case .process, .mount: throw misplaced(step)
  }
  return true
}

/// Performs one step that needs no container. False when what it would make was there already.
package func performOnHost(_ step: Step) throws(Fault) -> Bool { try performOnHost(step, container: nil) }

/// A scope of this name that is there already is what a killed caller left: it is ended first.
private func enter(_ scope: SystemdUnit) throws(Fault) {
  var manager = try SystemdManager(isUser: scope.isUser)
  do throws(Fault) { try manager.start(scope, processes: [processIdentifier()]) } catch {
    guard error.errno == .exists else { throw error }
    try manager.stop(scope.name)
    try manager.start(scope, processes: [processIdentifier()])
  }
}

/// systemd kills and removes what is its own. What it does not know, or is not there to remove, is removed all the same.
private func stopUnit(_ name: String, isUser: Bool, _ groups: [Path]) throws(Fault) {
  var first: Fault?
  // systemd asks first, with SIGTERM, and waits up to 90 seconds for an answer.
  for group in groups { try? killAll(in: group) }
  do throws(Fault) {
    var manager = try SystemdManager(isUser: isUser)
    try manager.stop(name)
  } catch {
    // A user's own systemd ends with the last session, and what it managed with it.
    let isGone = error.errno == .noSuchFile || error.errno == .connectionRefused
    if !isUser || !isGone { first = error }
  }
  for group in groups {
    do throws(Fault) { try Cgroups.perform(.remove(group)) } catch { first = first ?? error }
  }
  if let first { throw first }
}

/// Takes steps back, in the order given. It goes on past every fault and returns them all.
package func performUndo(_ steps: [Step]) -> [Fault] {
  var faults: [Fault] = []
  for (index, step) in steps.enumerated() {
    passKillSwitch("undo", index)
    do throws(Fault) { _ = try performOnHost(step, container: nil) } catch {
      // What is gone already needs no taking back.
      if error.errno != .noSuchFile && error.errno != .noSuchDevice { faults.append(error) }
    }
  }
  return faults
}

/// Moves links back from a container, last first. It goes on past every fault and returns them all.
func takeBack(_ links: [LinkReturn], from container: Container) -> [Fault] {
  var faults: [Fault] = []
  for link in links.reversed() {
    do throws(Fault) { _ = try performOnHost(.network(.returnLink(link)), container: container) } catch {
      faults.append(error)
    }
  }
  return faults
}

extension LaunchedContainer {
  /// Moves back the links that were moved into it, for whoever is about to end it: with its namespace they might go too.
  package borrowing func takeBackLinks() throws(Fault) {
    guard !links.isEmpty else { return }
    let namespace = try networkNamespace(of: process)
    let faults = takeBack(links, from: Container(process: process, network: namespace.borrowed))
    if let fault = faults.first { throw fault }
  }
}

private func misplaced(_ step: Step) -> Fault {
  Fault("plan", .invalid, arguments: "a step of the container stands in its parent: \(step)")
}

func networkNamespace(of process: ProcessIdentifier) throws(Fault) -> Descriptor {
  try open("/proc/\(process)/ns/net", .readOnly)
}

/// Raises a hard limit of a process, 0 being the caller. Only ever upwards: what the child is to have less of, it lowers
/// when it needs no more.
func allow(_ limit: ResourceLimit, for process: ProcessIdentifier) throws(Fault) {
  do throws(Fault) {
    let now = try resourceLimit(limit.resource, of: process)
    guard limit.hard > now.hard else { return }
    try setResourceLimit(limit.resource, to: LimitPair(soft: now.soft, hard: limit.hard), of: process)
  } catch {
    // Without CAP_SYS_RESOURCE the child says what is missing, by name, or keeps what it has of a default.
    guard error.errno == .notPermitted else { throw error }
  }
}
