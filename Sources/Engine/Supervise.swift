package import Containers
internal import Cgroups
internal import Journal
internal import Kernel
internal import Launching
internal import Monitoring
internal import Networks
internal import Planning
internal import Steps

// The supervisor's whole life, in the process that `startSupervisor` made: start, watch, tidy up.

extension Engine {
  /// Runs one container to its end. What happens is told to the command at the other end of the inherited socket, and
  /// written down for every later one. Returns the container's exit code, or ours.
  package func supervise(_ identifier: ContainerIdentifier, isTimed: Bool) -> Int32 {
    let client = Descriptor(owning: SupervisorDescriptor.client)
    // What the user's shell had open is none of the container's affair, nor is the directory it stood in.
    try? closeDescriptors(from: SupervisorDescriptor.client + 1, onExecute: false)
    try? changeDirectory("/")
    setProcessName("skiff-monitor")
    let files = store.files(of: identifier)
    do throws(Failure) {
      let host = try HostView(foreseeing: true)
      guard let lock = try awaitContainer(files, client: client.borrowed) else { return 125 }
      return supervise(files, on: host, client: client, lock: lock, isTimed: isTimed)
    } catch { return report(error, to: client.borrowed) }
  }

  /// Starts the container once more, in the process that watched over its last life and has executed itself since.
  ///
  /// - Parameter inherited: the descriptors of the lock and of the ports.
  package func superviseAgain(_ identifier: ContainerIdentifier, inherited: [Int32]) -> Int32 {
    setProcessName("skiff-monitor")
    let files = store.files(of: identifier)
    guard let first = inherited.first else { return 125 }
    for number in inherited { try? BorrowedDescriptor(rawValue: number).setCloseOnExecute() }
    let lock = ContainerLock(handedOver: Descriptor(owning: first), files)
    let ports = PortHold(resuming: Array(inherited.dropFirst()))
    do {
      let record = try record(of: identifier)
      if let end = try waitBeforeRestart(files) {
        ports.release()
        removeRemains(files, tidyUp(record, files, end, undo: nil, lock: lock))
        return end.exitCode
      }
      renewSecrets(of: record, files)
      return supervise(record, files, on: try HostView(foreseeing: true), client: nil, ports: ports, lock: lock)
    } catch {
      // The lock ends with this process; the next command finds the container without a supervisor.
      return 125
    }
  }

  private func awaitContainer(
    _ files: ContainerFiles, client: BorrowedDescriptor
  ) throws(Failure) -> ContainerLock? {
    do throws(Fault) {
      guard let lock = try Monitoring.awaitContainer(on: client) else { return nil }
      return ContainerLock(handedOver: lock, files)
    } catch { throw Failure("cannot start the supervisor", error) }
  }

  private func supervise(
    _ files: ContainerFiles, on host: HostView, client: consuming Descriptor, lock: consuming ContainerLock,
    isTimed: Bool
  ) -> Int32 {
    let record: ContainerRecord
    let ports: PortHold
    do throws(Failure) {
      record = try self.record(of: files.identifier)
      ports = try takePorts(of: record)
    } catch {
      abandon(files, error, lock: lock)
      return report(error, to: client.borrowed)
    }
    return supervise(record, files, on: host, client: client, ports: ports, lock: lock, isTimed: isTimed)
  }

  /// One life of a container.
  ///
  /// - Parameter client: the command that started it; nil when it is started again, and nobody waits for that.
  private func supervise(
    _ record: ContainerRecord, _ files: ContainerFiles, on host: HostView, client: consuming Descriptor?,
    ports: consuming PortHold, lock: consuming ContainerLock, isTimed: Bool = false
  ) -> Int32 {
    // A copy for the one message that a failed start sends; a started container's supervisor owns the socket.
    var spare = client.view.flatMap { try? $0.duplicate().release() }.map { Descriptor(owning: $0) }
    var watched: Watched
    do throws(Failure) {
      watched = try start(record, files, on: host, client: client, isTimed: isTimed)
    } catch {
      ports.release()
      abandon(files, error, lock: lock)
      return spare.view.map { report(error, to: $0) } ?? error.exitCode
    }
    spare = nil
    // From here on it mostly sleeps, perhaps for months, beside hundreds of others.
    let renewal = Renewal(
      arguments: supervisorArguments(of: files.identifier), lock: lock.descriptor.borrowed, kept: ports.descriptors)
    let end = watch(
      &watched.supervisor, watched.state, record, files, in: host.layout, renewal: renewal,
      companion: relay(of: record, ports.descriptors))
    return finish(&watched.supervisor, record, files, end, undo: watched.undo, ports: ports, lock: lock)
  }

