internal import Cgroups
internal import Containers
internal import Kernel

// A container stands still while its files are read. Whoever is killed meanwhile would leave it frozen for ever, so it
// holds a lock `<id>.paused` beside the container's own: where that file is and nobody holds it, the next command thaws.

extension Engine {
  /// Freezes the container until `thaw`; waits for another command that has it frozen. Nil when it does not run, or when
  /// the host has no freezer.
  func freeze(_ identifier: ContainerIdentifier) -> Descriptor? {
    guard let layout = try? CgroupLayout.detect() else { return nil }
    let group = Cgroup(group: cgroupName(of: identifier), layout: layout)
    guard group.exists,
      let lock = try? open(pauseLock(identifier), [.readWrite, .create, .noFollow], mode: 0o600),
      (try? lock.borrowed.lock(.exclusive)) != nil
    else { return nil }
    do throws(Fault) { try group.freeze() } catch {
      try? removeFile(pauseLock(identifier))
      return nil
    }
    return lock
  }

  /// The caller holds the lock that `freeze` gave.
  func thaw(_ identifier: ContainerIdentifier) {
    if let layout = try? CgroupLayout.detect() {
      try? Cgroup(group: cgroupName(of: identifier), layout: layout).thaw()
    }
    try? removeFile(pauseLock(identifier))
  }

  /// Thaws what a command that was killed left frozen.
  func thawForgotten(_ traces: Set<String>) {
    for trace in traces where trace.hasSuffix(Self.pauseSuffix) {
      guard let identifier = ContainerIdentifier(String(trace.dropLast(Self.pauseSuffix.utf8.count))),
        let lock = try? open(pauseLock(identifier), [.readWrite, .noFollow]),
        (try? lock.borrowed.tryLock(.exclusive)) == true
      else { continue }
      thaw(identifier)
    }
  }

  private static let pauseSuffix = ".paused"
  private func pauseLock(_ identifier: ContainerIdentifier) -> Path {
    state.locks.appending(identifier.description + Self.pauseSuffix)
  }
}
