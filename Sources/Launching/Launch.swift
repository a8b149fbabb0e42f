package import Inside
package import Kernel
package import Planning
internal import Steps
internal import Mounts
internal import Netlink

// The parent's half. The protocol is drawn in Inside/SyncProtocol.swift, the phases in Planning/LaunchPlan.swift.

/// Performs the plan up to the running program. When anything fails, all that was made is taken back before the failure
/// is thrown; what could not be taken back is named in its hint.
///
/// The caller must be single-threaded: the child is a fork that goes on in ordinary Swift.
///
/// - Parameters:
///   - startSocket: where the container is started, for a plan that waits for that: the launch is over when it waits there.
///   - executable: what `sealExecutable` left open, closed here.
///   - lock: held by the caller alone: the child, a copy of it, gives it up at once.
///   - onBirth: called as soon as there is a process, for who keeps a record of it.
package func launch(
  _ plan: LaunchPlan, streams: StandardStreams, isTimed: Bool = false, startSocket: BorrowedDescriptor? = nil,
  executable: BorrowedDescriptor? = nil, lock: BorrowedDescriptor? = nil,
  onBirth: (ProcessIdentifier) throws(Fault) -> Void = { (_) throws(Fault) in }
) throws(PlanFailure) -> LaunchedContainer {
  var launcher = Launcher(plan: plan, isTimed: isTimed, startSocket: startSocket, executable: executable, lock: lock)
  do throws(PlanFailure) {
    return try launcher.run(streams: streams, onBirth: onBirth)
  } catch {
    throw launcher.abandon(because: error)
  }
}

/// The child and the parent's end of the socket to it.
struct Child: ~Copyable {
  var process: ProcessIdentifier
  var channel: Descriptor
}

/// One launch: the parent's half of the protocol. What the child says meanwhile is heard in Launcher+Listening.swift.
struct Launcher: ~Copyable {
  let plan: LaunchPlan
  let isTimed: Bool
  /// Undo of what was done, latest last.
  var done: [Step] = []
  var timings: [StepTiming] = []
  let startSocket: BorrowedDescriptor?
  let executable: BorrowedDescriptor?
  let lock: BorrowedDescriptor?
  /// Its number, once it is born.
  var process: ProcessIdentifier = 0
  /// The child while it may have to be killed: until its program runs.
  var child: Descriptor?
  /// Its network namespace. While that is open, links that were moved there outlast the process.
  var network: Descriptor?
  /// Those links.
  var links: [LinkReturn] = []
  /// Our end of the pseudo terminal, once the child has sent it.
  var terminal: Descriptor?
  /// Where the container asks for names.
  var nameSockets: OpenedNameSockets?

  init(
    plan: LaunchPlan, isTimed: Bool, startSocket: BorrowedDescriptor?, executable: BorrowedDescriptor?,
    lock: BorrowedDescriptor?
  ) {
    self.plan = plan
    self.isTimed = isTimed
    self.startSocket = startSocket
    self.executable = executable
    self.lock = lock
  }

  mutating func run(
    streams: StandardStreams, onBirth: (ProcessIdentifier) throws(Fault) -> Void
  ) throws(PlanFailure) -> LaunchedContainer {
    let files = try at(.joining, 0) { () throws(Fault) in try NamespaceFiles(opening: plan.joined) }
    try perform(.host, container: nil, notify: nil)
    let child = try cloneChild(streams: streams, namespaces: files.descriptors)
    let (process, channel) = (child.process, child.channel.borrowed)
    self.process = process
    try at(.clone, 0) { () throws(Fault) in try onBirth(process) }
    do throws(PlanFailure) {
      let namespace = try at(.clone, 0) { () throws(Fault) in
        // One that is joined the child may not be in yet.
        guard let index = plan.joined.firstIndex(where: { $0.namespace == .network }) else {
          return try networkNamespace(of: process)
        }
        return try files.descriptors[index].duplicate()
      }
      let container = Container(process: process, network: namespace.borrowed)
      network = consume namespace
      try perform(.wiring, container: container, notify: channel)
    } catch {
      // What is done to a child that has ended fails too, and is not the reason.
      throw lastWords(on: channel) ?? error
    }
    // A child that has failed meanwhile has closed its end: its message says why, not this send.
    _ = try? channel.sendMessage([1])
    close(executable)
    try listen(to: channel)
    guard let pidfd = self.child.take() else { preconditionFailure("the child was cloned above") }
    return LaunchedContainer(
      process: process, pidfd: pidfd, terminal: terminal.take(), nameSockets: nameSockets.take(),
      undo: done.reversed(), links: links, timings: timings)
  }

  /// Takes back what was done, and says so when that fails too.
  mutating func abandon(because failure: PlanFailure) -> PlanFailure {
    var failure = failure
    if let pidfd = child.take() {
      // The child waits for a go that will not come, or has ended already.
      try? sendSignal(9, to: pidfd.borrowed)
      _ = try? wait(for: .pidfd(pidfd.borrowed))
    }
    for fault in returned() + performUndo(done.reversed()) {
      failure.fault.hint = [failure.fault.hint, "and to take it back failed: \(fault)"].compactMap { $0 }
        .joined(separator: "; ")
    }
    done = []
    return failure
  }

