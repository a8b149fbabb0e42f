package import Kernel
package import Planning
internal import Cgroups
package import Inside
internal import JSON
package import Launching
internal import RuntimeSpec
internal import Steps
internal import Terminals

/// What `create` and `run` are asked for, beyond the bundle.
package struct CreateOptions: Sendable {
  /// A listening socket that the master of the container's pseudo terminal is sent to.
  package var consoleSocket: Path?
  /// The same for a pidfd of the first process.
  package var pidfdSocket: Path?
  /// Where the number of the first process is written.
  package var pidFile: Path?
  /// Descriptors from 3 on that the program inherits.
  package var preservedDescriptors = 0
  /// `--no-new-keyring`: the program has the caller's session keyring.
  package var keepsKeyring = false
  /// Move the root over the host's instead of pivot_root(2).
  package var noPivot = false
  /// Variables that the program has beyond the configuration's.
  package var environment: [String] = []
  package init() {}
}

/// A configuration thought through to the last step. Nothing has happened yet.
package struct PreparedContainer: Sendable {
  package let id: String
  package let bundle: Bundle
  package let plan: LaunchPlan
  package let options: CreateOptions
  let place: GroupPlace?
  let filter: SystemCallFilter?

  /// What hooks are told.
  var hookState: Spec.State {
    Spec.State(id: id, status: .creating, bundle: bundle.directory.string, annotations: bundle.spec.annotations)
  }
}

extension PreparedContainer {
  /// What is written down before anything is made.
  var firstState: RuntimeState {
    var state = RuntimeState(id: id, bundle: bundle.directory.string, rootfs: bundle.rootfs.string)
    state.created = now()
    state.owner = effectiveUser()
    state.annotations = bundle.spec.annotations
    state.keepsKeyring = options.keepsKeyring
    state.place = place
    state.undo = (plan.host + plan.wiring).reversed().compactMap { $0.undo.flatMap(UndoRecord.init) }
    return state
  }
}

/// A container that was made: its first process waits for `start`, or runs its program already.
package struct CreatedContainer: ~Copyable {
  package let process: ProcessIdentifier
  package let pidfd: Descriptor
  /// The master of its pseudo terminal, when nobody else got it.
  package var terminal: Descriptor?
  /// How long each step took, when that was asked for.
  package let timings: [StepTiming]
  /// Passes on what its program says of being ready, when a service manager listens.
  package var relay: NotifyRelay?
  let state: RuntimeState
  let hooks: Spec.Hooks
  let directory: ContainerDirectory
}

extension OCIRuntime {
  /// - Parameters:
  ///   - waitsForStart: `create`; without it the program runs at once.
  ///   - isDetached: nobody stays who could look after its terminal.
  package func prepare(
    _ id: String, _ bundle: Bundle, _ options: CreateOptions, waitsForStart: Bool, isDetached: Bool = true
  ) throws(RuntimeFailure) -> PreparedContainer {
    guard isIdentifier(id) else {
      throw RuntimeFailure(
        "invalid container ID format: \"\(id)\"", hint: "letters, digits and _ + - . make an ID")
    }
    var spec = bundle.spec
    spec.process?.env += options.environment
    if notifyAddress != nil {
      spec.addNotifySocket(below: store.directory(of: id).appending(ContainerDirectory.notify))
    }
    let host = try facts(for: spec, id)
    try accept(validate(spec, on: host), of: "config.json")
    try checkTerminal(spec.process?.terminal == true, options.consoleSocket, isDetached: isDetached)
    let layout = try hostLayout()
    let user = effectiveUser()
    let rootless = user == 0 ? nil : HostIdentity(user: user, group: effectiveGroup())
    var request = LaunchRequest(
      spec: spec, root: .directory(bundle.rootfs), rootfs: bundle.rootfs, group: nil, layout: layout)
    var place = try place(of: id, in: &request)
    place?.mounts = request.layout.mounts
    request.state = Spec.State(
      id: id, status: .creating, bundle: bundle.directory.string, annotations: spec.annotations)
    request.rootless = rootless
    request.bundle = bundle.directory
    request.noPivot = options.noPivot
    // A new network namespace has one link, which is down, and nobody else would know that it is there.
    if spec.linux?.namespaces.contains(Spec.Namespace(.network)) == true { request.inside = [.setUp(.loopback)] }
    request.waitsForStart = waitsForStart
    request.preservedDescriptors = options.preservedDescriptors
    request.limitsAreDefaults = false
    request.identifier = id
    request.host = host
    if !options.keepsKeyring { request.newKeyring = keyring(of: id) }
    request.filter = try filter(
      of: spec,
      Spec.State(
        id: id, status: waitsForStart ? .created : .creating, bundle: bundle.directory.string,
        annotations: spec.annotations))
    do throws(PlanningError) {
      let plan = try compile(request)
      return PreparedContainer(
        id: id, bundle: bundle, plan: plan, options: options, place: place, filter: request.filter)
    } catch { throw RuntimeFailure("config.json: \(error)", hint: error.hint) }
  }

  func checkTerminal(_ wanted: Bool, _ socket: Path?, isDetached: Bool) throws(RuntimeFailure) {
    if wanted, isDetached, socket == nil {
      throw RuntimeFailure(
        "cannot allocate tty if the runtime will detach without setting console socket",
        hint: "give --console-socket, or set process.terminal to false")
    }
    if socket != nil, !wanted || !isDetached {
      throw RuntimeFailure(
        "cannot use console socket if the runtime will not detach or allocate tty",
        hint: "leave --console-socket out, or detach with process.terminal set to true")
    }
  }

