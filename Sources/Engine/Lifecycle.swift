package import Containers
internal import Journal
internal import Kernel

// stop, kill, wait, rm: what happens to a container after `run`.

extension Engine {
  /// Sends a signal to the first process.
  package func kill(_ word: String, signal: Int32) throws(Failure) {
    let identifier = try find(word)
    let record = try? record(of: identifier)
    // Docker's rule: what is meant to end it is not answered by starting it again.
    let isEnding = signal == Signal.kill || signal == record?.stopSignal
    if isEnding, try endWaiting(identifier, cause: .kill, named: word) { return }
    let running = try runningProcess(of: identifier, named: word)
    if isEnding { announceEnd(.kill, of: identifier) }
    do throws(Fault) { try send(signal, to: running.pidfd.borrowed, of: record) } catch {
      try checkRuns(identifier, named: word)
      throw Failure("cannot signal container \(word)", error)
    }
    thawPaused(identifier)
  }

  /// Notes the signal, then sends it: its supervisor notes the end at once, and who reads is to see the reason first.
  private func send(_ signal: Int32, to pidfd: BorrowedDescriptor, of record: ContainerRecord?) throws(Fault) {
    try sendSignal(0, to: pidfd)
    if let record { note(.kill, record, ["signal": "\(signal)"]) }
    try sendSignal(signal, to: pidfd)
  }

  /// The stop signal, then, after the timeout, SIGKILL; returns when its supervisor has tidied up. A container that does
  /// not run is fine, as with docker.
  ///
  /// - Parameters:
  ///   - timeout: in seconds; nil is the container's own, a negative one waits for ever.
  ///   - cause: what is to follow.
  /// - Returns: what a person should know of how it went.
  @discardableResult
  package func stop(
    _ word: String, signal: Int32?, timeout: Int?, cause: ContainerState.Cause = .stop
  ) throws(Failure) -> String? {
    let identifier = try find(word)
    let files = store.files(of: identifier)
    while true {
      // Its record may not be written yet.
      try waitForStart(of: identifier, named: word)
      if try endWaiting(identifier, cause: cause, named: word) { return nil }
      let state = try containerState(of: identifier)
      guard state.status == .running, let process = state.process else { return nil }
      // Before anything else: whatever its supervisor does next, it knows.
      announceEnd(cause, of: identifier)
      if let pidfd = process.open() {
        return try end(process, pidfd.borrowed, try record(of: identifier), word, signal, timeout)
      }
      // It has just ended by itself, and its supervisor may be about to start it again.
      do throws(Fault) {
        try wait(on: files) { isHeld(files) && containerStatus(in: files) == .running }
      } catch { throw Failure("cannot stop container \(word)", error) }
      if !isHeld(files) { return nil }
    }
  }

  private func end(
    _ process: ProcessIdentity, _ pidfd: BorrowedDescriptor, _ record: ContainerRecord, _ word: String,
    _ signal: Int32?,
    _ timeout: Int?
  ) throws(Failure) -> String? {
    guard let identifier = ContainerIdentifier(record.identifier) else { return nil }
    let timeout = timeout ?? record.stopTimeout
    let signal = signal ?? record.stopSignal
    do throws(Fault) {
      let note = try signalToEnd(process, pidfd, record, signal, timeout)
      try waitForRest(of: store.files(of: identifier), after: process)
      self.note(.stop, record)
      return note
    } catch { throw Failure("cannot stop container \(word)", error) }
  }

  /// - Returns: why it had to be killed.
  private func signalToEnd(
    _ process: ProcessIdentity, _ pidfd: BorrowedDescriptor, _ record: ContainerRecord, _ signal: Int32, _ timeout: Int
  ) throws(Fault) -> String? {
    do throws(Fault) {
      try send(signal, to: pidfd, of: record)
      // A process that stands still takes no signal.
      if let identifier = ContainerIdentifier(record.identifier) { thawPaused(identifier) }
      let milliseconds = timeout < 0 ? nil : min(timeout, Int(Int32.max) / 1000) * 1000
      guard try poll(pidfd, .readable, milliseconds: milliseconds).isEmpty else { return nil }
      let note = deafness(of: process, to: signal, record, timeout)
      try send(Signal.kill, to: pidfd, of: record)
      return note
    } catch {
      // It ended between the look and the signal. Its supervisor is not done with that yet: who went on now would find it
      // running still, and `restart` would leave it stopped.
      if error.errno != .noSuchProcess { throw error }
      return nil
    }
  }

  /// Why a first process did not end at the signal: it has a default action for every other process, and none for the
  /// first of a pid namespace (pid_namespaces(7)).
  private func deafness(
    of process: ProcessIdentity, to signal: Int32, _ record: ContainerRecord, _ timeout: Int
  ) -> String? {
    let name = SignalName.name(of: signal)
    guard !record.hasInit,
      let caught = statusLine("SigCgt", of: process.process).flatMap({ UInt64($0, radix: 16) }),
      caught & 1 << UInt64(signal - 1) == 0
    else { return "it did not end within \(timeout) s of \(name), so it was killed" }
    return "its first process has no handler for \(name), which the kernel therefore never gives it:"
      + " it was killed after \(timeout) s (--init or --stop-signal helps)"
  }

  /// Removes a container that does not run; with `force`, kills it first.
  package func remove(_ word: String, force: Bool, withVolumes: Bool) throws(Failure) {
    let identifier = try find(word)
    let files = store.files(of: identifier)
    guard let lock = try lockForRemoval(identifier, word, force: force) else { return }
    let record = try? store.record(of: identifier)
    do throws(Fault) {
      // Its supervisor was killed, and whoever looked for that since could not have the lock.
      if exists(files.runDirectory) { releaseRemains(of: identifier, record: record) }
      if withVolumes { removeAnonymousVolumes(record?.anonymousVolumes ?? [], of: identifier) }
      try erase(files, record: record, lock)
      if let record { note(.destroy, record) }
      try lock.remove()
    } catch { throw Failure("cannot remove container \(word)", error) }
  }

