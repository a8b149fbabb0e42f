internal import Kernel

/// What `stats` shows of a group: of `CgroupStatistics` the figures for which the fewest files are read, since it looks at
/// hundreds of groups at once. A part is nil where its controller is not at hand.
package struct CgroupUsage: Hashable, Sendable {
  /// Nanoseconds of processor time since the group was made.
  package var processorTime: UInt64?
  package var memory: Memory?
  /// Tasks: threads count too.
  package var tasks: UInt64?
  package var blockIO: BlockIO?

  package init(
    processorTime: UInt64? = nil, memory: Memory? = nil, tasks: UInt64? = nil, blockIO: BlockIO? = nil
  ) {
    self.processorTime = processorTime
    self.memory = memory
    self.tasks = tasks
    self.blockIO = blockIO
  }

  package struct Memory: Hashable, Sendable {
    /// Bytes without the page cache that nobody used lately: what docker shows.
    package var working: UInt64
    /// Nil is no limit.
    package var limit: UInt64?
  }

  package struct BlockIO: Hashable, Sendable {
    /// Bytes, all devices together.
    package var read: UInt64
    package var written: UInt64
  }
}

extension Cgroup {
  /// Nil when the group is gone.
  package func usage() -> CgroupUsage? {
    let usage = CgroupUsage(
      processorTime: processorTime(), memory: memoryUsage(),
      tasks: directory(of: PidsController.self).flatMap { contents($0.path, "pids.current") }.flatMap(onlyNumber),
      blockIO: transferredBytes().map { CgroupUsage.BlockIO(read: $0.read, written: $0.written) })
    return usage == CgroupUsage() && !exists ? nil : usage
  }

  /// Nanoseconds of processor time since the group was made.
  package func processorTime() -> UInt64? {
    if let accounting = directoryInV1(of: "cpuacct") {
      return contents(accounting, "cpuacct.usage").flatMap(onlyNumber)
    }
    // cpu.stat is there without the controller too.
    return layout.unified.flatMap { contents(below($0.start), "cpu.stat") }.flatMap { number(of: "usage_usec", in: $0) }
      .map { $0 &* 1000 }
  }

  private func memoryUsage() -> CgroupUsage.Memory? {
    guard let (directory, version) = directory(of: MemoryController.self) else { return nil }
    func read(_ file: String) -> UInt64? { contents(directory, file).flatMap(onlyNumber) }
    let isFirst = version == .v1
    guard let usage = read(isFirst ? "memory.usage_in_bytes" : "memory.current") else { return nil }
    let details = contents(directory, "memory.stat") ?? []
    let idle = number(of: isFirst ? "total_inactive_file" : "inactive_file", in: details) ?? 0
    // v1 says in the same file what the groups above leave of the limit.
    let limit =
      isFirst ? number(of: "hierarchical_memory_limit", in: details).flatMap(limitOfV1) : read("memory.max")
    return CgroupUsage.Memory(working: usage - min(usage, idle), limit: limit)
  }
}