  /// Goes on where this process was before it executed itself again (Supervisor+Renewal.swift).
  package func resumeSupervising(_ identifier: ContainerIdentifier, from message: Int32) -> Int32 {
    setProcessName("skiff-monitor")
    passKillSwitch("renewal", 1)
    let files = store.files(of: identifier)
    do {
      let record = try record(of: identifier)
      let state = try containerState(of: identifier)
      var resumed = try ResumedSupervisor.reading(message, log: try resumeLog(record, files))
      let lock = ContainerLock(handedOver: resumed.lock, files)
      let ports = PortHold(resuming: resumed.kept)
      if let sockets = resumed.nameSockets.take() {
        try resumed.supervisor.answerNames(at: sockets, from: nameSource(for: identifier, record))
      }
      let entry = enterRoster(identifier)
      let end = watch(
        &resumed.supervisor, state, record, files, in: nil, renewal: nil,
        companion: relay(of: record, ports.descriptors))
      entry?.leave()
      return finish(&resumed.supervisor, record, files, end, undo: nil, ports: ports, lock: lock)
    } catch {
      // The lock and the streams end with this process; the next command finds the container without a supervisor.
      return 125
    }
  }

  /// Nil where it cannot be written: the lock says that it lives, as for everybody before this moment.
  private func enterRoster(_ identifier: ContainerIdentifier) -> Roster.Entry? {
    do throws(Fault) { return try Roster.enter(state.roster, identifier) } catch { return nil }
  }

  func report(_ failure: Failure, to client: BorrowedDescriptor) -> Int32 {
    let frame = Frame.failed(code: failure.exitCode, message: failure.message, hint: failure.hint ?? "")
    _ = try? client.send(frame.bytes)
    return failure.exitCode
  }

  /// The container runs: what watches over it, and what takes back what its start made on the host.
  private struct Watched: ~Copyable {
    var supervisor: Supervisor
    var undo: [Step]
    var state: ContainerState
  }

