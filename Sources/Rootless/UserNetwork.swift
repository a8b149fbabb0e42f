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
    let text = "\(try status(of: "/proc/self/ns/net").inode) \(own.process) \(own.startTicks) \(try networkCookie())"
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

  /// As it was written down by the process that entered last. The cookie is 0 in what an older Skiff wrote.
  private var numbers: (inode: UInt64, holder: ProcessIdentity, cookie: UInt64)? {
    let numbers = ((try? readText(record, limit: 256)) ?? "").split(separator: " ").compactMap { UInt64($0) }
    guard numbers.count >= 3, let process = ProcessIdentifier(exactly: numbers[1]) else { return nil }
    return (
      numbers[0], ProcessIdentity(process: process, startTicks: numbers[2]), numbers.count > 3 ? numbers[3] : 0
    )
  }

  /// By the process that entered last, or by another one. The number of a namespace is given out again once it is gone: while a
  /// process that was in it lives, or pasta holds it, it means this one. Where neither does, somebody may have ended that pasta
  /// while containers run: then the kernel's cookie tells, which is never given out again. The caller does not count.
  private func find() -> Descriptor? {
    guard let (inode, holder, cookie) = numbers else { return nil }
    let own = processIdentifier()
    func namespace(of process: ProcessIdentifier) -> Descriptor? {
      let path = Path("/proc/\(process)/ns/net")
      guard process != own, (try? status(of: path))?.inode == inode, let file = try? openNamespace(path),
        (try? status(of: file.borrowed))?.inode == inode
      else { return nil }
      return file
    }
    if holder.isAlive, let found = namespace(of: holder.process) { return found }
    let isHeld = forwarderRuns(recordedIn: forwarderRecord)
    guard isHeld || cookie != 0 else { return nil }
    for entry in (try? entries(of: "/proc")) ?? [] {
      guard let process = ProcessIdentifier(entry.name.string), let found = namespace(of: process) else { continue }
      // All with that number are in one and the same.
      if isHeld || networkCookie(of: found.borrowed) == cookie { return found }
      return nil
    }
    return nil
  }

  private func takeLock() throws(Fault) -> Descriptor { try openLock(run.appending("network.lock")) }
}

/// Of the network namespace that this process is in: a number that no other ever has, until the next boot (SO_NETNS_COOKIE, Linux
/// 5.14).
private func networkCookie() throws(Fault) -> UInt64 {
  let socket = try makeSocket(.ipv4, .datagram)
  var bytes = [UInt8](repeating: 0, count: 8)
  _ = try socket.borrowed.socketOption(level: 1, 71, structure: &bytes)  // SOL_SOCKET
  return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

/// Of another one. It is asked by a child: who has entered it cannot go back to the host's. Nil for one that is nobody's of this
/// user.
private func networkCookie(of namespace: BorrowedDescriptor) -> UInt64? {
  do throws(Fault) {
    let answer = try makePipe()
    guard let process = try fork() else {
      do throws(Fault) {
        try joinNamespace(namespace, .network)
        try answer.writing.borrowed.write("\(try networkCookie())")
      } catch { exitNow(1) }
      exitNow(0)
    }
    try answer.writing.close()
    let word = String(decoding: try answer.reading.borrowed.readAll(limit: 32), as: UTF8.self)
    _ = try wait(for: .process(process))
    return UInt64(word)
  } catch { return nil }
}
