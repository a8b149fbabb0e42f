internal import Kernel

/// `run/namespace`: the number of the user namespace's inode and a process that was in it when somebody looked last,
/// `INODE PID TICKS`.
struct NamespaceRecord {
  private var inode: UInt64?
  private var holder: ProcessIdentity?

  private static func path(in run: Path) -> Path { run.appending("namespace") }

  init(in run: Path) {
    guard let text = try? readText(Self.path(in: run), limit: 256) else { return }
    let numbers = text.split(separator: " ").compactMap { UInt64($0) }
    guard numbers.count == 3, let process = ProcessIdentifier(exactly: numbers[1]) else { return }
    inode = numbers[0]
    holder = ProcessIdentity(process: process, startTicks: numbers[2])
  }

  /// Of the caller, who has just entered.
  static func write(in run: Path) throws(Fault) {
    let inode = try status(of: "/proc/self/ns/user").inode
    let own = try ProcessIdentity(of: processIdentifier())
    try replaceFile(path(in: run), with: Array("\(inode) \(own.process) \(own.startTicks)".utf8), durable: false)
  }

  /// The namespace of the recorded process, when that lives and is still in it.
  func namespaceOfHolder(for caller: Caller) -> Descriptor? {
    guard let holder, let held = holder.open() else { return nil }
    // The number means that process for as long as this is open.
    defer { hold(held) }
    return namespace(of: holder.process, for: caller)
  }

  /// The same of any process. Numbers of namespaces are given out again, perhaps to one that another program made for this
  /// user: with these very maps it would do as well, and with others it is not taken.
  func search(for caller: Caller) -> Descriptor? {
    guard inode != nil else { return nil }
    let choice = IdentifierChoice(for: caller)
    let own = processIdentifier()
    for entry in (try? entries(of: "/proc")) ?? [] {
      guard let process = ProcessIdentifier(entry.name.string), process != own,
        let namespace = namespace(of: process, for: caller),
        let space = try? IdentifierSpace(of: "\(process)"), choice.isThat(of: space)
      else { continue }
      return namespace
    }
    return nil
  }

  private func namespace(of process: ProcessIdentifier, for caller: Caller) -> Descriptor? {
    let path = Path("/proc/\(process)/ns/user")
    // One look is enough for nearly all of them: others' namespaces may not even be looked at.
    guard let seen = try? status(of: path), seen.inode == inode, let file = try? openNamespace(path),
      (try? status(of: file.borrowed))?.inode == inode, (try? namespaceOwner(of: file.borrowed)) == caller.user
    else { return nil }
    return file
  }
}
