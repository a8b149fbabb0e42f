internal import Cgroups
internal import Firewall
internal import Inside
internal import Mounts
internal import Netlink
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
  case .cgroup(let step): try Cgroups.perform(step)
  case .network(let step): try Netlink.perform(step, container: container?.network)
  case .process(.mapIdentifiers(let users, let groups, let writer)):
    guard let container else { throw misplaced(step) }
    try writeMaps(of: container.process, users: users, groups: groups, by: writer)
  case .process(.runHook(let hook)):
    guard let container else { throw misplaced(step) }
    try call(hook, process: container.process)
  case .process, .mount: throw misplaced(step)
  }
  return true
}

/// Performs one step that needs no container. False when what it would make was there already.
package func performOnHost(_ step: Step) throws(Fault) -> Bool { try performOnHost(step, container: nil) }

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

private func misplaced(_ step: Step) -> Fault {
  Fault("plan", .invalid, arguments: "a step of the container stands in its parent: \(step)")
}

func networkNamespace(of process: ProcessIdentifier) throws(Fault) -> Descriptor {
  try open("/proc/\(process)/ns/net", .readOnly)
}
