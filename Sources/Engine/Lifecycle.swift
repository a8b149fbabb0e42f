internal import Containers
internal import Kernel

// stop, kill, wait, rm: what happens to a container after `run`.

extension Engine {
  /// Sends a signal to the first process.
  package func kill(_ word: String, signal: Int32) throws(Failure) {
    let running = try runningProcess(of: try find(word), named: word)
    do throws(Fault) { try sendSignal(signal, to: running.pidfd.borrowed) } catch {
      throw Failure("cannot signal container \(word)", error)
    }
  }

  /// The stop signal, then, after the timeout, SIGKILL; returns when its supervisor has tidied up. A container that does
  /// not run is fine, as with docker.
  ///
  /// - Parameter timeout: in seconds; nil is the container's own, a negative one waits for ever.
  package func stop(_ word: String, signal: Int32?, timeout: Int?) throws(Failure) {
    let identifier = try find(word)
    // Its record may not be written yet.
    try waitForStart(of: identifier, named: word)
    let record = try record(of: identifier)
    let state = try containerState(of: identifier)
    guard state.status == .running, let pidfd = state.process?.open() else { return }
    let timeout = timeout ?? record.stopTimeout
    do throws(Fault) {
      try sendSignal(signal ?? record.stopSignal, to: pidfd.borrowed)
      let milliseconds = timeout < 0 ? nil : min(timeout, Int(Int32.max) / 1000) * 1000
      if try poll(pidfd.borrowed, .readable, milliseconds: milliseconds).isEmpty {
        try sendSignal(Signal.kill, to: pidfd.borrowed)
      }
      try ContainerLock.waitUntilFree(store.files(of: identifier))
    } catch {
      // It ended on its own between the look and the signal.
      if error.errno != .noSuchProcess { throw Failure("cannot stop container \(word)", error) }
    }
  }

  /// Removes a container that does not run; with `force`, kills it first.
  package func remove(_ word: String, force: Bool, withVolumes: Bool) throws(Failure) {
    let identifier = try find(word)
    let files = store.files(of: identifier)
    try waitForStart(of: identifier, named: word)
    if isRunning(identifier) {
      guard force else {
        throw Failure(
          .conflict, "container \(word) is running", hint: "stop it first (skiff stop \(word)), or use skiff rm -f")
      }
      // By its group where its state is damaged, so that nobody knows its first process.
      if let running = try? runningProcess(of: identifier, named: word) {
        try? sendSignal(Signal.kill, to: running.pidfd.borrowed)
      } else {
        killAll(of: identifier)
      }
    }
    do throws(Fault) {
      let lock = try ContainerLock.take(files)
      // With --rm its supervisor may have removed it while we waited.
      guard exists(files.directory) else {
        try lock.remove()
        return
      }
      let record = try? store.record(of: identifier)
      // Its supervisor was killed, and whoever looked for that since could not have the lock.
      if exists(files.runDirectory) { releaseRemains(of: identifier, record: record) }
      if withVolumes { for name in record?.anonymousVolumes ?? [] { removeAnonymousVolume(name) } }
      try erase(files, record: record, lock)
      try lock.remove()
    } catch {
      throw Failure("cannot remove container \(word)", error)
    }
  }

  private func isRunning(_ identifier: ContainerIdentifier) -> Bool {
    do throws(Fault) {
      guard let state = try store.state(of: identifier) else { return false }
      return state.status == .running && state.process?.isAlive == true
    } catch {
      return (try? ContainerLock.isHeld(store.files(of: identifier))) ?? false
    }
  }

  /// Returns when nobody is just starting the container: it runs, has ended, or its start has failed. Between its record
  /// and its first process there is nobody yet whom a signal could reach.
  private func waitForStart(of identifier: ContainerIdentifier, named word: String) throws(Failure) {
    let files = store.files(of: identifier)
    func isStarting() -> Bool {
      exists(files.directory) && !exists(files.state) && ((try? ContainerLock.isHeld(files)) ?? false)
    }
    guard isStarting() else { return }
    do throws(Fault) {
      let watcher = try Watcher()
      try watcher.watch(files.directory, [.movedTo, .selfRemoved])
      while isStarting() {
        // A supervisor that is killed reports nothing, so the lock is looked at now and then as well.
        _ = try poll(watcher.borrowed, .readable, milliseconds: 100)
        _ = try watcher.take()
      }
    } catch {
      if error.errno != .noSuchFile { throw Failure("cannot wait for the start of \(word)", error) }
    }
  }

  /// Takes away all that is on disk of a container whose lock the caller holds: the name last but one, so that it is not
  /// free while anything of the old one is left. Killed in the middle, it is finished by the next command, which the mark
  /// in the lock tells that the rest is no container any more.
  func erase(_ files: ContainerFiles, record: ContainerRecord?, _ lock: borrowing ContainerLock) throws(Fault) {
    // On a full disk it is removed without: that is how the disk gets emptier.
    try? lock.markRemoval()
    passKillSwitch("erasing", 0)
    try removeTree(files.runDirectory)
    passKillSwitch("erasing", 1)
    try removeTree(files.directory)
    passKillSwitch("erasing", 2)
    if let record {
      try names.release(record.name, of: files.identifier)
    } else {
      for entry in try names.all() where entry.identifier == files.identifier {
        try names.release(entry.name, of: files.identifier)
      }
    }
    passKillSwitch("erasing", 3)
  }
}
