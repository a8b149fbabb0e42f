package import Cgroups
package import Containers
internal import Kernel

/// What one container uses at one moment.
package struct ContainerStatistics: Sendable {
  package var identifier: ContainerIdentifier
  package var name: String
  /// CLOCK_MONOTONIC, in nanoseconds: when it was read.
  package var time: UInt64
  /// Nil when it does not run.
  package var cgroup: CgroupUsage?
  /// Nil when it has the host's network, whose traffic is not its own.
  package var traffic: NetworkTraffic?

  package init(
    identifier: ContainerIdentifier, name: String, time: UInt64, cgroup: CgroupUsage?, traffic: NetworkTraffic?
  ) {
    self.identifier = identifier
    self.name = name
    self.time = time
    self.cgroup = cgroup
    self.traffic = traffic
  }
}

/// Bytes through the links of a network namespace, `lo` left out.
package struct NetworkTraffic: Hashable, Sendable {
  package var received: UInt64
  package var sent: UInt64

  package init(received: UInt64 = 0, sent: UInt64 = 0) {
    self.received = received
    self.sent = sent
  }
}

extension Engine {
  /// Reads the counters of one container. One that ended meanwhile has none.
  ///
  /// - Parameter isFirst: of the processor's time alone, for the first of the two looks that a share of it is measured
  ///   between.
  package func statistics(
    of summary: ContainerSummary, on layout: CgroupLayout, isFirst: Bool = false
  ) -> ContainerStatistics {
    let group = group(of: summary.identifier, in: layout)
    var statistics = ContainerStatistics(
      identifier: summary.identifier, name: summary.record.name, time: monotonicNanoseconds(), cgroup: nil, traffic: nil
    )
    guard summary.state.status == .running else { return statistics }
    if isFirst {
      statistics.cgroup = CgroupUsage(processorTime: group?.processorTime())
      return statistics
    }
    statistics.cgroup = group?.usage()
    if summary.record.networkMode != "host", let process = summary.state.process, process.isAlive,
      let table = try? readFile("/proc/\(process.process)/net/dev", limit: 1 << 20)
    {
      statistics.traffic = NetworkTraffic(table: table)
    }
    return statistics
  }

  /// What limits memory where no group does: the memory of the machine, in bytes.
  package func hostMemory() -> UInt64? {
    guard let text = try? readText("/proc/meminfo"), let line = text.split(separator: "\n").first else { return nil }
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "MemTotal:", let kibibytes = UInt64(words[1]) else { return nil }
    return kibibytes &* 1024
  }

  /// The control groups of this machine, for several questions in a row.
  package func cgroupLayout() throws(Failure) -> CgroupLayout { try layout() }
}

extension NetworkTraffic {
  /// /proc/PID/net/dev: two lines of headings, then `eth0: bytes packets …`, eight fields received, eight sent.
  init(table: [UInt8]) {
    self.init()
    for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst(2) {
      // The last colon: an interface's name may hold one, a number never.
      guard let colon = line.lastIndex(of: ":") else { continue }
      let name = line[..<colon].drop { $0 == " " }
      let fields = line[line.index(after: colon)...].split(separator: " ").map { UInt64($0) ?? 0 }
      guard name != "lo", fields.count >= 9 else { continue }
      received &+= fields[0]
      sent &+= fields[8]
    }
  }
}
