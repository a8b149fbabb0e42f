internal import Containers
internal import Kernel

// Waiting for what another command or a supervisor does with a container.
//
// Nobody waits in flock(2): who gets the lock next may be somebody who starts the container, and holds it for months. So what
// is waited for is said as a condition, and looked at again whenever the container's files change or a lock goes.

extension Engine {
  /// Returns when `isGoingOn` is false.
  func wait(on files: ContainerFiles, while isGoingOn: () -> Bool) throws(Fault) {
    // Most waits are a matter of milliseconds, and whoever closes an inotify instance waits as long again or longer, for a
    // grace period of SRCU (fsnotify_destroy_group): so the first twenty are waited for by looking.
    var pause = 200
    while pause < 8000 {
      guard isGoingOn() else { return }
      sleep(microseconds: pause)
      pause += pause / 2
    }
    let watcher = try Watcher()
    try watcher.watch(state.locks, .removed)
    do throws(Fault) { try watcher.watch(files.directory, [.movedTo, .selfRemoved]) } catch {
      if error.errno != .noSuchFile { throw error }
    }
    while isGoingOn() {
      // A supervisor that is killed reports nothing, so it is looked at now and then as well.
      _ = try poll(watcher.borrowed, .readable, milliseconds: 100)
      _ = try watcher.take()
    }
  }

  func isHeld(_ files: ContainerFiles) -> Bool { (try? ContainerLock.isHeld(files)) ?? false }

  func containerStatus(in files: ContainerFiles) -> ContainerState.Status? {
    ((try? store.state(of: files.identifier)) ?? nil)?.status
  }

  /// Until its supervisor has tidied up after that life of it, or somebody has begun another one.
  func waitForRest(of files: ContainerFiles, after process: ProcessIdentity) throws(Fault) {
    try wait(on: files) {
      guard isHeld(files), let state = (try? store.state(of: files.identifier)) ?? nil else { return isHeld(files) }
      switch state.status {
      case .created, .exited: return true
      case .running: return state.process == process
      case .starting, .restarting: return false
      }
    }
  }

  /// Returns when nobody is just starting the container: it runs, has ended, or its start has failed. Between its record
  /// and its first process there is nobody yet whom a signal could reach.
  ///
  /// - Parameter toleratesLoss: for one who has ended it, and so waits for its supervisor to write the state anew.
  func waitForStart(
    of identifier: ContainerIdentifier, named word: String, toleratesLoss: Bool = false
  ) throws(Failure) {
    let files = store.files(of: identifier)
    do throws(Fault) {
      try wait(on: files) {
        guard exists(files.directory) else { return false }
        let status = containerStatus(in: files)
        guard status == .starting || status == nil && !exists(files.state) else { return false }
        return isHeld(files) && (toleratesLoss || !hasLostState(files))
      }
    } catch { throw Failure("cannot wait for the start of \(word)", error) }
    if !toleratesLoss { try checkState(files, named: word) }
  }

  /// Refuses a container that runs while somebody has taken away what is known of that: nobody could tell its processes.
  func checkState(_ files: ContainerFiles, named word: String) throws(Failure) {
    guard isHeld(files), hasLostState(files) else { return }
    throw Failure(
      .conflict, "container \(word) runs, and what is known of it is lost: \(files.state) is gone",
      hint: "skiff rm -f \(word) ends it and takes it away")
  }

  /// A supervisor writes the state first, and who removes a container takes the mark away first: so a mark on both sides of
  /// the look at the state says that the state should be there.
  private func hasLostState(_ files: ContainerFiles) -> Bool {
    exists(files.started) && !exists(files.state) && exists(files.started)
  }

  /// Ends a container that only waits for its next life. False where it does something else by now.
  func endWaiting(
    _ identifier: ContainerIdentifier, cause: ContainerState.Cause, named word: String
  ) throws(Failure) -> Bool {
    let files = store.files(of: identifier)
    guard containerStatus(in: files) == .restarting else { return false }
    announceEnd(cause, of: identifier)
    do throws(Fault) {
      try wait(on: files) { containerStatus(in: files) == .restarting && isHeld(files) }
      // It may just have begun its next life: that one is ended like any other.
      if containerStatus(in: files) == .running { return false }
      try wait(on: files) { containerStatus(in: files) == .exited && isHeld(files) }
      return true
    } catch { throw Failure("cannot end container \(word)", error) }
  }
}
