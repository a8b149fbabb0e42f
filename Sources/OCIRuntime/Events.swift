internal import Cgroups
internal import JSON
internal import Kernel
internal import RuntimeSpec

/// What `events` prints: a line of JSON each.
struct RuntimeEvent: JSONWritable {
  var type: String
  var id: String
  var data: EventStatistics?

  func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("type", type)
      $0.member("id", id)
      $0.member("data", data)
    }
  }

  var line: String { jsonString() + "\n" }
}

extension OCIRuntime {
  /// One line with what the container uses.
  package func statisticsLine(of id: String) throws(RuntimeFailure) -> String {
    let (group, _) = try watched(id)
    return try line(of: group, id)
  }

  /// Such a line at once every `interval`, and one each time that the container ran out of memory, until it has ended or
  /// `print` says that nobody reads.
  ///
  /// - Parameter interval: nanoseconds.
  package func watch(_ id: String, every interval: UInt64, _ print: (String) -> Bool) throws(RuntimeFailure) {
    let (group, process) = try watched(id)
    guard let pidfd = process.open() else { throw notRunning(id) }
    // A host without the controller has nothing to say about memory; the numbers go on.
    let watcher = try? OutOfMemoryWatcher(group)
    let memory = watcher.view
    do throws(Fault) {
      let timer = try Timer()
      try timer.set(nanoseconds: interval, interval: interval)
      var kills = group.outOfMemoryKills() ?? 0
      while true {
        var sources: [(BorrowedDescriptor, PollEvents)] = [(pidfd.borrowed, .readable), (timer.borrowed, .readable)]
        if let memory { sources.append((memory, .readable)) }
        let ready = try poll(sources)
        if ready.count > 2, !ready[2].isEmpty {
          try watcher.acknowledge()
          // The files change for less than a kill too, and once more when the group goes.
          let now = group.outOfMemoryKills() ?? kills
          if now > kills, !print(RuntimeEvent(type: "oom", id: id).line) { return }
          kills = max(kills, now)
        }
        if !ready[1].isEmpty {
          _ = try timer.take()
          guard let line = try? line(of: group, id) else { return }
          if !print(line) { return }
        }
        if !ready[0].isEmpty { return }
      }
    } catch { throw RuntimeFailure("cannot watch \(id)", error) }
  }

  private func watched(_ id: String) throws(RuntimeFailure) -> (Cgroup, ProcessIdentity) {
    let view = try view(of: id)
    guard view.status != .stopped, let process = view.state.process else { throw notRunning(id) }
    return (try ownGroup(of: view.state, "watch"), process)
  }

  private func notRunning(_ id: String) -> RuntimeFailure { RuntimeFailure("container with id \(id) is not running") }

  private func line(of group: Cgroup, _ id: String) throws(RuntimeFailure) -> String {
    let statistics = try told("cannot read the statistics of \(id)") { () throws(Fault) in
      try group.eventStatistics()
    }
    return RuntimeEvent(type: "stats", id: id, data: statistics).line
  }
}

extension OutOfMemoryWatcher? {
  // Optional chaining would consume it.

  fileprivate var view: BorrowedDescriptor? {
    switch self {
    case .some(let watcher): watcher.borrowed
    case .none: nil
    }
  }

  fileprivate func acknowledge() throws(Fault) {
    switch self {
    case .some(let watcher): try watcher.acknowledge()
    case .none: break
    }
  }
}
