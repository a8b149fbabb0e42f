internal import Containers
internal import Cgroups
internal import Kernel
internal import Layers
internal import Networks
internal import Steps
internal import Volumes

// What a crash left. A container's lock is held from before anything of it is made until all of it is gone, by the command
// and then by the supervisor: so where a directory is there and its lock is free, somebody was killed, and whoever
// finds that takes away or finishes what was left. Every name on the host derives from the identifier, so nothing
// has to be remembered to be found.

extension Engine {
  /// Heals everything that nobody holds. Called by every command, so it is cheap where there is nothing to do: one file is
  /// read for a container that has ended, and one lock is tried for another.
  package func heal() {
    healContainers()
    healStores()
  }

  /// The same for who looks at one container alone, hundreds of times a minute perhaps: nothing is wrong with that where
  /// somebody holds it, and no command has left it frozen.
  package func heal(for word: String) {
    guard let identifier = try? find(word), (try? ContainerLock.isHeld(store.files(of: identifier))) == true,
      !exists(pauseLock(identifier))
    else { return heal() }
  }

  /// Layers, blobs and volumes that a command was writing or removing when it was killed; images that are mounted no more.
  package func healStores() {
    guard effectiveUser() == 0 else { return }
    imageMounts.heal()
    if exists(state.root.appending("images")), let images = try? images() { images.heal() }
    volumes.heal()
    keepCacheBudget()
  }

  package func healContainers() {
    guard effectiveUser() == 0 else { return }
    tidyNetworks()
    let locks = LockTraces(in: state)
    // Each lock is held by somebody who lives, and a command of this boot has looked at all the rest: whatever would have to
    // be healed has a lock that was made before it.
    let isQuiet = locks.areHeld(butFor: Self.frozenSuffix) && exists(state.healed)
    if isQuiet {
      _ = try? networks.healNetworks()
    } else {
      healAll(locks)
    }
  }

  /// Looks at every container, name and lease.
  private func healAll(_ locks: LockTraces) {
    guard let identifiers = try? store.identifiers() else { return }
    let traces = locks.names.union(names(in: state.runningContainers))
    thawForgotten(traces)
    removeForgottenHints(traces)
    var held = locks.held
    for identifier in identifiers where !held.contains(identifier.description) && !isAtRest(identifier, traces) {
      if heal(identifier) { held.insert(identifier.description) }
    }
    let given = (try? names.all()) ?? []
    removeOrphans(traces, given, living: Set(identifiers.map(\.description)))
    healNames(given, traces)
    // Addresses that were leased for a container which never came to be.
    _ = try? networks.heal { held.contains($0) || isAlive($0) }
    _ = try? open(state.healed, [.writeOnly, .create, .noFollow], mode: 0o600)
  }

  private func names(in directory: Path) -> Set<String> {
    Set(((try? entries(of: directory)) ?? []).map(\.name.string))
  }

  /// A container that has ended and has nothing in /run: no lock, no directory.
  private func isAtRest(_ identifier: ContainerIdentifier, _ traces: Set<String>) -> Bool {
    guard !traces.contains(identifier.description) else { return false }
    let status = (try? store.state(of: identifier))?.status
    return status == .exited || status == .created
  }

  /// One whose state cannot be read, which nothing but the reading tells. Where nobody holds it, it has ended, and that is
  /// written down.
  ///
  /// - Returns: whether it was.
  func healDamaged(_ identifier: ContainerIdentifier) -> Bool { effectiveUser() == 0 && !heal(identifier) }

  /// True when somebody holds the container: its supervisor, or a command that is making or removing it.
  private func heal(_ identifier: ContainerIdentifier) -> Bool {
    let files = store.files(of: identifier)
    guard let lock = try? ContainerLock.tryTake(files) else { return true }
    passKillSwitch("healing", 0)
    var record: ContainerRecord?
    do throws(Fault) { record = try store.record(of: identifier) } catch {
      // Damaged, it is still somebody's container. Missing, it was never finished.
      if error.errno != .noSuchFile && !lock.marksRemoval {
        end(identifier, record: nil)
        return false
      }
    }
    if lock.marksRemoval {
      remove(identifier, record: record, consume lock)
      return false
    }
    if (try? store.state(of: identifier))?.status == .created {
      try? lock.remove()
      return false
    }
    guard let record, exists(files.state) else {
      // Killed while it was being made: nobody was told of it, so nobody will miss it.
      removeAnonymousVolumes(of: identifier)
      remove(identifier, record: record, consume lock)
      return false
    }
    end(identifier, record: record)
    guard record.removesItself else {
      try? lock.remove()
      return false
    }
    removeAnonymousVolumes(record.anonymousVolumes, of: identifier)
    remove(identifier, record: record, consume lock)
    return false
  }

