package import Kernel
package import Planning
internal import Cgroups
internal import Mounts
internal import Netlink
internal import Privileges
internal import Rooted
internal import Steps
internal import Terminals

/// What the program gets as its standard streams when it has no terminal. The launcher keeps them open across the clone.
package struct StandardStreams: Sendable {
  package var input: BorrowedDescriptor
  package var output: BorrowedDescriptor
  package var errors: BorrowedDescriptor
  package init(input: BorrowedDescriptor, output: BorrowedDescriptor, errors: BorrowedDescriptor) {
    self.input = input
    self.output = output
    self.errors = errors
  }
}

/// The child after the clone: it performs its half of the plan and becomes the program, or reports why not.
package struct ContainerProcess: ~Copyable {
  private let plan: LaunchPlan
  /// Who waits for this process: at first its parent, for `create` later whoever starts it.
  private var parent: BorrowedDescriptor
  /// Where somebody starts it, when the plan waits for that.
  private let startSocket: BorrowedDescriptor?
  private let streams: StandardStreams
  private let isTimed: Bool
  /// Open on the namespaces that the plan joins, in its order.
  private let namespaces: [BorrowedDescriptor]
  private var mounts = MountExecutor()
  /// From the first of several network steps to the last: the namespace is one, and nothing else finds it open.
  private var routes: RouteSocket?
  private let toolbox: Toolbox?
  /// The terminal's own end, while `building` has opened it and the program does not have it yet.
  private var terminal: Descriptor?
  private var hasPreparedDescriptors = false
  /// Whether the standard streams are the terminal's already.
  private var hasTerminal = false

  package init(
    plan: LaunchPlan, parent: BorrowedDescriptor, streams: StandardStreams, isTimed: Bool,
    startSocket: BorrowedDescriptor? = nil, namespaces: [BorrowedDescriptor] = [], toolbox: Toolbox? = nil
  ) {
    self.toolbox = toolbox
    mounts.toolbox = toolbox?.mount
    self.namespaces = namespaces
    self.plan = plan
    self.parent = parent
    self.startSocket = startSocket
    self.streams = streams
    self.isTimed = isTimed
    self.terminal = nil
  }

  package consuming func run() -> Never {
    perform(.building)
    perform(.finishing)
    // A plan ends in `execute`, which does not return.
    exitNow(125)
  }

  private mutating func perform(_ phase: Phase) {
    let steps = plan[phase]
    for index in steps.indices {
      passKillSwitch("\(phase)", index)
      let begin = isTimed ? monotonicNanoseconds() : 0
      do throws(Fault) {
        try perform(steps[index], phase: phase, index: index)
      } catch {
        tell(.failed(phase: phase, index: index, error))
        exitNow(125)
      }
      if isTimed { tell(.timing(phase: phase, index: index, nanoseconds: monotonicNanoseconds() - begin)) }
    }
  }

  private func tell(_ message: ChildMessage) {
    // A parent that is gone cannot be told; the exit says the rest.
    _ = try? parent.sendMessage(message.bytes)
  }

  private mutating func perform(_ step: Step, phase: Phase, index: Int) throws(Fault) {
    if case .network = step {} else { routes = nil }
    switch step {
    case .mount(let step):
      if case .enterToolbox = step { try toolbox?.reportNamespace() }
      try mounts.perform(step, terminal: terminal?.borrowed)
    case .cgroup(let step): try Cgroups.perform(step)
    // Not by the host's procfs, which would keep the file's name for each container: to find one there all are compared.
    case .network(.setSysctl(let key, let value, _)): try mounts.writeSysctl(key, value)
    case .network(let step): try perform(step)
    case .file:
      throw Fault("plan", .invalid, arguments: "a step on the host's files stands inside the container")
    case .process(let step): try perform(step, phase: phase, index: index)
    }
  }

  private mutating func perform(_ step: NetworkStep) throws(Fault) {
    if routes == nil { routes = try RouteSocket() }
    try routes?.perform(step, container: nil)
  }

  private mutating func perform(_ step: ProcessStep, phase: Phase, index: Int) throws(Fault) {
    switch step {
    case .clone, .mapIdentifiers, .awaitBuilt, .allowLimits, .callRuntime:
      throw Fault("plan", .invalid, arguments: "a step of the parent stands inside the container")
    case .unshare(let namespaces): try unshare(namespaces)
    case .joinNamespace(let namespaces, let path):
      guard let index = plan.joined.firstIndex(where: { $0.namespace == namespaces && $0.path == path }) else {
        throw Fault("plan", .invalid, arguments: "a namespace that was not opened: \(path)")
      }
      try joinNamespace(self.namespaces[index], namespaces)
    case .enterTimeNamespace(let offsets):
      try mounts.withPrivateProc { (procfs) throws(Fault) in try enterTimeNamespace(offsets, procfs: procfs) }
    case .joinNamespaces(let namespaces, let process):
      let pidfd = try openProcess(process)
      try joinNamespace(pidfd.borrowed, namespaces)
    case .awaitParent: try awaitParent()
    case .reportBuilt: tell(.built)
    case .runHook(let hook): try call(hook, process: processIdentifier())
    case .findProgram(let program, let environment): try findProgram(program, environment)
    case .awaitStart: try awaitStart()
    case .setHostname(let name): try setHostname(name)
    case .setDomainName(let name): try setDomainName(name)
    case .setSysctl(let key, let value): try mounts.writeSysctl(key, value)
    case .startSession: try startSession()
    case .openTerminal(let rows, let columns): try openTerminal(rows: rows, columns: columns)
    case .ownStreams(let user): ownStreams(user)
    case .changeRoot(let path): try changeRoot(path)
    case .changeDirectory(let path): try enterDirectory(path)
    case .execute(let program, let arguments, let environment):
      try prepareDescriptors()
      let environment = withHome(environment, of: effectiveUser())
      tell(.starting)
      if plan.hasInit { try becomeInit(of: arguments) }
      let fault = execute(program: program, arguments: arguments, environment: environment)
      throw diagnosed(fault, program: program, environment: environment)
    case .loadFilter(let filter): try load(filter)
    case .setOomScoreAdjustment:
      _ = try mounts.withPrivateProc { (procfs) throws(Fault) in try Privileges.perform(step, procfs: procfs) }
    case .set(let attribute):
      try Privileges.perform(attribute) { (path, text) throws(Fault) in try mounts.writeProc(path, text) }
    case .setResourceLimit, .setUmask, .setNoNewPrivileges, .limitCapabilities, .setUser, .setCapabilities:
      _ = try Privileges.perform(step, procfs: .workingDirectory)
    }
  }

  /// The kernel's errno is about the program, whatever of its parts is missing; a look at the root says which.
  private func diagnosed(_ fault: Fault, program: Path, environment: [Path]) -> Fault {
    guard let root = try? Root(at: "/"),
      let diagnosis = diagnose(program: program, searchPath: searchPath(of: environment), in: root)
    else { return fault }
    return Fault(
      operation: Diagnosis.operation, diagnosis.exitCode == 127 ? .noSuchFile : .notExecutableFormat,
      arguments: diagnosis.description, hint: diagnosis.hint(stagingInto: plan.stagingTarget))
  }

  /// The parent's one byte, with what the mounts of a user namespace take from the host. Its end of the socket closing means
  /// that it gave up or died, and so does the child.
  private mutating func awaitParent() throws(Fault) {
    var byte: [UInt8] = [0]
    var message = try parent.receiveMessage(into: &byte, descriptorLimit: 253)
    if message.count == 0 { exitNow(125) }
    mounts.adopt(&message.descriptors)
  }

  /// The same look that `execute` has when it fails, beforehand.
  private func findProgram(_ program: Path, _ environment: [Path]) throws(Fault) {
    if canExecute(program, along: searchPath(of: environment)) { return }
    let fault = Fault("execve", .accessDenied, arguments: program.quoted)
    throw diagnosed(fault, program: program, environment: environment)
  }

  /// Waits for whoever starts the container, and from then on answers to them. A starter that is gone before its word is
  /// as good as none. As number 1 of its namespace this process is deaf to signals that it has no handler for, and
  /// somebody who ends a container that was never started may well use one.
  private mutating func awaitStart() throws(Fault) {
    guard let startSocket else { throw Fault("plan", .invalid, arguments: "nobody can start this container") }
    // Who called `create` may read a pipe of its errors to the end, which this process would hold open.
    try connectTerminal()
    tell(.waiting)
    try setSignalMask(.set, .all)
    let signals = try SignalDescriptor(.all)
    while true {
      let ready = try poll([(startSocket, .readable), (signals.borrowed, .readable)])
      if !ready[1].isEmpty, let report = try? signals.next(), endsProcess(report.signal) {
        exitNow(128 + report.signal)
      }
      guard !ready[0].isEmpty else { continue }
      let starter = try startSocket.accept()
      // One that connects and says nothing is in nobody's way.
      guard try !poll(starter.borrowed, .readable, milliseconds: 2000).isEmpty else { continue }
      var byte: [UInt8] = [0]
      guard try starter.borrowed.receive(into: &byte) == 1 else { continue }
      // Open until execve: its end says that the program runs.
      parent = BorrowedDescriptor(rawValue: starter.release())
      return
    }
  }

  /// The pair is made from the container's own devpts and the peer opened by its master, so no path of the image is
  /// trusted (CVE-2025-52565). The master goes to the parent.
  private mutating func openTerminal(rows: UInt16, columns: UInt16) throws(Fault) {
    // In a container that runs already, as for exec, the root is the container's.
    let devpts =
      mounts.hasRoot
      ? try mounts.openInRoot("/dev/pts", [.path, .directory]) : try open("/dev/pts", [.path, .directory, .noFollow])
    let master = try openPseudoTerminal(in: devpts.borrowed, size: WindowSize(rows: rows, columns: columns))
    let peer = try openPseudoTerminalPeer(of: master.borrowed)
    _ = try parent.sendMessage(ChildMessage.terminal.bytes, descriptors: [master.borrowed])
    terminal = consume peer
  }

  /// Where they are somebody's whom this process may not take them from, they stay as they are: they work all the same.
  private func ownStreams(_ user: UInt32) {
    let terminal = hasTerminal ? BorrowedDescriptor.standardInput : terminal.view
    let streams = terminal.map { [$0] } ?? [streams.input, streams.output, streams.errors]
    for stream in streams {
      guard let status = try? status(of: stream), status.owner != user else { continue }
      // The host's /dev/null is everybody's.
      if status.kind == .characterDevice, status.device == DeviceNumber(major: 1, minor: 3) { continue }
      try? setOwner(of: "", at: stream, user: user, group: .max)
    }
  }

  /// Under the filter only what must come after it is called: a profile may know little more than its program's own calls.
  private mutating func load(_ filter: SystemCallFilter) throws(Fault) {
    try prepareDescriptors()
    // The last moment at which it can be said.
    if filter.isMute { tell(.starting) }
    try Privileges.load(filter, sendingListenerWith: ChildMessage.listener.bytes, over: parent)
    guard filter.listenerCall != nil else { return }
    // The program must not begin before its agent has the listener. A filter that refuses read makes the wait impossible,
    // and a parent that fails then kills the program.
    var byte: [UInt8] = [0]
    if (try? parent.read(into: &byte)) == 0 { exitNow(125) }
  }

  /// The program's streams, and nothing else beyond execve.
  private mutating func prepareDescriptors() throws(Fault) {
    if hasPreparedDescriptors { return }
    hasPreparedDescriptors = true
    try connectStreams()
    try closeDescriptors(from: Int32(3 + plan.preservedDescriptors), onExecute: true)
  }

  private mutating func connectStreams() throws(Fault) {
    // The mask and the handlers of the supervisor are not the program's.
    resetSignalDispositions()
    try setSignalMask(.set, [])
    if try connectTerminal() { return }
    try streams.input.duplicate(asInherited: 0)
    try streams.output.duplicate(asInherited: 1)
    try streams.errors.duplicate(asInherited: 2)
  }

  /// - Returns: whether the program has a terminal.
  @discardableResult
  private mutating func connectTerminal() throws(Fault) -> Bool {
    guard let peer = terminal.take() else { return hasTerminal }
    try makeControllingTerminal(peer.borrowed)
    for number in Int32(0)...2 { try peer.borrowed.duplicate(asInherited: number) }
    hasTerminal = true
    return true
  }
}