  private func start(
    _ record: ContainerRecord, _ files: ContainerFiles, on host: HostView, client: consuming Descriptor?,
    isTimed: Bool
  ) throws(Failure) -> Watched {
    try mountVolumes(of: record)
    noteVolumes(.mount, record)
    let plan = try launchPlan(of: record, files, on: host)
    let ends: Ends
    do throws(Fault) { ends = try openEnds(record, files) } catch {
      throw Failure("cannot start \(record.name)", error)
    }
    // Before the program runs, so that it finds the others by name from its first instruction on.
    passKillSwitch("starting", 0)
    announce(record, plan.hostname ?? self.hostname(of: files.identifier), files)
    passKillSwitch("starting", 1)
    addRoom(Self.roomToMount, to: record, files)
    var launched: LaunchedContainer
    do throws(PlanFailure) {
      launched =
        plan.runtime == nil
        ? try launch(plan, streams: ends.streams.inside, isTimed: isTimed)
        : try launchByRuntime(
          plan, streams: ends.streams.inside, said: ends.streams.errors.view, interest: client.view, isTimed: isTimed)
    } catch {
      addRoom(0, to: record, files)
      if record.options.runtime != nil { takeBack(files) }
      throw failure(toStart: record, error)
    }
    addRoom(0, to: record, files)
    let undo = launched.undo
    let nameSockets = launched.takeNameSockets()
    passKillSwitch("starting", 2)
    var isFirstLife = false
    do throws(Fault) {
      let before = try store.state(of: files.identifier)
      isFirstLife = before == nil
      var state = nextLife(after: before)
      state.process = try ProcessIdentity(of: launched.process)
      state.started = now()
      try store.write(state, of: files.identifier)
      _ = try open(files.started, [.writeOnly, .create, .noFollow], mode: 0o600)
      passKillSwitch("starting", 3)
      noteStart(record)
      if let client = client.view {
        for timing in launched.timings { _ = try client.send(Frame.timing(line(timing)).bytes) }
        _ = try client.send(Frame.started(launched.process).bytes)
      }
      let process = launched.process
      let watched = ends.streams.supervised(
        process, pidfd: launched.pidfd, terminal: launched.terminal, listener: ends.listener, log: ends.log)
      var supervisor = try Supervisor.watching(watched, client: client)
      if let nameSockets {
        try supervisor.answerNames(at: nameSockets, from: nameSource(for: files.identifier, record))
      }
      return Watched(supervisor: supervisor, undo: undo, state: state)
    } catch {
      // It runs, and nobody could watch it: it is not to run.
      killAll(of: files.identifier)
      _ = performUndo(undo)
      // A `run` whose command was killed meanwhile leaves nothing, like every other that failed.
      try? removeFile(files.started)
      if isFirstLife { try? removeFile(files.state) }
      throw Failure("cannot watch over \(record.name)", error)
    }
  }

  /// What must be open before the clone.
  private struct Ends: ~Copyable {
    var listener: Descriptor
    var streams: ContainerStreams
    var log: LogWriter?
  }

  private func openEnds(_ record: ContainerRecord, _ files: ContainerFiles) throws(Fault) -> Ends {
    let listener = try listenUnix(files.attachSocket)
    let streams = try ContainerStreams(hasTerminal: record.hasTerminal, isInteractive: record.isInteractive)
    return Ends(listener: listener, streams: streams, log: try openLog(record, files))
  }

  /// `--timeout`, counted from its start, whoever supervises.
  private func setDeadline(
    of supervisor: inout Supervisor, _ state: ContainerState, _ record: ContainerRecord
  ) throws(Fault) {
    guard let timeout = record.options.timeout, let started = state.started,
      let identifier = ContainerIdentifier(record.identifier)
    else { return }
    let now = now()
    let passed = (now.seconds - started.seconds) * 1_000_000_000 + Int64(now.nanoseconds) - Int64(started.nanoseconds)
    let left = Int64(timeout) * 1_000_000_000 - passed
    try supervisor.killAfter(nanoseconds: UInt64(max(1, left))) { announceEnd(.timeout, of: identifier) }
  }

  /// Until the first process ends; then how it ended, in words where there is something to say.
  private func watch(
    _ supervisor: inout Supervisor, _ state: ContainerState, _ record: ContainerRecord, _ files: ContainerFiles,
    in layout: CgroupLayout?, renewal: Renewal?, companion: Companion?
  ) -> ContainerState {
    var end = state
    end.status = .exited
    do throws(Fault) {
      try setDeadline(of: &supervisor, state, record)
      let status = try supervisor.run(
        renewal: renewal, watch: sharedWatch(record),
        health: healthSchedule(of: record, files, begins: renewal != nil), companion: companion)
      end.exitCode = status.code
      if case .killed(let signal, _) = status { end.signal = signal }
      end.cause = endCause(in: files)
      let layout = if let layout { layout } else { try CgroupLayout.detect() }
      end.peakMemory = peakMemory(of: files.identifier, in: layout)
      if let kill = memoryKill(of: files.identifier, in: layout) {
        end.wasKilledForMemory = true
        end.message = kill
      }
    } catch {
      killAll(of: files.identifier)
      end.exitCode = 137
      end.message = "its supervisor failed: \(error)"
    }
    supervisor.closeLog()
    end.lastProcess = end.process?.process
    end.process = nil
    end.finished = now()
    return end
  }
}
