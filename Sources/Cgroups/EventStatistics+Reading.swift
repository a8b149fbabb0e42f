package import Kernel

extension Cgroup {
  /// Reads each file once. ENOENT when the group is gone.
  package func eventStatistics() throws(Fault) -> EventStatistics {
    guard exists else {
      throw Fault("openat", .noSuchFile, arguments: "\"\(group)\"", hint: "the container is not running")
    }
    var statistics = EventStatistics()
    statistics.processor = processorEvents()
    statistics.cpuset = cpusetEvents()
    if let (directory, version) = directory(of: MemoryController.self) {
      let files = ControlFiles(directory)
      statistics.memory = version == .v1 ? memoryOfV1(files) : memoryOfV2(files)
    }
    if let (directory, _) = directory(of: PidsController.self) {
      let files = ControlFiles(directory)
      statistics.processes = EventStatistics.Processes(
        current: files.number("pids.current") ?? 0, limit: files.number("pids.max") ?? 0)
    }
    if let (directory, version) = directory(of: BlockIOController.self) {
      let files = ControlFiles(directory)
      statistics.blockIO = version == .v1 ? blockOfV1(files) : blockOfV2(files)
    }
    if let (directory, version) = directory(of: HugeTLBController.self) {
      statistics.hugePages = hugePages(ControlFiles(directory), version)
    }
    return statistics
  }

  // MARK: Processors

  private func processorEvents() -> EventStatistics.Processor {
    var processor = EventStatistics.Processor()
    if let known = processorStatistics() {
      (processor.total, processor.user, processor.kernel) = (known.total, known.user, known.system)
      (processor.periods, processor.throttledPeriods) = (known.periods, known.throttledPeriods)
      processor.throttled = known.throttled
    }
    if let accounting = directoryInV1(of: "cpuacct") {
      let files = ControlFiles(accounting)
      processor.each = files.lines("cpuacct.usage_percpu").first?.compactMap { UInt64($0) } ?? []
      // `cpu user system` and a line for each processor.
      for line in files.lines("cpuacct.usage_all").dropFirst() where line.count == 3 {
        processor.eachUser.append(UInt64(line[1]) ?? 0)
        processor.eachKernel.append(UInt64(line[2]) ?? 0)
      }
    } else if let unified = unifiedDirectory {
      processor.pressure = ControlFiles(unified).pressure("cpu.pressure")
    }
    return processor
  }

  private func cpusetEvents() -> EventStatistics.Cpuset {
    var cpuset = EventStatistics.Cpuset()
    guard let (directory, version) = directory(of: CpusetController.self), version == .v1 else { return cpuset }
    let files = ControlFiles(directory)
    func flag(_ name: String) -> UInt64 { files.number("cpuset." + name) ?? 0 }
    cpuset.cpus = files.numbersOfRanges("cpuset.cpus")
    cpuset.memoryNodes = files.numbersOfRanges("cpuset.mems")
    cpuset.cpuExclusive = flag("cpu_exclusive")
    cpuset.memoryHardwall = flag("mem_hardwall")
    cpuset.memoryExclusive = flag("mem_exclusive")
    cpuset.memoryMigrate = flag("memory_migrate")
    cpuset.memorySpreadPage = flag("memory_spread_page")
    cpuset.memorySpreadSlab = flag("memory_spread_slab")
    cpuset.memoryPressure = flag("memory_pressure")
    cpuset.loadBalance = flag("sched_load_balance")
    cpuset.relaxDomainLevel = files.lines("cpuset.sched_relax_domain_level").first?.first.flatMap { Int64($0) } ?? 0
    return cpuset
  }

  // MARK: Memory

