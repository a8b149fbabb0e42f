internal import Cgroups
internal import Containers
internal import Journal
internal import Kernel
internal import Launching
internal import Monitoring
internal import Networks
internal import Steps

// The end of a container's life: for good, or until its supervisor starts it again (`--restart`).
//
// Between two lives the lock, the address and the ports stay its own; its processes, cables and groups are gone. The
// process that supervises executes itself anew, so that the hundredth life finds as small a supervisor as the first.

extension Engine {
  /// Tells everyone how it ended and takes away what is over. Returns the exit code, or never: this process then becomes
  /// the supervisor of the next life.
  func finish(
    _ supervisor: inout Supervisor, _ record: ContainerRecord, _ files: ContainerFiles, _ end: ContainerState,
    undo: [Step]?, ports: consuming PortHold, lock: consuming ContainerLock
  ) -> Int32 {
    // Written anew when it was connected to another network, disconnected, renamed or updated while it ran.
    let record = (try? store.record(of: files.identifier)) ?? record
    noteEnd(end, record)
    if let delay = record.restart.delay(after: end, lifetime: lifetime(of: end)) {
      let kept = [lock.descriptor.borrowed] + ports.descriptors
      prepareAnotherLife(record, files, end, delay: delay, undo: undo)
      supervisor.report(.exited(code: end.exitCode, message: end.message))
      passKillSwitch("restarting", 1)
      try? executeThisProgram(
        arguments: supervisorArguments(of: files.identifier) + [Path(Supervisor.againOption)]
          + kept.map { Path("\($0.rawValue)") }, keeping: kept)
      // The kernel has no memory for it: then this was its last life.
    }
    ports.release()
    let held = tidyUp(record, files, end, undo: undo, lock: lock)
    leaveNetworks()
    supervisor.report(.exited(code: end.exitCode, message: end.message))
    removeRemains(files, held)
    return end.exitCode
  }

  /// In milliseconds.
  private func lifetime(of end: ContainerState) -> Int64 {
    guard let started = end.started, let finished = end.finished else { return 0 }
    return (finished.seconds - started.seconds) * 1000
      + (Int64(finished.nanoseconds) - Int64(started.nanoseconds)) / 1_000_000
  }

  private func prepareAnotherLife(
    _ record: ContainerRecord, _ files: ContainerFiles, _ end: ContainerState, delay: Int64, undo: [Step]?
  ) {
    var waiting = end
    waiting.status = .restarting
    waiting.restartDelay = delay
    waiting.restartCount += 1
    try? store.write(waiting, of: files.identifier)
    passKillSwitch("restarting", 0)
    // Said of the life that is over.
    if end.cause != nil { try? removeFile(files.endCause) }
    takeBack(undo, of: record, files)
    leavePlugins(files.identifier)
    try? removeFile(files.attachSocket)
  }

  /// Until it is time for the next life; or somebody wants none: then how the container ends.
  func waitBeforeRestart(_ files: ContainerFiles) throws(Fault) -> ContainerState? {
    guard var state = try store.state(of: files.identifier) else { return nil }
    let watcher = try Watcher()
    try watcher.watch(files.directory, .movedTo)
    let end = monotonicNanoseconds() + UInt64(max(0, state.restartDelay)) * 1_000_000
    while true {
      if let cause = endCause(in: files) {
        state.status = .exited
        state.cause = cause
        return state
      }
      let now = monotonicNanoseconds()
      if now >= end { return nil }
      _ = try poll(watcher.borrowed, .readable, milliseconds: Int((end - now) / 1_000_000) + 1)
      _ = try watcher.take()
    }
  }

  /// The state of the life that begins: what its supervisor counts goes on.
  ///
  /// - Parameter before: the state until now; nil for a first life.
  func nextLife(after before: ContainerState?) -> ContainerState {
    var state = ContainerState(status: .running)
    if let before, before.status == .restarting {
      state.restartCount = before.restartCount
      state.restartDelay = before.restartDelay
    }
    return state
  }

  // MARK: - Who makes it end

  /// Says so before the signal, so that the supervisor knows when the end comes.
  func announceEnd(_ cause: ContainerState.Cause, of identifier: ContainerIdentifier) {
    try? replaceFile(store.files(of: identifier).endCause, with: Array(cause.rawValue.utf8), durable: false)
  }

  func endCause(in files: ContainerFiles) -> ContainerState.Cause? {
    (try? readText(files.endCause, limit: 64)).flatMap(ContainerState.Cause.init)
  }

  // MARK: - What is left

  /// The record of the end comes first: killed right after it, there is nothing left to heal but leftovers.
  ///
  /// - Parameter undo: of what the start made on the host; nil where that is not remembered and is found again by name.
  /// - Returns: the lock of a container that is no more; the caller removes its remains once he has said that it has ended.
  func tidyUp(
    _ record: ContainerRecord, _ files: ContainerFiles, _ end: ContainerState, undo: [Step]?,
    lock: consuming ContainerLock
  ) -> ContainerLock? {
    if !record.removesItself { try? store.write(end, of: files.identifier) }
    passKillSwitch("ending", 0)
    takeBack(undo, of: record, files)
    unmountVolumes(of: files.identifier)
    noteVolumes(.unmount, record)
    passKillSwitch("ending", 1)
    releaseNetwork(of: files.identifier, record: record)
    passKillSwitch("ending", 2)
    guard record.removesItself else {
      try? removeRun(files)
      passKillSwitch("ending", 3)
      // Without a lock or a directory in /run, nothing of it is left to look at.
      try? lock.remove()
      return nil
    }
    removeAnonymousVolumes(record.anonymousVolumes, of: files.identifier)
    try? bury(files, record: record, lock)
    note(.destroy, record)
    return lock
  }

  /// The lock goes last: killed before, the next command finds it, and goes on.
  func removeRemains(_ files: ContainerFiles, _ lock: consuming ContainerLock?) {
    guard let lock = consume lock else { return }
    passKillSwitch("erasing", 5)
    try? removeTree(files.remains)
    try? lock.remove()
  }

  /// A start that failed. Of `run` it leaves nothing: docker keeps a corpse in state "created", which is only in the way of
  /// its name. A container that was there before stays.
  func abandon(_ files: ContainerFiles, _ failure: Failure, lock: consuming ContainerLock) {
    let record = try? store.record(of: files.identifier)
    if let record, let state = (try? store.state(of: files.identifier)) ?? nil {
      var rest = state
      rest.status = state.started == nil ? .created : .exited
      if state.status == .restarting { rest.finished = now() }
      abandonStart(of: files.identifier, record, rest, failure)
      try? lock.remove()
      return
    }
    releaseNetwork(of: files.identifier, record: record)
    unmountVolumes(of: files.identifier)
    removeAnonymousVolumes(record?.anonymousVolumes ?? [], of: files.identifier)
    try? erase(files, record: record, lock)
    if let record { note(.destroy, record) }
    try? lock.remove()
  }

  /// The most memory that the group had, in bytes; 0 where nobody counted.
  func peakMemory(of identifier: ContainerIdentifier, in layout: CgroupLayout) -> UInt64 {
    group(of: identifier, in: layout)?.memoryPeak() ?? 0
  }
}
