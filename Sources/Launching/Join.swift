package import Inside
package import Kernel
package import Planning
internal import Cgroups
internal import Steps
internal import Systemd

// `exec`: one more program in a running container. Planning/ExecPlan.swift draws who clones whom.

/// A program that was started in a running container; the caller reaps it.
@frozen package struct JoinedProcess: ~Copyable {
  package var process: ProcessIdentifier
  package var pidfd: Descriptor
  /// The caller's end of its pseudo terminal.
  package var terminal: Descriptor?
  /// How long each step took, when that was asked for; those of `joining` count as building.
  package var timings: [StepTiming]
}

/// Performs the plan up to the running program. The caller is single-threaded and runs from a sealed executable.
///
/// - Parameters:
///   - container: a pidfd of the container's first process.
///   - executable: what `sealExecutable` left open, closed here.
///   - toolbox: for a plan that enters one.
///
/// Where the plan has processors for the way in, they stay the caller's too.
package func join(
  _ plan: ExecPlan, container: BorrowedDescriptor, streams: StandardStreams, isTimed: Bool = false,
  executable: BorrowedDescriptor? = nil, toolbox: Toolbox? = nil
) throws(PlanFailure) -> JoinedProcess {
  let pair = try described(plan) { () throws(Fault) in try makeSocketPair(.sequencedPacket) }
  let early = try settle(plan)
  let own = try described(plan) { () throws(Fault) in try enterProcessNamespace(plan, container) }
  var isOutside = false
  let result = try described(plan) { () throws(Fault) in try cloneJoiner(plan, own.view, &isOutside) }
  switch consume result {
  case .child:
    try? Descriptor(owning: pair.first.release()).close()
    let end = BorrowedDescriptor(rawValue: pair.second.release())
    close(executable)
    Joiner(
      plan: plan, container: container, parent: end, streams: streams, isTimed: isTimed,
      scope: isOutside ? plan.scope : nil, toolbox: toolbox
    ).run(from: early)
  case .parent(let process, let pidfd):
    let channel = pair.first
    try? Descriptor(owning: pair.second.release()).close()
    close(executable)
    leave(own.view)
    if plan.clonesOnce { return try listen(to: channel.borrowed, plan, process, pidfd) }
    // The joiner leaves as soon as its sibling is born or the plan has failed.
    defer { _ = try? wait(for: .pidfd(pidfd.borrowed)) }
    return try listen(to: channel.borrowed, plan, nil, nil)
  }
}

/// The processors for the way in, which are asked for before the control group has a say: the joiner is born in that.
///
/// - Returns: how many steps of `joining` this was.
private func settle(_ plan: ExecPlan) throws(PlanFailure) -> Int {
  guard plan.cgroup != nil else { return 0 }
  for (index, step) in plan.joining.enumerated() {
    guard case .process(.set(.processors(let list))) = step else { return index }
    do throws(Fault) { try setProcessorAffinity(list.words) } catch {
      throw PlanFailure(phase: .building, index: index, step: step, fault: error)
    }
  }
  return plan.joining.count
}

/// The caller's next children are born in the container's pid namespace.
///
/// - Returns: the caller's own; nil where there is nothing to enter before the clone.
private func enterProcessNamespace(_ plan: ExecPlan, _ container: BorrowedDescriptor) throws(Fault) -> Descriptor? {
  guard plan.clonesOnce, plan.joins(.process) else { return nil }
  // Nobody in there may look into the child through ptrace or /proc before it is the program (CVE-2019-5736): it is born so.
  try setDumpable(false)
  let own = try open("/proc/self/ns/pid", .readOnly)
  try joinNamespaces(of: container, .process)
  return own
}

private func leave(_ own: BorrowedDescriptor?) {
  if let own { try? joinNamespace(own, .process) }
}