  private func memoryOfV1(_ files: ControlFiles) -> EventStatistics.Memory {
    func entry(_ name: String) -> EventStatistics.MemoryEntry {
      guard let usage = files.number(name + ".usage_in_bytes") else { return EventStatistics.MemoryEntry() }
      return EventStatistics.MemoryEntry(
        limit: files.number(name + ".limit_in_bytes") ?? 0, usage: usage,
        peak: files.number(name + ".max_usage_in_bytes") ?? 0, failures: files.number(name + ".failcnt") ?? 0)
    }
    var memory = EventStatistics.Memory()
    memory.raw = files.map("memory.stat")
    memory.cache = memory.raw["cache"] ?? 0
    memory.usage = entry("memory")
    memory.swap = entry("memory.memsw")
    memory.kernel = entry("memory.kmem")
    memory.kernelTCP = entry("memory.kmem.tcp")
    return memory
  }

  private func memoryOfV2(_ files: ControlFiles) -> EventStatistics.Memory {
    func entry(_ name: String) -> EventStatistics.MemoryEntry {
      guard let usage = files.number(name + ".current") else { return EventStatistics.MemoryEntry() }
      return EventStatistics.MemoryEntry(
        limit: files.number(name + ".max") ?? .max, usage: usage, peak: files.number(name + ".peak") ?? 0)
    }
    var memory = EventStatistics.Memory()
    memory.raw = files.map("memory.stat")
    memory.cache = memory.raw["file"] ?? 0
    memory.usage = entry("memory")
    memory.swap = entry("memory.swap")
    // As v1 counts: memory and swap together, of which no peak is known.
    memory.swap.usage &+= memory.usage.usage
    let (limit, overflow) = memory.swap.limit.addingReportingOverflow(memory.usage.limit)
    if memory.swap.limit != .max { memory.swap.limit = overflow ? .max : limit }
    memory.swap.peak = 0
    memory.pressure = files.pressure("memory.pressure")
    return memory
  }

  // MARK: Devices

  private func blockOfV1(_ files: ControlFiles) -> EventStatistics.BlockIO {
    var block = EventStatistics.BlockIO()
    // CFQ's names (until Linux 5.0), BFQ's, and those of throttling, which count whatever the scheduler is.
    for prefix in ["blkio.", "blkio.bfq."] {
      let operations = files.blockEntries(prefix + "io_serviced_recursive")
      guard !operations.isEmpty else { continue }
      block.operations = operations
      block.bytes = files.blockEntries(prefix + "io_service_bytes_recursive")
      block.queued = files.blockEntries(prefix + "io_queued_recursive")
      block.serviceTime = files.blockEntries(prefix + "io_service_time_recursive")
      block.waitTime = files.blockEntries(prefix + "io_wait_time_recursive")
      block.merged = files.blockEntries(prefix + "io_merged_recursive")
      block.time = files.blockEntries(prefix + "time_recursive")
      block.sectors = files.blockEntries(prefix + "sectors_recursive")
      return block
    }
    block.bytes = files.blockEntries("blkio.throttle.io_service_bytes_recursive")
    block.operations = files.blockEntries("blkio.throttle.io_serviced_recursive")
    return block
  }

  private func blockOfV2(_ files: ControlFiles) -> EventStatistics.BlockIO {
    var block = EventStatistics.BlockIO()
    for line in files.lines("io.stat") {
      guard let (major, minor) = line.first.flatMap({ deviceNumber($0) }) else { continue }
      for field in line.dropFirst() {
        let parts = field.split(separator: "=")
        guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
        func entry(_ operation: String) -> EventStatistics.BlockEntry {
          EventStatistics.BlockEntry(major: major, minor: minor, operation: operation, value: value)
        }
        switch parts[0] {
        case "rbytes": block.bytes.append(entry("Read"))
        case "wbytes": block.bytes.append(entry("Write"))
        case "dbytes": block.bytes.append(entry("Discard"))
        case "rios": block.operations.append(entry("Read"))
        case "wios": block.operations.append(entry("Write"))
        case "dios": block.operations.append(entry("Discard"))
        default: break
        }
      }
    }
    block.pressure = files.pressure("io.pressure")
    return block
  }