  /// Makes the container up to the point where it waits for `start`, or runs. When anything fails nothing is left of it.
  ///
  /// The caller is single-threaded and runs from a sealed executable.
  package func create(
    _ prepared: PreparedContainer, streams: StandardStreams
  ) throws(RuntimeFailure) -> CreatedContainer {
    passKillSwitch("creating", 0)
    let directory = try store.claim(prepared.id)
    passKillSwitch("creating", 1)
    do throws(RuntimeFailure) {
      var state = prepared.firstState
      let start = try record(prepared, state, directory)
      // Before its program can say anything. One that waits to be started is listened to by who starts it.
      let relay = prepared.plan.waitsForStart ? nil : notifyRelay(of: directory)
      var launched = try launch(prepared, directory, &state, streams: streams, start: start)
      passKillSwitch("creating", 4)
      do throws(RuntimeFailure) {
        try hand(
          over: &launched.terminal, launched.process, launched.pidfd.borrowed, console: prepared.options.consoleSocket,
          pidfdSocket: prepared.options.pidfdSocket, pidFile: prepared.options.pidFile)
      } catch {
        try? launched.takeBackLinks()
        try? sendSignal(9, to: launched.pidfd.borrowed)
        _ = try? wait(for: .pidfd(launched.pidfd.borrowed))
        _ = performUndo(state.undo.map(\.step))
        throw error
      }
      passKillSwitch("creating", 5)
      let process = launched.process
      return CreatedContainer(
        process: process, pidfd: launched.pidfd, terminal: launched.terminal, timings: launched.timings,
        relay: relay, state: state,
        hooks: prepared.bundle.spec.hooks, directory: directory)
    } catch {
      // A hook may have been called: those of the end are called too (runtime.md, "Lifecycle", steps 12 and 13).
      callPoststopHooks(of: prepared)
      try? directory.remove()
      throw error
    }
  }

  /// `create` is over: the container waits, and nobody is at it.
  package func leaveWaiting(_ container: borrowing CreatedContainer) { container.directory.unlock() }

  /// Writes down what is known before anything is made, and opens the socket at which the container waits.
  private func record(
    _ prepared: PreparedContainer, _ state: RuntimeState, _ directory: borrowing ContainerDirectory
  ) throws(RuntimeFailure) -> Descriptor? {
    try told("cannot keep the state of \(prepared.id)") { () throws(Fault) in
      try directory.write(state)
      passKillSwitch("creating", 2)
      try directory.write(configuration: prepared.bundle.bytes)
      if let filter = prepared.filter { try directory.write(filter: filter) }
      if notifyAddress != nil {
        try makeDirectory(directory.path.appending(ContainerDirectory.notify), mode: 0o755)
      }
      passKillSwitch("creating", 3)
      return prepared.plan.waitsForStart ? try listenUnix(directory.startSocket, kind: .sequencedPacket) : nil
    }
  }

  private func launch(
    _ prepared: PreparedContainer, _ directory: borrowing ContainerDirectory, _ state: inout RuntimeState,
    streams: StandardStreams, start: consuming Descriptor?
  ) throws(RuntimeFailure) -> LaunchedContainer {
    do throws(PlanFailure) {
      return try Launching.launch(
        prepared.plan, streams: streams, isTimed: isTimed, startSocket: start.view, executable: executable,
        lock: directory.descriptor.borrowed
      ) { (process) throws(Fault) in
        state.process = try ProcessIdentity(of: process)
        try directory.write(state)
      }
    } catch {
      throw RuntimeFailure("cannot create \(prepared.id)", error)
    }
  }

  private func callPoststopHooks(of prepared: PreparedContainer) {
    callHooks(.poststop, of: prepared.bundle.spec.hooks, state: prepared.hookState, process: 0)
  }

  /// Calls hooks whose failure stops nothing: it is only told.
  func callHooks(
    _ point: HookCall.Point, of hooks: Spec.Hooks, state: Spec.State, process: ProcessIdentifier
  ) {
    for hook in hookCalls(at: point, of: hooks, state: state) {
      do throws(Fault) { try call(hook, process: process) } catch { warn("\(error.arguments)") }
    }
  }
}

extension RuntimeFailure {
  /// A step that failed, with the phrases that engines look for when it was the program.
  init(_ what: String, _ failure: PlanFailure) {
    let fault = failure.fault
    let program: Path
    switch failure.step {
    case .process(.execute(let path, _, _)), .process(.findProgram(let path, _)): program = path
    default:
      self.init(what, fault)
      return
    }
    let phrase =
      switch fault.errno {
      case .noSuchFile, .notDirectory:
        program.bytes.contains(UInt8(ascii: "/"))
          ? "no such file or directory" : "executable file not found in $PATH"
      default: "permission denied"
      }
    let reason = fault.operation == Diagnosis.operation ? fault.arguments : "\(fault.errno)"
    let isSaid = reason == phrase || reason == Diagnosis(missing: program).description
    self.init("\(what): exec: \(program.quoted): \(phrase)" + (isSaid ? "" : ": \(reason)"), hint: fault.hint)
  }
}