  /// The lock of a container that does not run; nil when another, or with --rm its supervisor, has removed it meanwhile.
  private func lockForRemoval(
    _ identifier: ContainerIdentifier, _ word: String, force: Bool
  ) throws(Failure) -> ContainerLock? {
    let files = store.files(of: identifier)
    while true {
      // One that has lost its state file, or is just being started: neither is to go on.
      if force, isHeld(files), exists(files.record), !exists(files.state) { killAll(of: identifier) }
      try waitForStart(of: identifier, named: word, toleratesLoss: force)
      if force { _ = try endWaiting(identifier, cause: .removal, named: word) }
      if isRunning(identifier) {
        guard force else {
          throw Failure(
            .conflict, "container \(word) is running", hint: "stop it first (skiff stop \(word)), or use skiff rm -f")
        }
        killForRemoval(identifier, word)
      }
      do throws(Fault) {
        if let lock = try ContainerLock.tryTake(files) {
          if exists(files.directory) { return lock }
          try lock.remove()
          return nil
        }
        // Its supervisor is at work on its end, and may be about to start it again; or another command heals or starts it.
        if force, containerStatus(in: files) == .running { announceEnd(.removal, of: identifier) }
        try wait(on: files) {
          guard isHeld(files) else { return false }
          switch containerStatus(in: files) {
          case .starting, .restarting: return false
          case .running: return !isRunning(identifier)
          case .created, .exited, nil: return true
          }
        }
      } catch { throw Failure("cannot remove container \(word)", error) }
    }
  }

  private func killForRemoval(_ identifier: ContainerIdentifier, _ word: String) {
    announceEnd(.removal, of: identifier)
    // By its group where its state is damaged, so that nobody knows its first process.
    guard let running = try? runningProcess(of: identifier, named: word) else { return killAll(of: identifier) }
    try? send(Signal.kill, to: running.pidfd.borrowed, of: try? record(of: identifier))
    thawPaused(identifier)
    _ = try? poll(running.pidfd.borrowed, .readable, milliseconds: 5000)
  }

  private func isRunning(_ identifier: ContainerIdentifier) -> Bool {
    do throws(Fault) {
      guard let state = try store.state(of: identifier) else { return false }
      if state.status == .restarting { return try ContainerLock.isHeld(store.files(of: identifier)) }
      return state.status == .running && state.process?.isAlive == true
    } catch {
      return (try? ContainerLock.isHeld(store.files(of: identifier))) ?? false
    }
  }

  /// Takes away all that is on disk of a container whose lock the caller holds: the name last but one, so that it is not
  /// free while anything of the old one is left. Killed in the middle, it is finished by the next command, which the mark
  /// in the lock tells that the rest is no container any more.
  func erase(_ files: ContainerFiles, record: ContainerRecord?, _ lock: borrowing ContainerLock) throws(Fault) {
    let renamed = try beginErasing(files, record, lock)
    try removeTree(files.directory)
    passKillSwitch("erasing", 2)
    try removeTree(files.remains)
    try releaseNames(of: files, record, renamed)
    passKillSwitch("erasing", 3)
  }

  /// The same of a container that has just ended, and whose command waits: what it has written is removed, and the rest is
  /// put out of sight, for the caller to remove when he has said how it ended. The five directories that overlayfs and this
  /// engine made for it cost ext4 0.1 ms with a journal, 0.3 without.
  func bury(_ files: ContainerFiles, record: ContainerRecord, _ lock: borrowing ContainerLock) throws(Fault) {
    let renamed = try beginErasing(files, record, lock)
    try removeContents(of: files.upper)
    removeLogs(files)
    passKillSwitch("erasing", 2)
    // A full disk may have no room for the other name.
    do throws(Fault) { try Kernel.rename(files.directory, to: files.remains) } catch { try removeTree(files.directory) }
    passKillSwitch("erasing", 3)
    try releaseNames(of: files, record, renamed)
    passKillSwitch("erasing", 4)
  }

  /// What it said is what it has written, too. What stays goes with the rest.
  private func removeLogs(_ files: ContainerFiles) {
    guard let directory = try? open(files.directory, [.readOnly, .directory, .noFollow]) else { return }
    for entry in (try? entries(of: directory.borrowed)) ?? [] where entry.name.bytes.starts(with: "log.".utf8) {
      try? removeFile(entry.name, at: directory.borrowed)
    }
  }

  /// What comes first: from here on it is no container any more.
  ///
  /// - Returns: the name that it has by now.
  private func beginErasing(
    _ files: ContainerFiles, _ record: ContainerRecord?, _ lock: borrowing ContainerLock
  ) throws(Fault) -> String? {
    // On a full disk it is removed without: that is how the disk gets emptier.
    try? lock.markRemoval()
    passKillSwitch("erasing", 0)
    // It may have been renamed since its record was read. A rename that comes later sees the mark.
    let renamed = (try? store.record(of: files.identifier))?.name
    liftLimit(of: files, record)
    try removeRun(files)
    passKillSwitch("erasing", 1)
    return renamed
  }

  private func releaseNames(
    of files: ContainerFiles, _ record: ContainerRecord?, _ renamed: String?
  ) throws(Fault) {
    if let record {
      try names.release(record.name, of: files.identifier)
      if let renamed { try names.release(renamed, of: files.identifier) }
    } else {
      for entry in try names.all() where entry.identifier == files.identifier {
        try names.release(entry.name, of: files.identifier)
      }
    }
  }
}
