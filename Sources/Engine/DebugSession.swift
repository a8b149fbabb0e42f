package import Inside
internal import Kernel

// What a session of `debug` leaves behind is nobody's: programs that were put into the background live in the container's
// process namespace, which goes on. So a process of the host's waits for the session's end, however it comes.
//
// ```
//   command ── fork ─→ sweeper: waits on the leash
//      └─ (keeper) ── joins the container ─→ process ── its mount namespace, as a descriptor ─→ sweeper
//                                               └─ execve: its copy of the leash is closed
//   the last copy of the leash is closed: the sweeper kills whoever is in that mount namespace, and ends
// ```
// A number of a namespace is given out again when it is gone; the descriptor keeps it.

/// The toolbox of one session, and who cleans up after it.
package struct DebugSession: ~Copyable {
  private let mount: Descriptor
  private let leash: Descriptor
  private let procfs: Descriptor
  private let sweeper: ProcessIdentifier

  fileprivate init(
    mount: consuming Descriptor, leash: consuming Descriptor, procfs: consuming Descriptor, sweeper: ProcessIdentifier
  ) {
    self.mount = mount
    self.leash = leash
    self.procfs = procfs
    self.sweeper = sweeper
  }

  /// For `execute`.
  package var toolbox: Toolbox {
    Toolbox(mount: mount.borrowed, leash: leash.borrowed, procfs: procfs.borrowed)
  }

  /// Comes back when nobody of the session is left.
  package consuming func end() {
    let sweeper = sweeper
    do { _ = consume self }
    _ = try? wait(for: .process(sweeper))
  }
}

extension Engine {
  /// Stages the toolbox and starts who ends the session. The caller has one thread and no child.
  package func beginSession(_ plan: DebugPlan) throws(Failure) -> DebugSession {
    let mount = try makeToolbox(plan)
    do throws(Fault) {
      let procfs = try open("/proc", [.path, .directory, .noFollow])
      let pair = try makeSocketPair(.sequencedPacket)
      let (ours, theirs) = (pair.first.release(), pair.second.release())
      guard let sweeper = try fork() else { sweep(after: BorrowedDescriptor(rawValue: theirs)) }
      _ = Descriptor(owning: theirs)
      return DebugSession(mount: mount, leash: Descriptor(owning: ours), procfs: procfs, sweeper: sweeper)
    } catch { throw Failure("cannot begin a session", error) }
  }
}

private func sweep(after leash: BorrowedDescriptor) -> Never {
  do throws(Fault) {
    // The terminal's keys and its hangup are for the session, not for who ends it.
    try startSession()
    do {
      let null = try open("/dev/null", .readWrite)
      let leash = try leash.duplicate(from: 10)
      for number in Int32(0)...2 { try null.borrowed.duplicate(asInherited: number) }
      try leash.borrowed.duplicate(asInherited: 3)
    }
    try closeDescriptors(from: 4, onExecute: false)
    setProcessName("skiff-sweep")
    let leash = BorrowedDescriptor(rawValue: 3)
    var buffer = [UInt8](repeating: 0, count: 16)
    var namespace: Descriptor?
    while true {
      var message = try leash.receiveMessage(into: &buffer)
      if message.count == 0 { break }
      namespace = message.descriptors.take()
    }
    if let namespace { try killAll(in: namespace) }
    exitNow(0)
  } catch { exitNow(125) }
}

/// - Parameter namespace: held until nobody is left. A number that was free again meanwhile could be that of somebody else's,
///   who would be killed for it.
private func killAll(in namespace: borrowing Descriptor) throws(Fault) {
  let own = try status(of: namespace.borrowed)
  // Who is killed may have started another one a moment before. A frozen process dies when it is thawed.
  for _ in 0..<1000 {
    var isAnyoneLeft = false
    for entry in try entries(of: "/proc") {
      guard let process = ProcessIdentifier(entry.name.string), let pidfd = try? openProcess(process),
        let found = try? status(of: Path("/proc/\(process)/ns/mnt")), found.inode == own.inode,
        found.fileSystem == own.fileSystem,
        // It was that process all the time.
        (try? poll(pidfd.borrowed, .readable, milliseconds: 0).isEmpty) == true
      else { continue }
      isAnyoneLeft = true
      try? sendSignal(9, to: pidfd.borrowed)
      _ = try? poll(pidfd.borrowed, .readable, milliseconds: 20)
    }
    if !isAnyoneLeft { return }
  }
}