  private func remove(
    _ identifier: ContainerIdentifier, record: ContainerRecord?, _ lock: consuming ContainerLock
  ) {
    releaseHostResources(identifier, record: record)
    do throws(Fault) {
      try erase(store.files(of: identifier), record: record, lock)
      try lock.remove()
    } catch {
      // The mark is in the lock: the next command tries again.
    }
  }

  /// A container without a supervisor has ended, whatever its state says; what it was is kept.
  func end(_ identifier: ContainerIdentifier, record: ContainerRecord?) {
    var state: ContainerState
    var isDamaged = false
    do throws(Fault) { state = try store.state(of: identifier) ?? ContainerState(status: .running) } catch {
      state = ContainerState(status: .running)
      isDamaged = true
    }
    if state.status != .exited && state.status != .created {
      killRemains(of: state)
      passKillSwitch("healing", 4)
      let before = state.status
      state.status = .exited
      state.process = nil
      state.finished = now()
      state.exitCode = 137
      state.message = isDamaged ? "how it ended is not known: its state file was damaged" : interruption(of: before)
      try? store.write(state, of: identifier)
      if let record { noteEnd(state, record) }
    }
    releaseHostResources(identifier, record: record)
  }

  private func interruption(of status: ContainerState.Status) -> String {
    switch status {
    case .starting: "who started it was killed before it ran"
    case .restarting: "its supervisor was killed while it waited to start it again"
    case .running, .created, .exited: "its supervisor was killed, so it was killed too"
    }
  }

  /// Kills what still runs of a container without a supervisor: its streams lead nowhere and nobody would see its end.
  private func killRemains(of state: ContainerState) {
    guard let pidfd = state.process?.open() else { return }
    try? sendSignal(Signal.kill, to: pidfd.borrowed)
    _ = try? poll(pidfd.borrowed, .readable, milliseconds: 5000)
  }

  /// The same for a container that is removed before anybody healed it.
  func releaseRemains(of identifier: ContainerIdentifier, record: ContainerRecord?) {
    if let state = try? store.state(of: identifier) { killRemains(of: state) }
    releaseHostResources(identifier, record: record)
  }

  /// What the supervisor's undo list would have taken back, found again by name.
  private func releaseHostResources(_ identifier: ContainerIdentifier, record: ContainerRecord?) {
    passKillSwitch("healing", 1)
    takeBack(store.files(of: identifier))
    passKillSwitch("healing", 2)
    releaseNetwork(of: identifier, record: record)
    passKillSwitch("healing", 3)
    unmountVolumes(of: identifier)
    try? removeRun(store.files(of: identifier))
  }

  func removeGroups(of identifier: ContainerIdentifier) {
    guard let layout = try? CgroupLayout.detect(), let group = group(of: identifier, in: layout) else { return }
    for path in group.paths where exists(path) {
      try? Cgroups.perform(.remove(path))
    }
  }

  /// Leftovers without a container: locks, run directories, names, what was being removed.
  private func removeOrphans(_ traces: Set<String>, _ given: [ContainerNames.Entry], living: Set<String>) {
    var orphans = traces.subtracting(living)
    for entry in given { orphans.insert(entry.identifier.description) }
    for identifier in store.remains() { orphans.insert(identifier.description) }
    for word in orphans.subtracting(living) {
      if let identifier = ContainerIdentifier(word) { removeOrphan(identifier, wasHeld: traces.contains(word)) }
    }
  }

  private func removeOrphan(_ identifier: ContainerIdentifier, wasHeld: Bool) {
    // The list of the living is older than this look: one that was made meanwhile has its lock held, or its directory.
    guard let lock = try? ContainerLock.tryTake(store.files(of: identifier)),
      !exists(store.files(of: identifier).directory)
    else { return }
    // Killed before there was a directory; or while it was removed, by a boot too, and then its volumes are to stay.
    if wasHeld && !lock.marksRemoval { removeAnonymousVolumes(of: identifier) }
    remove(identifier, record: nil, consume lock)
  }

  /// Below the cgroup that Skiff itself may use, or the one of `--cgroup-parent`, one group a container. That is a file of
  /// its own, so that it is known of a container whose record is damaged too.
  func cgroupName(of identifier: ContainerIdentifier) -> String {
    "\(cgroupParent(of: identifier))/\(identifier.description)"
  }

  func cgroupParent(of identifier: ContainerIdentifier) -> String {
    (try? readText(store.files(of: identifier).cgroupParent, limit: 4096)) ?? Self.usualGroup
  }

  /// The same of one that is not on disk yet.
  func cgroupName(of record: ContainerRecord) -> String {
    "\(record.options.cgroupParent ?? Self.usualGroup)/\(record.identifier)"
  }

  static let usualGroup = "skiff"
}
