package import Kernel

/// Processes that the kernel killed because their group was at its limit.
package struct OutOfMemoryReport: Hashable, Sendable {
  /// How many, since the group was made.
  package var kills: UInt64
  /// Bytes; nil where the group has no limit, so that one above it was reached.
  package var limit: UInt64?
  /// The last one, where the kernel's log is readable and still holds it.
  package var victim: Victim?

  package struct Victim: Hashable, Sendable {
    /// The command name as the process had set it: from inside the container, so not to be trusted on a terminal.
    package var name: String
    package var process: ProcessIdentifier
  }
}

extension Cgroup {
  /// What happened so far; nil when nothing was killed, or no memory controller watches. Ask before the group is removed.
  package func outOfMemory() -> OutOfMemoryReport? {
    guard let kills = outOfMemoryKills(), kills > 0 else { return nil }
    return OutOfMemoryReport(kills: kills, limit: memoryLimit, victim: victim())
  }

  /// The count alone, without a look into the log.
  package func outOfMemoryKills() -> UInt64? {
    guard let (directory, version) = directory(of: MemoryController.self) else { return nil }
    // v1 counts in the group of the victim only (Linux 4.13), v2 in all above it as well.
    if version == .v2 { return contents(directory, "memory.events").flatMap { number(of: "oom_kill", in: $0) } }
    var total: UInt64?
    try? walkGroups(from: directory) { (group) throws(Fault) in
      let control = try? readFile("memory.oom_control", at: group)
      guard let kills = control.flatMap({ number(of: "oom_kill", in: $0) }) else { return }
      total = (total ?? 0) &+ kills
    }
    return total
  }

  private var memoryLimit: UInt64? {
    guard let (directory, version) = directory(of: MemoryController.self) else { return nil }
    let file = version == .v1 ? "memory.limit_in_bytes" : "memory.max"
    guard let limit = contents(directory, file).flatMap(onlyNumber) else { return nil }
    return version == .v1 && limit >= 0x7fff_ffff_ffff_0000 ? nil : limit
  }

  private func victim() -> OutOfMemoryReport.Victim? {
    guard let log = try? open("/dev/kmsg", [.readOnly, .nonBlocking]) else { return nil }
    var buffer = [UInt8](repeating: 0, count: 8192)
    var found: OutOfMemoryReport.Victim?
    // One read is one record. A record that was overwritten meanwhile is EPIPE, and the next read goes on behind it.
    for _ in 0..<1_000_000 {
      do throws(Fault) {
        let count = try log.borrowed.read(into: &buffer)
        guard count > 0 else { break }
        if let (group, victim) = KernelLog.victim(in: buffer[..<count]), KernelLog.names(group, self.group) {
          found = victim
        }
      } catch {
        if error.errno == .brokenPipe { continue }
        break
      }
    }
    return found
  }
}

/// The line that the kernel logs for each victim (mm/oom_kill.c, dump_oom_summary).
enum KernelLog {
  /// The group whose limit was reached, and the victim. The name is the victim's own choice, so it is read from both ends.
  static func victim(in record: ArraySlice<UInt8>) -> (group: String, victim: OutOfMemoryReport.Victim)? {
    // `6,1234,5678,-;oom-kill:constraint=…,oom_memcg=/skiff/web,task_memcg=/skiff/web,task=hog,pid=42,uid=0`
    let line = text(record.prefix { $0 != UInt8(ascii: "\n") })
    guard let semicolon = line.firstIndex(of: ";") else { return nil }
    let message = line[line.index(after: semicolon)...]
    guard message.hasPrefix("oom-kill:"), let group = message.part(after: ",oom_memcg=", before: ",task_memcg=") else {
      return nil
    }
    guard let task = message.part(after: ",task=", before: nil) else { return nil }
    let fields = task.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count >= 3, fields[fields.count - 2].hasPrefix("pid="),
      let process = ProcessIdentifier(fields[fields.count - 2].dropFirst(4))
    else { return nil }
    let name = fields.dropLast(2).joined(separator: ",")
    return (String(group), OutOfMemoryReport.Victim(name: name, process: process))
  }

  /// Whether a path of the log is the group or below it. The log counts from the hierarchy's own root, which lies above
  /// what a nested mount shows.
  static func names(_ logged: String, _ group: String) -> Bool {
    let wanted = Path(group).components.map(\.string)
    let parts = Path(logged).components.map(\.string)
    guard !wanted.isEmpty, parts.count >= wanted.count else { return false }
    return (0...(parts.count - wanted.count)).contains { parts[$0...].starts(with: wanted) }
  }
}

extension Substring {
  /// What stands between the first `start` and the first `end` behind it (or the end of the text).
  fileprivate func part(after start: String, before end: String?) -> Substring? {
    guard let from = firstRange(of: start)?.upperBound else { return nil }
    guard let end else { return self[from...] }
    guard let to = self[from...].firstRange(of: end)?.lowerBound else { return nil }
    return self[from..<to]
  }

  /// The standard library's `firstRange` comes with regular expressions, which a small static program does without.
  private func firstRange(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}

// MARK: - Waiting for it

/// Something to poll for while a container runs: readable when the group was short of memory, or is gone. Then ask
/// `Cgroup.outOfMemory`, for the event says neither which nor how often.
package struct OutOfMemoryWatcher: ~Copyable {
  private enum Source: ~Copyable {
    case v1(Event)
    case v2(Watcher)
  }
  private let source: Source

  /// ENOENT when the group or its memory controller is missing.
  package init(_ group: Cgroup) throws(Fault) {
    guard let (directory, version) = group.directory(of: MemoryController.self) else {
      throw Fault("openat", .noSuchFile, arguments: "\"\(group.group)\"", hint: "this host has no memory controller")
    }
    switch version {
    case .v2:
      let watcher = try Watcher()
      try watcher.watch(directory.appending("memory.events"), [.modified])
      source = .v2(watcher)
    case .v1:
      // cgroup-v1/memory.rst, "OOM Control": the numbers of an eventfd and of the open control file. The kernel keeps what
      // it needs of the second.
      let event = try Event()
      let control = try open(directory.appending("memory.oom_control"), [.readOnly])
      try writeControl(
        directory.appending("cgroup.event_control"), "\(event.borrowed.rawValue) \(control.rawValue)")
      source = .v1(event)
    }
  }

  /// Wait for `.readable`.
  package var borrowed: BorrowedDescriptor {
    switch source {
    case .v1(let event): event.borrowed
    case .v2(let watcher): watcher.borrowed
    }
  }

  /// Takes what was reported, so that the descriptor is readable again only after the next time.
  package func acknowledge() throws(Fault) {
    switch source {
    case .v1(let event): _ = try event.take()
    case .v2(let watcher): _ = try watcher.take()
    }
  }
}
