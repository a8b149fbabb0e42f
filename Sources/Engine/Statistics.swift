package import Cgroups
package import Containers
package import Kernel

/// What one container uses at one moment.
package struct ContainerStatistics: Sendable {
  package var identifier: ContainerIdentifier
  package var name: String
  /// The first process of one that runs.
  package var process: ProcessIdentity?
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
  /// Reads the counters of containers. One that ended meanwhile has none.
  package func statistics(of containers: [ListedContainer], on layout: CgroupLayout) -> [ContainerStatistics] {
    let isRoot = isRootOfHost()
    /// Reads those that nobody has taken yet, a few at a time.
    @Sendable func read(from work: Monitor<(next: Int, found: [Int: [ContainerStatistics]])>) {
      var reader = StatisticsReader(self, layout, isRoot: isRoot)
      while true {
        let first = work.update { work in
          defer { work.next += Self.taken }
          return work.next
        }
        guard first < containers.count else { return }
        var found: [ContainerStatistics] = []
        for container in containers[first..<min(first + Self.taken, containers.count)] {
          found.append(reader.statistics(of: container))
        }
        work.update { $0.found[first] = found }
      }
    }
    let work = Monitor((next: 0, found: [Int: [ContainerStatistics]]()))
    // The kernel takes most of the time, and each processor has one of its own for that. Who gets no other thread reads alone.
    let threads = min(containers.count / 16, usableProcessorCount(), 4)
    if threads < 2 || (try? performConcurrently(threads, "skiff-stats", { read(from: work) })) == nil {
      read(from: work)
    }
    let found = work.update { $0.found }
    return stride(from: 0, to: containers.count, by: Self.taken).flatMap { found[$0] ?? [] }
  }

  private static let taken = 4

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

/// What reads of one container after the other.
private struct StatisticsReader: ~Copyable {
  private let engine: Engine
  private let layout: CgroupLayout
  private let isRoot: Bool
  /// Most containers have their groups in one place.
  private var parent: String
  private var groups: CgroupUsageReader
  private var files = ControlFileReader()

  init(_ engine: Engine, _ layout: CgroupLayout, isRoot: Bool) {
    self.engine = engine
    self.layout = layout
    self.isRoot = isRoot
    parent = Engine.usualGroup
    groups = CgroupUsageReader(below: Cgroup(group: parent, layout: layout))
  }

  mutating func statistics(of container: ListedContainer) -> ContainerStatistics {
    var statistics = ContainerStatistics(
      identifier: container.identifier, name: container.name, time: monotonicNanoseconds(), cgroup: nil, traffic: nil)
    guard container.status == .running else { return statistics }
    statistics.process = container.process
    // Before its group: one that has tasks still has its first process too, whose number was nobody else's so far.
    let traffic = traffic(of: container)
    if isRoot {
      if container.cgroupParent != parent {
        parent = container.cgroupParent
        groups = CgroupUsageReader(below: Cgroup(group: parent, layout: layout))
      }
      statistics.cgroup = groups.usage(of: Path(container.identifier.description))
    } else if let group = engine.group(of: container.identifier, in: layout) {
      // An ordinary user's may each be in another place.
      var reader = CgroupUsageReader(below: group)
      statistics.cgroup = reader.usage(of: ".")
    }
    if let traffic, statistics.cgroup?.tasks ?? 0 > 0 || container.process?.isAlive == true {
      statistics.traffic = traffic
    }
    return statistics
  }

  private mutating func traffic(of container: ListedContainer) -> NetworkTraffic? {
    switch container.networkMode {
    case "host": return nil
    // Nothing but lo, which does not count.
    case "none" where container.networks.isEmpty: return NetworkTraffic()
    default:
      return container.process.flatMap { files.read("/proc/\($0.process)/net/dev") }.map(NetworkTraffic.init(table:))
    }
  }
}

extension NetworkTraffic {
  /// /proc/PID/net/dev: two lines of headings, then `eth0: bytes packets …`, eight fields received, eight sent.
  init(table: ArraySlice<UInt8>) {
    self.init()
    var lines = ByteFields(table)
    _ = (lines.next("\n"), lines.next("\n"))
    while let line = lines.next("\n") {
      // The last colon: an interface's name may hold one, a number never.
      guard let colon = line.lastIndex(of: UInt8(ascii: ":")),
        let name = line.firstIndex(where: { $0 != UInt8(ascii: " ") }), !line[name..<colon].equals("lo")
      else { continue }
      var fields = ByteFields(line[(colon + 1)...])
      guard let received = fields.nextWord()?.decimal else { continue }
      for _ in 1..<8 { _ = fields.nextWord() }
      guard let sent = fields.nextWord()?.decimal else { continue }
      self.received &+= received
      self.sent &+= sent
    }
  }
}
