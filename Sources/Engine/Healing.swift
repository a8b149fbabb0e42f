internal import Containers
internal import Cgroups
internal import Kernel
internal import Layers
internal import Networks
internal import Steps

// What a crash left. A container's lock is held from before anything of it is made until all of it is gone, by the command
// and then by the supervisor: so where a directory is there and its lock is free, somebody was killed, and whoever
// finds that takes away or finishes what was left. Every name on the host derives from the identifier, so nothing
// has to be remembered to be found.

extension Engine {
  /// Heals everything that nobody holds. Called by every command; costs one open and one flock a container.
  package func heal() {
    guard effectiveUser() == 0, let identifiers = try? store.identifiers() else { return }
    for identifier in identifiers { heal(identifier) }
    removeOrphans(living: Set(identifiers.map(\.description)))
    // Addresses that were leased for a container which never came to be.
    _ = try? networks.heal(isAlive: isAlive)
    // Layers and blobs that a command was writing or removing when it was killed.
    if exists(state.root.appending("images")), let images = try? images() { images.heal() }
  }

  private func heal(_ identifier: ContainerIdentifier) {
    let files = store.files(of: identifier)
    guard let lock = try? ContainerLock.tryTake(files) else { return }
    let record = try? store.record(of: identifier)
    let state = try? store.state(of: identifier)
    guard let record, let state else {
      // Killed while it was being made: nobody was told of it, so nobody will miss it.
      releaseHostResources(identifier, record: record)
      try? erase(files, record: record)
      try? lock.remove()
      return
    }
    if state.status == .exited && !record.removesItself {
      // Nothing of a container that has ended lives in /run; what does was left by a supervisor killed on its way out.
      if exists(files.runDirectory) { releaseHostResources(identifier, record: record) }
      return
    }
    if state.status != .exited {
      killRemains(of: state)
      var ended = state
      ended.status = .exited
      ended.process = nil
      ended.finished = now()
      ended.exitCode = 137
      ended.message = "its supervisor was killed, so it was killed too"
      try? store.write(ended, of: identifier)
    }
    releaseHostResources(identifier, record: record)
    if record.removesItself {
      try? erase(files, record: record)
      try? lock.remove()
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
    removeGroups(of: identifier)
    releaseNetwork(of: identifier, record: record)
    try? removeTree(store.files(of: identifier).runDirectory)
  }

  func removeGroups(of identifier: ContainerIdentifier) {
    guard let layout = try? CgroupLayout.detect() else { return }
    for path in Cgroup(group: cgroupName(of: identifier), layout: layout).paths where exists(path) {
      try? Cgroups.perform(.remove(path))
    }
  }

  /// Leftovers without a container: locks, names, run directories, control groups, temporary files.
  private func removeOrphans(living: Set<String>) {
    for entry in (try? entries(of: state.runningContainers)) ?? [] where !living.contains(entry.name.string) {
      guard let identifier = ContainerIdentifier(entry.name.string) else { continue }
      removeOrphan(identifier)
    }
    for entry in (try? entries(of: state.locks)) ?? [] where !living.contains(entry.name.string) {
      guard let identifier = ContainerIdentifier(entry.name.string) else { continue }
      removeOrphan(identifier)
    }
    for entry in (try? names.all()) ?? [] where !living.contains(entry.identifier.description) {
      removeOrphan(entry.identifier)
    }
  }

  private func removeOrphan(_ identifier: ContainerIdentifier) {
    let files = store.files(of: identifier)
    // The list of the living is older than this look: one that was made meanwhile has its lock held, or its directory.
    guard let lock = try? ContainerLock.tryTake(files), !exists(files.directory) else { return }
    releaseHostResources(identifier, record: nil)
    try? erase(files, record: nil)
    try? lock.remove()
  }

  /// Below the cgroup that Skiff itself may use, one group a container.
  func cgroupName(of identifier: ContainerIdentifier) -> String { "skiff/\(identifier.description)" }
}
