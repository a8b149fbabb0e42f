package import Containers
internal import Cgroups
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
    do throws(Failure) {
      let record = try record(of: files.identifier)
      // A copy for the one message that a failed start sends; a started container's supervisor owns the socket.
      let ports = try holdPorts(of: record)
      var watched = try start(record, files, on: host, client: try copy(of: client.borrowed), isTimed: isTimed)
      try? client.close()
      // From here on it mostly sleeps, perhaps for months, beside hundreds of others.
      let renewal = Renewal(
        arguments: supervisorArguments(of: files.identifier), lock: lock.descriptor.borrowed, kept: ports.descriptors)
      let end = watch(&watched.supervisor, watched.state, record, files, in: host.layout, renewal: renewal)
      ports.release()
      tidyUp(record, files, end, undo: watched.undo, lock: lock)
      watched.supervisor.report(.exited(code: end.exitCode, message: end.message))
      return end.exitCode
    } catch {
      abandon(files, lock: lock)
      return report(error, to: client.borrowed)
    }
  }

  /// Goes on where this process was before it executed itself again (Supervisor+Renewal.swift).
  package func resumeSupervising(_ identifier: ContainerIdentifier, from message: Int32) -> Int32 {
    setProcessName("skiff-monitor")
    passKillSwitch("renewal", 1)
    let files = store.files(of: identifier)
    do {
      let record = try record(of: identifier)
      let state = try containerState(of: identifier)
      var resumed = try ResumedSupervisor.reading(message, log: try openLog(record, files))
      let lock = ContainerLock(handedOver: resumed.lock, files)
      let ports = PortHold(resuming: resumed.kept)
      if let sockets = resumed.nameSockets.take() {
        try resumed.supervisor.answerNames(at: sockets, from: nameSource(for: identifier, record))
      }
      let end = watch(&resumed.supervisor, state, record, files, in: nil, renewal: nil)
      ports.release()
      tidyUp(record, files, end, undo: nil, lock: lock)
      resumed.supervisor.report(.exited(code: end.exitCode, message: end.message))
      return end.exitCode
    } catch {
      // The lock and the streams end with this process; the next command finds the container without a supervisor.
      return 125
    }
  }

  private func report(_ failure: Failure, to client: BorrowedDescriptor) -> Int32 {
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

  private func copy(of client: BorrowedDescriptor) throws(Failure) -> Descriptor {
    do throws(Fault) { return try client.duplicate() } catch { throw Failure("cannot start the supervisor", error) }
  }

  private func start(
    _ record: ContainerRecord, _ files: ContainerFiles, on host: HostView, client: consuming Descriptor, isTimed: Bool
  ) throws(Failure) -> Watched {
    let plan = try launchPlan(of: record, files, on: host)
    let ends: Ends
    do throws(Fault) { ends = try openEnds(record, files) } catch {
      throw Failure("cannot start \(record.name)", error)
    }
    // Before the program runs, so that it finds the others by name from its first instruction on.
    passKillSwitch("starting", 0)
    announce(record, plan.hostname ?? files.identifier.short, files)
    passKillSwitch("starting", 1)
    var launched: LaunchedContainer
    do throws(PlanFailure) { launched = try launch(plan, streams: ends.streams.inside, isTimed: isTimed) } catch {
      throw failure(toStart: record, error)
    }
    let undo = launched.undo
    let nameSockets = launched.takeNameSockets()
    passKillSwitch("starting", 2)
    do throws(Fault) {
      var state = ContainerState(status: .running)
      state.process = try ProcessIdentity(of: launched.process)
      state.started = now()
      try store.write(state, of: files.identifier)
      passKillSwitch("starting", 3)
      for timing in launched.timings { _ = try client.borrowed.send(Frame.timing(line(timing)).bytes) }
      _ = try client.borrowed.send(Frame.started(launched.process).bytes)
      let process = launched.process
      let watched = ends.streams.supervised(
        process, pidfd: launched.pidfd, terminal: launched.terminal, listener: ends.listener, log: ends.log)
      var supervisor = try Supervisor.watching(watched, client: client, clientWantsOutput: true)
      if let nameSockets {
        try supervisor.answerNames(at: nameSockets, from: nameSource(for: files.identifier, record))
      }
      return Watched(supervisor: supervisor, undo: undo, state: state)
    } catch {
      // It runs, and nobody could watch it: it is not to run.
      killAll(of: files.identifier)
      _ = performUndo(undo)
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

  /// Until the first process ends; then how it ended, in words where there is something to say.
  private func watch(
    _ supervisor: inout Supervisor, _ state: ContainerState, _ record: ContainerRecord, _ files: ContainerFiles,
    in layout: CgroupLayout?, renewal: Renewal?
  ) -> ContainerState {
    var end = state
    end.status = .exited
    do throws(Fault) {
      let status = try supervisor.run(renewal: renewal, watch: sharedWatch(record))
      end.exitCode = status.code
      let layout = if let layout { layout } else { try CgroupLayout.detect() }
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
    end.process = nil
    end.finished = now()
    return end
  }

  /// The record of the end comes first: killed right after it, there is nothing left to heal but leftovers.
  ///
  /// - Parameter undo: of what the start made on the host; nil where that is not remembered and is found again by name.
  private func tidyUp(
    _ record: ContainerRecord, _ files: ContainerFiles, _ end: ContainerState, undo: [Step]?,
    lock: consuming ContainerLock
  ) {
    if !record.removesItself { try? store.write(end, of: files.identifier) }
    passKillSwitch("ending", 0)
    if let undo { _ = performUndo(undo) } else { removeGroups(of: files.identifier) }
    passKillSwitch("ending", 1)
    // Written anew when it was connected to another network, or disconnected, while it ran.
    releaseNetwork(of: files.identifier, record: (try? store.record(of: files.identifier)) ?? record)
    passKillSwitch("ending", 2)
    guard record.removesItself else {
      try? removeTree(files.runDirectory)
      passKillSwitch("ending", 3)
      // Without a lock or a directory in /run, nothing of it is left to look at.
      try? lock.remove()
      return
    }
    for name in record.anonymousVolumes { removeAnonymousVolume(name) }
    try? erase(files, record: record, lock)
    try? lock.remove()
  }

  /// A start that failed leaves nothing: docker keeps a corpse in state "created", which is only in the way of its name.
  private func abandon(_ files: ContainerFiles, lock: consuming ContainerLock) {
    let record = try? store.record(of: files.identifier)
    releaseNetwork(of: files.identifier, record: record)
    for name in record?.anonymousVolumes ?? [] { removeAnonymousVolume(name) }
    try? erase(files, record: record, lock)
    try? lock.remove()
  }
}
