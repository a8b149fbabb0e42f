package import Inside
package import Kernel
internal import Mounts
internal import Netlink
package import Planning
internal import Steps

// The same as Launch.swift where another OCI runtime makes the container: Planning/RuntimePlan.swift draws it.

/// Performs the plan up to the running program. When anything fails, all that was made is taken back before the failure is
/// thrown. The caller must be single-threaded.
///
/// - Parameters:
///   - said: the end to read of the container's standard error, for what the runtime says there.
///   - interest: a socket whose other end is closed when nobody wants the container any more.
package func launchByRuntime(
  _ plan: LaunchPlan, streams: StandardStreams, said: BorrowedDescriptor?, interest: BorrowedDescriptor?,
  isTimed: Bool = false
) throws(PlanFailure) -> LaunchedContainer {
  var launcher = RuntimeLauncher(plan: plan, isTimed: isTimed)
  do throws(PlanFailure) {
    return try launcher.run(RuntimeCallScene(streams: streams, said: said, mounts: plan.joining, interest: interest))
  } catch {
    throw launcher.abandon(because: error)
  }
}

private struct RuntimeLauncher: ~Copyable {
  let plan: LaunchPlan
  let isTimed: Bool
  /// Undo of what was done, latest last.
  var done: [Step] = []
  var timings: [StepTiming] = []
  var nameSockets: OpenedNameSockets?
  /// The container's first process, while it may have to be killed.
  var child: Descriptor?

  init(plan: LaunchPlan, isTimed: Bool) {
    self.plan = plan
    self.isTimed = isTimed
  }

  mutating func run(_ scene: RuntimeCallScene) throws(PlanFailure) -> LaunchedContainer {
    guard let runtime = plan.runtime else {
      throw failure(.clone, 0, Fault("plan", .invalid, arguments: "no runtime is named"))
    }
    // Whatever it has put in there, all of it goes.
    done.append(.file(.removeTree(runtime.directory)))
    try perform(.host) { (step) throws(Fault) in try performOnHost(step, container: nil) }
    let console = try at(.clone, 0) { () throws(Fault) in try RuntimeConsole.listening(at: runtime.console) }
    // Whom it leaves behind is this process's child then: so its end is seen here.
    try at(.clone, 0) { () throws(Fault) in try setChildSubreaper(true) }
    defer { try? setChildSubreaper(false) }
    // Before the call, for what that leaves half done.
    if let undo = plan.cloneStep.undo { done.append(undo) }
    try create(runtime, scene, console)
    let process = try at(.clone, 0) { () throws(Fault) in try adoptedProcess(runtime.processFile) }
    passKillSwitch("clone", 1)
    child = try at(.clone, 0) { () throws(Fault) in try openChild(process) }
    let terminal = try at(.clone, 0) { () throws(Fault) in try console.take() }
    let network = try at(.clone, 0) { () throws(Fault) in try networkNamespace(of: process) }
    let container = Container(process: process, network: network.borrowed)
    var opened: OpenedNameSockets?
    try perform(.wiring) { (step) throws(Fault) in
      if case .network(.openNameSockets(let redirect)) = step {
        opened = try openNameSockets(redirect, in: container.network)
        return true
      }
      return try performOnHost(step, container: container)
    }
    nameSockets = opened.take()
    try perform(.finishing) { (step) throws(Fault) in
      guard case .network(let step) = step else { return try performOnHost(step, container: container) }
      try insideNetwork(of: container.network) { () throws(Fault) in try Netlink.perform(step) }
      return true
    }
    guard let pidfd = child.take() else { preconditionFailure("it was opened above") }
    return LaunchedContainer(
      process: process, pidfd: pidfd, terminal: consume terminal, nameSockets: nameSockets.take(),
      undo: done.reversed(), links: [], timings: timings)
  }

  private mutating func create(
    _ runtime: RuntimePlan, _ scene: RuntimeCallScene, _ console: borrowing RuntimeConsole
  ) throws(PlanFailure) {
    passKillSwitch("clone", 0)
    var scene = scene
    scene.replacement = console.replacement
    // Its terminal is the container's; what it has to say itself goes nowhere else then.
    if runtime.console != nil {
      scene.streams = nil
      scene.said = nil
    }
    let begin = monotonicNanoseconds()
    do throws(RuntimeFailure) { try runtime.call.run(in: scene) } catch {
      throw error.step.map { failure(.joining, $0, error.fault) } ?? failure(.clone, 0, error.fault)
    }
    if isTimed {
      timings.append(StepTiming(phase: .clone, index: 0, nanoseconds: monotonicNanoseconds() - begin))
    }
  }

  mutating func abandon(because failure: PlanFailure) -> PlanFailure {
    var failure = failure
    if let pidfd = child.take() {
      try? sendSignal(Signal.kill, to: pidfd.borrowed)
      _ = try? wait(for: .pidfd(pidfd.borrowed))
    }
    for fault in performUndo(done.reversed()) {
      failure.fault.hint = [failure.fault.hint, "and to take it back failed: \(fault)"].compactMap { $0 }
        .joined(separator: "; ")
    }
    done = []
    return failure
  }

  private mutating func perform(
    _ phase: Phase, _ body: (Step) throws(Fault) -> Bool
  ) throws(PlanFailure) {
    for (index, step) in plan[phase].enumerated() {
      passKillSwitch("\(phase)", index)
      let begin = isTimed ? monotonicNanoseconds() : 0
      let isNew = try at(phase, index) { () throws(Fault) in try body(step) }
      // Files are gone with their directory, and what is changed inside with the container: here that would be the host's.
      if isNew, phase != .finishing, let undo = step.undo, !step.isFile { done.append(undo) }
      if isTimed {
        timings.append(StepTiming(phase: phase, index: index, nanoseconds: monotonicNanoseconds() - begin))
      }
    }
  }

  private func at<Value: ~Copyable>(
    _ phase: Phase, _ index: Int, _ body: () throws(Fault) -> Value
  ) throws(PlanFailure) -> Value {
    do throws(Fault) { return try body() } catch { throw failure(phase, index, error) }
  }

  private func failure(_ phase: Phase, _ index: Int, _ fault: Fault) -> PlanFailure {
    let steps = plan[phase]
    return PlanFailure(
      phase: phase, index: index, step: steps.indices.contains(index) ? steps[index] : nil, fault: fault)
  }
}

extension Step {
  fileprivate var isFile: Bool { if case .file = self { true } else { false } }
}

/// The number that a runtime wrote down.
func adoptedProcess(_ file: Path) throws(Fault) -> ProcessIdentifier {
  let text = try readText(file, limit: 64)
  guard let process = ProcessIdentifier(text.filter { $0 != "\n" && $0 != " " }), process > 1 else {
    throw Fault("read", .badMessage, arguments: "\(file.quoted), where the runtime writes the number of its process")
  }
  return process
}

/// The process that a runtime left behind, which is a child of this one by now.
func openChild(_ process: ProcessIdentifier) throws(Fault) -> Descriptor {
  let pidfd = try openProcess(process)
  do throws(Fault) {
    // ECHILD: somebody else's, and so not what a runtime of this process's made.
    guard try wait(for: .pidfd(pidfd.borrowed), block: false) == nil else {
      throw Fault("waitid", .noSuchProcess, arguments: "\(process)", hint: "the container's process has just ended")
    }
  } catch {
    if error.errno != .noChild { throw error }
    throw Fault(
      "waitid", .noChild, arguments: "\(process)",
      hint: "the runtime named a process that is not its own, or has somebody else wait for it")
  }
  return pidfd
}
