package import Kernel
internal import Launching
package import Steps

// One network namespace for the networks that a user makes: their bridges, their rules and the supervisors of the containers
// on them are in it, as root's are in the host's, and one pasta(1) leads out of it.
//
//   host ── pasta ── the user's network namespace ─┬─ bridge ── container
//                                                  └─ supervisors
//
// Nobody keeps it: it lives while a process or that pasta is in it, and who leaves as the last ends the pasta.

/// Where a user's network namespace is written down.
package struct UserNetwork: Sendable {
  private let run: Path
  private var record: Path { run.appending("network") }
  package var forwarderRecord: Path { run.appending("forwarder") }

  /// - Parameter run: the user's directory of what dies with a boot; it is there.
  package init(in run: Path) { self.run = run }

  /// This process goes on in there. It is made where it is not there.
  ///
  /// From then on this process cannot go back to the host's, which is another owner's.
  ///
  /// - Parameters:
  ///   - forwarder: what leads out of it; nil for a caller who only looks and tidies: then, where there is none, it is an empty
  ///     one that ends with this process.
  ///   - forget: called where it is a new one, which has none of what was made in the last.
  package func enter(_ forwarder: UserForwarder?, forget: () -> Void) throws(Fault) {
    if isInside { return }
    let lock = try takeLock()
    defer { hold(lock) }
    if let namespace = find() {
      if let forwarder, !forwarderRuns(recordedIn: forwarderRecord) { try start(forwarder, for: namespace.borrowed) }
      try joinNamespace(namespace.borrowed, .network)
    } else {
      // Of one whose last process was killed.
      try? stopForwarder(recordedIn: forwarderRecord)
      forget()
      guard let forwarder else {
        try? removeFile(record)
        return try unshare(.network)
      }
      let namespace = try withHolder(of: .network) { (holder) throws(Fault) in
        try openNamespace("/proc/\(holder)/ns/net")
      }
      try start(forwarder, for: namespace.borrowed)
      try joinNamespace(namespace.borrowed, .network)
    }
    let own = try ProcessIdentity(of: processIdentifier())
    let text = "\(try status(of: "/proc/self/ns/net").inode) \(own.process) \(own.startTicks)"
    try replaceFile(record, with: Array(text.utf8), durable: false)
  }

  /// A new namespace of this process alone: whoever waits for its end does not hold the user's.
  package func leave() throws(Fault) {
    guard isInside else { return }
    try unshare(.network)
    tidy()
  }

  /// Ends what leads out of it when nobody else is in it.
  package func tidy() {
    // Who is in it and heals while the supervisor that it has started is on its way there keeps it.
    guard exists(forwarderRecord), !isInside, let lock = try? takeLock() else { return }
    defer { hold(lock) }
    if find() == nil { try? stopForwarder(recordedIn: forwarderRecord) }
  }

  /// Whether this process is in it.
  package var isInside: Bool {
    guard let number = numbers?.inode, let own = try? status(of: "/proc/self/ns/net").inode else { return false }
    return number == own
  }

  private var numbers: (inode: UInt64, holder: ProcessIdentity)? {
    let numbers = ((try? readText(record, limit: 256)) ?? "").split(separator: " ").compactMap { UInt64($0) }
    guard numbers.count == 3, let process = ProcessIdentifier(exactly: numbers[1]) else { return nil }
    return (numbers[0], ProcessIdentity(process: process, startTicks: numbers[2]))
  }

  /// By the process that entered last, or by another one. The number of a namespace is given out again once it is gone: only
  /// while a process that was in it lives, or pasta holds it, does it mean this one. The caller does not count.
  private func find() -> Descriptor? {
    guard let (inode, holder) = numbers else { return nil }
    let own = processIdentifier()
    func namespace(of process: ProcessIdentifier) -> Descriptor? {
      let path = Path("/proc/\(process)/ns/net")
      guard process != own, (try? status(of: path))?.inode == inode, let file = try? openNamespace(path),
        (try? status(of: file.borrowed))?.inode == inode
      else { return nil }
      return file
    }
    if holder.isAlive, let found = namespace(of: holder.process) { return found }
    guard forwarderRuns(recordedIn: forwarderRecord) else { return nil }
    for entry in (try? entries(of: "/proc")) ?? [] {
      if let process = ProcessIdentifier(entry.name.string), let found = namespace(of: process) { return found }
    }
    return nil
  }

  private func takeLock() throws(Fault) -> Descriptor {
    let lock = try open(run.appending("network.lock"), [.readWrite, .create, .noFollow], mode: 0o600)
    try lock.borrowed.lock(.exclusive)
    return lock
  }

  /// Named in a `defer`, so that the lock is let go at the end of the scope and not after its last use.
  private func hold(_ lock: borrowing Descriptor) {}
}