  private func hugePages(_ files: ControlFiles, _ version: CgroupVersion) -> [String: EventStatistics.HugePages] {
    var found: [String: EventStatistics.HugePages] = [:]
    let usage = version == .v1 ? ".usage_in_bytes" : ".current"
    for entry in (try? entries(of: files.directory)) ?? [] {
      let name = entry.name.string
      guard name.hasPrefix("hugetlb."), name.hasSuffix(usage) else { continue }
      let size = String(name.dropFirst(8).dropLast(usage.count))
      guard !size.contains(".") else { continue }
      // What is reserved counts, where the kernel counts it: a page may be reserved and not used yet.
      let both = ["hugetlb.\(size).rsvd", "hugetlb.\(size)"]
      guard let prefix = both.first(where: { files.number($0 + usage) != nil }) else { continue }
      var pages = EventStatistics.HugePages(usage: files.number(prefix + usage) ?? 0)
      switch version {
      case .v1:
        pages.peak = files.number(prefix + ".max_usage_in_bytes") ?? 0
        pages.failures = files.number(prefix + ".failcnt") ?? 0
      case .v2: pages.failures = files.map("hugetlb.\(size).events")["max"] ?? 0
      }
      found[size] = pages
    }
    return found
  }
}

/// The control files of one group, read leniently: one that is missing or unreadable says nothing.
private struct ControlFiles {
  let directory: Path
  init(_ directory: Path) { self.directory = directory }

  private func bytes(_ file: String) -> [UInt8]? { try? readFile(directory.appending(file), limit: 1 << 20) }

  /// A file of one number; nil for `max`.
  func number(_ file: String) -> UInt64? { bytes(file).flatMap(onlyNumber) }

  /// The words of each line.
  func lines(_ file: String) -> [[Substring]] {
    text((bytes(file) ?? [])[...]).split(separator: "\n").map { $0.split(separator: " ") }
  }

  /// `key number` lines.
  func map(_ file: String) -> [String: UInt64] {
    lines(file).reduce(into: [:]) { found, line in
      if line.count == 2, let value = UInt64(line[1]) { found[String(line[0])] = value }
    }
  }

  /// `8:0 Read 4096`, or `8:0 4096`; the total of all devices is left out.
  func blockEntries(_ file: String) -> [EventStatistics.BlockEntry] {
    lines(file).compactMap { line in
      guard let (major, minor) = line.first.flatMap({ deviceNumber($0) }), line.count >= 2,
        let value = line.last.flatMap({ UInt64($0) })
      else { return nil }
      return EventStatistics.BlockEntry(
        major: major, minor: minor, operation: line.count > 2 ? String(line[1]) : "", value: value)
    }
  }

  /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`. Nil where the kernel does not keep it (psi=0, or the file's EOPNOTSUPP).
  func pressure(_ file: String) -> EventStatistics.Pressure? {
    let lines = lines(file)
    guard !lines.isEmpty else { return nil }
    var pressure = EventStatistics.Pressure()
    for line in lines {
      let fields = line.dropFirst().reduce(into: [String: String]()) { found, field in
        let parts = field.split(separator: "=")
        if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
      }
      func share(_ key: String) -> Double { fields[key].flatMap { Double($0) } ?? 0 }
      let stall = EventStatistics.Stall(
        average10: share("avg10"), average60: share("avg60"), average300: share("avg300"),
        total: fields["total"].flatMap { UInt64($0) } ?? 0)
      switch line[0] {
      case "some": pressure.some = stall
      case "full": pressure.full = stall
      default: break
      }
    }
    return pressure
  }

  /// `0-3,7`, each number by itself. The kernel's numbers end well below the cap.
  func numbersOfRanges(_ file: String) -> [UInt16] {
    guard let list = lines(file).first?.first else { return [] }
    return list.split(separator: ",").flatMap { range -> [UInt16] in
      let ends = range.split(separator: "-").compactMap { UInt16($0) }
      guard let first = ends.first, let last = ends.last, first <= last, last < 8192 else { return [] }
      return Array(first...last)
    }
  }
}

private func deviceNumber(_ text: Substring) -> (UInt64, UInt64)? {
  let parts = text.split(separator: ":", omittingEmptySubsequences: false).compactMap { UInt64($0) }
  return parts.count == 2 ? (parts[0], parts[1]) : nil
}