/// The joiner is born in the container's group, and what it clones with it. It could not send its own child there: systemd
/// mounts v2 with nsdelegate, and then nobody comes in from outside who is in the container's cgroup namespace (ENOENT).
///
/// - Parameter isOutside: it is not there, and systemd is to move it.
private func cloneJoiner(
  _ plan: ExecPlan, _ own: BorrowedDescriptor?, _ isOutside: inout Bool
) throws(Fault) -> CloneResult {
  do throws(Fault) { return try cloneIntoGroup(plan, &isOutside) } catch {
    leave(own)
    throw error
  }
}

private func cloneIntoGroup(_ plan: ExecPlan, _ isOutside: inout Bool) throws(Fault) -> CloneResult {
  guard let path = plan.cgroup else { return try clone(namespaces: []) }
  do throws(Fault) { return try clone(into: path) } catch {
    // An ordinary user's process that is in no group of the user's own (cgroups(7), "Cgroups v2 delegation").
    if plan.scope != nil, error.errno == .accessDenied || error.errno == .notPermitted {
      isOutside = true
      return try clone(namespaces: [])
    }
    if error.errno == .accessDenied {
      throw error.hinted(
        "this command is outside of the control groups that were handed to this user, and may put nobody into them: "
          + "call it from where the container was started")
    }
    guard error.errno == .busy, let leader = plan.leader, let group = try CgroupLayout.detect().unifiedGroup(of: leader)
    else { throw error }
    return try clone(into: group)
  }
}

private func clone(into path: Path) throws(Fault) -> CloneResult {
  let cgroup = try open(path, [.path, .directory])
  return try clone(namespaces: [], cgroup: cgroup.borrowed)
}

/// - Parameter process: who becomes the program, where that is known already.
private func listen(
  to channel: BorrowedDescriptor, _ plan: ExecPlan, _ process: ProcessIdentifier?, _ pidfd: consuming Descriptor?
) throws(PlanFailure) -> JoinedProcess {
  var process = process
  var pidfd = pidfd
  var terminal: Descriptor? = nil
  var isStarting = false
  var timings: [StepTiming] = []
  var buffer = [UInt8](repeating: 0, count: ChildMessage.limit)
  while true {
    var message = try described(plan) { () throws(Fault) in try receiveFromChild(channel, into: &buffer) }
    guard message.count > 0 else { break }
    switch ChildMessage(bytes: buffer[..<message.count]) {
    case .process(let identifier):
      process = identifier
      pidfd = message.descriptors.take()
    case .terminal: terminal = message.descriptors.take()
    case .starting: isStarting = true
    case .listener:
      let listener = message.descriptors.take()
      let view = listener.view
      do throws(PlanFailure) {
        try described(plan) { () throws(Fault) in
          try hand(over: view, to: plan.listener, of: process ?? 0, channel)
        }
      } catch {
        if let pidfd {
          try? sendSignal(9, to: pidfd.borrowed)
          _ = try? wait(for: .pidfd(pidfd.borrowed))
        }
        throw error
      }
    case .timing(let phase, let index, let nanoseconds):
      timings.append(StepTiming(phase: phase, index: index, nanoseconds: nanoseconds))
    case .built, .waiting, nil: break
    case .failed(let phase, let index, let fault):
      if let pidfd { _ = try? wait(for: .pidfd(pidfd.borrowed)) }
      let steps = phase == .building ? plan.joining : plan.finishing
      throw PlanFailure(
        phase: phase, index: index, step: steps.indices.contains(index) ? steps[index] : nil, fault: fault)
    }
  }
  guard isStarting, let process, let pidfd = pidfd.take() else {
    // Its end is ours to see: once we are gone it would be a zombie of the container's first process.
    if let pidfd { _ = try? wait(for: .pidfd(pidfd.borrowed)) }
    throw PlanFailure(
      phase: .clone, index: 0, step: nil,
      fault: Fault(
        "clone3", .noSuchProcess, arguments: "the new process of the container",
        hint: "it was killed before its program started: the container may have ended meanwhile"))
  }
  return JoinedProcess(process: process, pidfd: pidfd, terminal: terminal, timings: timings)
}

