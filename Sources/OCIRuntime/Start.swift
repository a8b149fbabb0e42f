internal import Kernel
internal import Launching
internal import Planning
internal import RuntimeSpec
internal import Steps

extension OCIRuntime {
  /// Lets a created container run its program.
  package func start(_ id: String) throws(RuntimeFailure) {
    let directory = try store.find(id)
    guard try told("cannot lock \(id)", { () throws(Fault) in try directory.tryLock() }) else {
      throw RuntimeFailure("cannot start \(id): somebody else creates, starts or deletes it right now")
    }
    guard directory.isCurrent else { throw RuntimeFailure.missing(id) }
    let view = try view(of: directory)
    guard view.status == .created || directory.waitsForStart && view.status != .stopped else {
      throw RuntimeFailure(
        view.status == .stopped
          ? "cannot start a container that has stopped: \(id)"
          : "cannot start an already running container: \(id) is \(view.status.rawValue)")
    }
    if isFrozen(view.state) {
      throw RuntimeFailure("cannot start \(id): it is paused", hint: "resume it first: resume \(id)")
    }
    let callbacks = try directory.callbacks()
    let socket = try told("cannot start \(id)") { () throws(Fault) in
      try connectUnix(directory.startSocket, kind: .sequencedPacket)
    }
    passKillSwitch("starting", 0)
    directory.removeStartSocket()
    passKillSwitch("starting", 1)
    let relay = notifyRelay(of: directory)
    do throws(PlanFailure) {
      try Launching.start(
        over: socket.borrowed, nil, process: view.state.process?.process ?? 0,
        listener: listener(of: callbacks, view.state))
    } catch {
      throw RuntimeFailure("cannot start \(id)", error)
    }
    passKillSwitch("starting", 2)
    afterStart(of: view.state, callbacks.hooks, directory)
    if let relay, let process = view.state.process, let pidfd = process.open() {
      awaitReady(relay, process.process, pidfd.borrowed)
    }
  }

  private func listener(of callbacks: Spec.Callbacks, _ state: RuntimeState) -> FilterListener? {
    guard let profile = callbacks.seccomp else { return nil }
    var containerState = state.hookState
    containerState.status = .created
    return filterListener(of: profile, containerState)
  }

  /// The program runs: poststart hooks, whose failure is only told.
  func afterStart(of state: RuntimeState, _ hooks: Spec.Hooks, _ directory: borrowing ContainerDirectory) {
    callHooks(.poststart, of: hooks, state: state.hookState, process: state.process?.process ?? 0)
    directory.unlock()
  }
}