  /// Moves back what was moved to the container, which has ended.
  private mutating func returned() -> [Fault] {
    defer { links = [] }
    guard let view = network.view else { return [] }
    return takeBack(links, from: Container(process: process, network: view))
  }

  private mutating func cloneChild(
    streams: StandardStreams, namespaces: [BorrowedDescriptor]
  ) throws(PlanFailure) -> Child {
    passKillSwitch("clone", 0)
    let begin = monotonicNanoseconds()
    let pair = try at(.clone, 0) { () throws(Fault) in try makeSocketPair(.sequencedPacket) }
    let plan = plan
    let passes = !plan.joining.isEmpty
    let result = try at(.clone, 0) { () throws(Fault) in
      let made = passes ? [] : plan.namespaces
      guard let path = plan.cgroup else { return try clone(namespaces: made) }
      let cgroup = try open(path, [.path, .directory])
      return try clone(namespaces: made, cgroup: cgroup.borrowed)
    }
    switch consume result {
    case .child:
      // Given up rather than borrowed: with its owner's other half consumed, a view would outlive the descriptor.
      let end = BorrowedDescriptor(rawValue: pair.second.release())
      // The parent's end must not live on in the child, or its death would never be seen.
      try? Descriptor(owning: pair.first.release()).close()
      close(executable)
      close(lock)
      if passes { PassingProcess(plan: plan, parent: end, namespaces: namespaces, isTimed: isTimed).run() }
      ContainerProcess(
        plan: plan, parent: end, streams: streams, isTimed: isTimed, startSocket: startSocket, namespaces: namespaces
      ).run()
    case .parent(let process, let pidfd):
      child = consume pidfd
      // Its copy in the parent would keep the end of a child that is gone from being seen.
      try? Descriptor(owning: pair.second.release()).close()
      let process = passes ? try awaitSibling(on: pair.first.borrowed) : process
      if isTimed {
        timings.append(StepTiming(phase: .clone, index: 0, nanoseconds: monotonicNanoseconds() - begin))
      }
      return Child(process: process, channel: pair.first)
    }
  }

  private mutating func perform(
    _ phase: Phase, container: Container?, notify channel: BorrowedDescriptor?
  ) throws(PlanFailure) {
    let steps = plan[phase]
    for index in steps.indices {
      passKillSwitch("\(phase)", index)
      let begin = isTimed ? monotonicNanoseconds() : 0
      let step = steps[index]
      if case .process(.awaitBuilt) = step, let channel {
        try listen(to: channel, until: .built)
        continue
      }
      var moved: LinkReturn?
      var opened: OpenedNameSockets?
      let isNew = try at(phase, index) { () throws(Fault) in
        if case .mount(.openSources(let steps, let owner)) = step, let container, let channel {
          return try handOver(steps, owner: owner, to: container, channel)
        }
        if case .network(.openNameSockets(let redirect)) = step, let container {
          opened = try openNameSockets(redirect, in: container.network)
          return true
        }
        if case .network(.moveLink(let move)) = step, let container {
          moved = try moveLink(move, into: container.network)
          return true
        }
        return try performOnHost(step, container: container)
      }
      if isNew, let undo = step.undo { done.append(undo) }
      if let moved { links.append(moved) }
      if let opened = opened.take() { nameSockets = consume opened }
      if isTimed {
        timings.append(StepTiming(phase: phase, index: index, nanoseconds: monotonicNanoseconds() - begin))
      }
    }
  }

  /// A child in a user namespace can do nothing before its ids are mapped, and open nothing of the host: it waits for a go
  /// of its own, with which it gets what its mounts take from the host.
  private func handOver(
    _ steps: [MountStep], owner: HostIdentity?, to container: Container, _ channel: BorrowedDescriptor
  ) throws(Fault) -> Bool {
    guard !steps.isEmpty else {
      _ = try? channel.sendMessage([1])
      return true
    }
    let namespace = try open("/proc/\(container.process)/ns/user", .readOnly)
    let sources = try openSources(of: steps, userNamespace: namespace.borrowed, owner: owner)
    guard sources.descriptors.count <= 253 else {
      throw Fault(
        "sendmsg", .tooManyOpenFiles, arguments: "\(sources.descriptors.count) mounts",
        hint: "a container with a user namespace takes at most 253 mounts from the host")
    }
    // A child that has failed meanwhile has closed its end: its message says why, not this send.
    _ = try? channel.sendMessage([1], descriptors: sources.descriptors)
    return true
  }

  func planFailure(_ phase: Phase, _ index: Int, _ fault: Fault) -> PlanFailure {
    let steps = plan[phase]
    return PlanFailure(
      phase: phase, index: index, step: steps.indices.contains(index) ? steps[index] : nil, fault: fault)
  }

  func at<Value: ~Copyable>(
    _ phase: Phase, _ index: Int, _ body: () throws(Fault) -> Value
  ) throws(PlanFailure) -> Value {
    do throws(Fault) { return try body() } catch { throw planFailure(phase, index, error) }
  }
}

/// The last to close the sealed executable waits for RCU: the child closes it at once, and the parent when it would wait for the
/// child anyway.
func close(_ descriptor: BorrowedDescriptor?) {
  if let descriptor { _ = Descriptor(owning: descriptor.rawValue) }
}