private func described<Value: ~Copyable>(
  _ plan: ExecPlan, _ body: () throws(Fault) -> Value
) throws(PlanFailure) -> Value {
  do throws(Fault) { return try body() } catch {
    throw PlanFailure(phase: .clone, index: 0, step: nil, fault: error)
  }
}

/// The process that joins: it enters cgroups and namespaces, and becomes the program or clones the one that does.
private struct Joiner {
  let plan: ExecPlan
  /// Its number may mean another process by now; this cannot.
  let container: BorrowedDescriptor
  let parent: BorrowedDescriptor
  let streams: StandardStreams
  let isTimed: Bool
  /// Of which it is to become a part; nil when it was born there.
  let scope: ExecPlan.Scope?
  let toolbox: Toolbox?

  consuming func run(from first: Int) -> Never {
    // Nobody inside may look into this process through ptrace or /proc before it is the program (CVE-2019-5736).
    try? setDumpable(false)
    // First of all, while the bus and the host's groups are in sight.
    do throws(Fault) { try enterScope() } catch { fail(.clone, 0, error) }
    for index in plan.joining.indices.dropFirst(first) {
      passKillSwitch("joining", index)
      let begin = isTimed ? monotonicNanoseconds() : 0
      do throws(Fault) { try perform(plan.joining[index]) } catch { fail(.building, index, error) }
      if isTimed {
        let timing = ChildMessage.timing(phase: .building, index: index, nanoseconds: monotonicNanoseconds() - begin)
        _ = try? parent.sendMessage(timing.bytes)
      }
    }
    if plan.clonesOnce { becomeProgram() }
    do throws(Fault) { try cloneProgram() } catch { fail(.clone, 0, error) }
    exitNow(0)
  }

  private func enterScope() throws(Fault) {
    guard let scope else { return }
    var manager = try SystemdManager(isUser: true)
    do throws(Fault) { try manager.attach(to: scope.name, subgroup: scope.subgroup) } catch {
      // As for who is born in a group: the leader's own, when it made groups below and left this one.
      guard let leader = plan.leader, let top = plan.cgroup?.string,
        let group = try CgroupLayout.detect().unifiedGroup(of: leader)?.string, group.hasPrefix(top + "/")
      else { throw error }
      try manager.attach(to: scope.name, subgroup: scope.subgroup + group.dropFirst(top.count))
    }
  }

  private func perform(_ step: Step) throws(Fault) {
    switch step {
    case .cgroup(let step): try Cgroups.perform(step)
    case .process(.joinNamespaces(let namespaces, _)):
      try joinNamespaces(of: container, plan.clonesOnce ? namespaces.subtracting(.process) : namespaces)
    case .process(.set(.processors(let list))): try setProcessorAffinity(list.words)
    // What follows is inherited by the program's process, which could not do it: it is in the container's user namespace.
    case .process(.setOomScoreAdjustment(let value)): try writeControl("/proc/self/oom_score_adj", "\(value)")
    case .process(.allowLimits(let limits)):
      for limit in limits { try allow(limit, for: 0) }
    default: throw Fault("plan", .invalid, arguments: "this step does not join anything")
    }
  }

  private func becomeProgram() -> Never {
    var program = LaunchPlan(finishing: plan.finishing, hasTerminal: plan.hasTerminal)
    program.stagingTarget = plan.stagingTarget
    program.preservedDescriptors = plan.preservedDescriptors
    ContainerProcess(plan: program, parent: parent, streams: streams, isTimed: isTimed, toolbox: toolbox).run()
  }

  private func cloneProgram() throws(Fault) {
    switch try clone(namespaces: [], isSibling: true) {
    case .child: becomeProgram()
    case .parent(let process, let pidfd):
      _ = try parent.sendMessage(ChildMessage.process(process).bytes, descriptors: [pidfd.borrowed])
    }
  }

  private func fail(_ phase: Phase, _ index: Int, _ fault: Fault) -> Never {
    _ = try? parent.sendMessage(ChildMessage.failed(phase: phase, index: index, fault).bytes)
    exitNow(125)
  }
}
