package import Kernel

// Stopping all processes of a group and letting them go on. v2 says when it is done; v1 has to be asked.

extension Cgroup {
  /// Whether the processes are stopped by `freeze`, as the kernel sees it now.
  package var isFrozen: Bool {
    if let unified = unifiedDirectory, Kernel.exists(unified.appending("cgroup.freeze")) {
      return (try? readText(unified.appending("cgroup.freeze"))) == "1"
    }
    guard let freezer = directoryInV1(of: "freezer") else { return false }
    return (try? readText(freezer.appending("freezer.state"))).map { $0 != "THAWED" } ?? false
  }

  /// Stops every process of the group; returns when all of them are. On a fault nothing stays frozen.
  ///
  /// Processes in uninterruptible sleep (a dead NFS server) are waited for ten seconds: ETIMEDOUT.
  package func freeze() throws(Fault) {
    do throws(Fault) {
      // v2 first, also in a hybrid: what it has frozen can still be killed.
      if let unified = unifiedDirectory, Kernel.exists(unified.appending("cgroup.freeze")) {
        try freezeInV2(unified)
      } else if let freezer = directoryInV1(of: "freezer") {
        try freezeInV1(freezer)
      } else {
        throw Fault(
          "freeze", .notSupported, arguments: "\"\(group)\"",
          hint: "this host has neither cgroup v2 nor the v1 controller freezer")
      }
    } catch {
      try? thaw()
      throw error
    }
  }

  package func thaw() throws(Fault) {
    if let unified = unifiedDirectory, Kernel.exists(unified.appending("cgroup.freeze")) {
      try writeControl(unified.appending("cgroup.freeze"), "0")
    }
    // Also after a freeze in v1, which a container of an older kernel or of another runtime may have had.
    guard let freezer = directoryInV1(of: "freezer"), Kernel.exists(freezer) else { return }
    try writeControl(freezer.appending("freezer.state"), "THAWED")
  }

  private static var patience: Int { 10_000 }

  private func freezeInV2(_ directory: Path) throws(Fault) {
    // Opened before the write, so that the change is not missed.
    let events = try open(directory.appending("cgroup.events"), [.readOnly])
    try writeControl(directory.appending("cgroup.freeze"), "1")
    let start = monotonicNanoseconds()
    while true {
      let present = try events.borrowed.read(4096, at: 0)
      if number(of: "frozen", in: present) == 1 { return }
      let left = Self.patience - Int((monotonicNanoseconds() - start) / 1_000_000)
      guard left > 0 else { throw neverFroze }
      _ = try poll(events.borrowed, .urgent, milliseconds: left)
    }
  }

  private func freezeInV1(_ directory: Path) throws(Fault) {
    let file = directory.appending("freezer.state")
    let start = monotonicNanoseconds()
    var pause = 1
    while monotonicNanoseconds() - start < UInt64(Self.patience) * 1_000_000 {
      // A process that was born while the others stopped runs on (FREEZING): writing again reaches it too. The kernel's
      // own advice (freezer-subsystem.rst) is to retry, or to thaw and start over.
      try writeControl(file, "FROZEN")
      if try readText(file) == "FROZEN" { return }
      if pause > 50 { try writeControl(file, "THAWED") }
      _ = try poll([], milliseconds: pause)
      pause = min(pause * 2, 100)
    }
    throw neverFroze
  }

  private var neverFroze: Fault {
    Fault(
      "freeze", .timedOut, arguments: "\"\(group)\"",
      hint: "a process in it is in uninterruptible sleep (state D in ps): it can be stopped when its i/o is done")
  }
}
