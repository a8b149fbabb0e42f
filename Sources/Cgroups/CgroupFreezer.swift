package import Kernel

// Stopping all processes of a group and letting them go on. v2 says when it is done; v1 has to be asked.

/// How far the processes of a group are stopped, by v1's names.
package enum FreezerState: String, Hashable, Sendable {
  case thawed = "THAWED"
  /// Asked to stop; some have not yet.
  case freezing = "FREEZING"
  case frozen = "FROZEN"
}

extension Cgroup {
  /// Whether the processes are stopped by `freeze`, or on the way there, as the kernel sees it now.
  package var isFrozen: Bool { freezerState != .thawed }

  /// What either generation says: a hybrid's group may have been frozen by one that knows only the other.
  package var freezerState: FreezerState {
    if let unified = unifiedDirectory, (try? readText(unified.appending("cgroup.freeze"))) == "1" {
      // An empty group has nobody to wait for, and so never says that it is frozen.
      let events = contents(unified, "cgroup.events") ?? []
      return number(of: "frozen", in: events) == 0 && number(of: "populated", in: events) == 1 ? .freezing : .frozen
    }
    guard let freezer = directoryInV1(of: "freezer") else { return .thawed }
    return (try? readText(freezer.appending("freezer.state"))).flatMap { FreezerState(rawValue: $0) } ?? .thawed
  }

  /// Stops every process of the group; returns when all of them are. On a fault nothing stays frozen.
  ///
  /// - Parameter patience: milliseconds. Processes in uninterruptible sleep (a dead NFS server) are waited for that long:
  ///   ETIMEDOUT.
  package func freeze(patience: Int = 10_000) throws(Fault) {
    do throws(Fault) {
      // v2 first, also in a hybrid: what it has frozen can still be killed.
      if let unified = unifiedDirectory, Kernel.exists(unified.appending("cgroup.freeze")) {
        try freezeInV2(unified, patience)
      } else if let freezer = directoryInV1(of: "freezer") {
        try freezeInV1(freezer, patience)
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

  private func freezeInV2(_ directory: Path, _ patience: Int) throws(Fault) {
    // Opened before the write, so that the change is not missed.
    let events = try open(directory.appending("cgroup.events"), [.readOnly])
    try writeControl(directory.appending("cgroup.freeze"), "1")
    let start = monotonicNanoseconds()
    while true {
      let present = try events.borrowed.read(4096, at: 0)
      if number(of: "frozen", in: present) == 1 { return }
      let left = patience - Int((monotonicNanoseconds() - start) / 1_000_000)
      guard left > 0 else { throw neverFroze }
      _ = try poll(events.borrowed, .urgent, milliseconds: left)
    }
  }

  private func freezeInV1(_ directory: Path, _ patience: Int) throws(Fault) {
    let file = directory.appending("freezer.state")
    let start = monotonicNanoseconds()
    var pause = 1
    while monotonicNanoseconds() - start < UInt64(patience) * 1_000_000 {
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

extension Cgroup {
  /// The directory whose file stops the processes; nil where the host has none.
  package var freezerPath: Path? { directoryInV1(of: "freezer") ?? unifiedDirectory }
}
