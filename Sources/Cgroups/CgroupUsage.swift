package import Kernel

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

/// Reads what `stats` shows of groups that lie side by side. What they lie in is opened once in each hierarchy, and their files
/// are looked up from there: the kernel asks anew for every part of such a path whether that is still there.
package struct CgroupUsageReader: ~Copyable {
  private var files = ControlFileReader()
  private let unified: Descriptor?
  private let accounting: Descriptor?
  private let memory: Home?
  private let tasks: Home?
  private let blockIO: Home?

  /// - Parameter parent: of the groups.
  package init(below parent: Cgroup) {
    let layout = parent.layout
    accounting = opened(parent.directoryInV1(of: "cpuacct"))
    unified = opened(layout.unified.map { parent.below($0.start) })
    memory = Home(of: MemoryController.self, below: parent)
    tasks = Home(of: PidsController.self, below: parent)
    blockIO = Home(of: BlockIOController.self, below: parent)
  }

  /// - Parameter name: of the group, in its parent. Nil when the group is gone.
  package mutating func usage(of name: Path) -> CgroupUsage? {
    let usage = CgroupUsage(
      processorTime: processorTime(of: name), memory: memoryUsage(of: name), tasks: taskCount(of: name),
      blockIO: transferredBytes(of: name))
    return usage == CgroupUsage() && !exists(name) ? nil : usage
  }

  private func exists(_ name: Path) -> Bool {
    [unified.view, accounting.view, memory.view?.directory, tasks.view?.directory, blockIO.view?.directory].contains {
      $0.map { Kernel.exists(name, at: $0) } ?? false
    }
  }

  private mutating func processorTime(of name: Path) -> UInt64? {
    if let accounting = accounting.view {
      return files.read(name.appending("cpuacct.usage"), at: accounting).flatMap(leadingNumber)
    }
    // cpu.stat is there without the controller too.
    return unified.view.flatMap { files.read(name.appending("cpu.stat"), at: $0) }
      .flatMap { number(of: "usage_usec", in: $0) }.map { $0 &* 1000 }
  }

  private mutating func memoryUsage(of name: Path) -> CgroupUsage.Memory? {
    guard let (directory, version) = memory.view else { return nil }
    let isFirst = version == .v1
    guard
      let usage = files.read(name.appending(isFirst ? "memory.usage_in_bytes" : "memory.current"), at: directory)
        .flatMap(leadingNumber)
    else { return nil }
    var (idle, limit): (UInt64, UInt64?) = (0, nil)
    if let details = files.read(name.appending("memory.stat"), at: directory) {
      idle = number(of: isFirst ? "total_inactive_file" : "inactive_file", in: details) ?? 0
      // v1 says in the same file what the groups above leave of the limit.
      if isFirst { limit = number(of: "hierarchical_memory_limit", in: details).flatMap(limitOfV1) }
    }
    if !isFirst { limit = files.read(name.appending("memory.max"), at: directory).flatMap(leadingNumber) }
    return CgroupUsage.Memory(working: usage - min(usage, idle), limit: limit)
  }

  private mutating func taskCount(of name: Path) -> UInt64? {
    tasks.view.flatMap { files.read(name.appending("pids.current"), at: $0.directory) }.flatMap(leadingNumber)
  }

  private mutating func transferredBytes(of name: Path) -> CgroupUsage.BlockIO? {
    guard let (directory, version) = blockIO.view else { return nil }
    for file in transferFiles(version) {
      if let lines = files.read(name.appending(file), at: directory) {
        let bytes = transferred(in: lines, version)
        return CgroupUsage.BlockIO(read: bytes.read, written: bytes.written)
      }
    }
    return nil
  }
}

/// Where the groups with a controller are.
private struct Home: ~Copyable {
  let directory: Descriptor
  let version: CgroupVersion

  init?(of controller: any Controller.Type, below parent: Cgroup) {
    guard let (path, version) = parent.directory(of: controller), let directory = opened(path) else { return nil }
    self.directory = directory
    self.version = version
  }
}

extension Home? {
  fileprivate var view: (directory: BorrowedDescriptor, version: CgroupVersion)? {
    switch self {
    case .some(let home): (home.directory.borrowed, home.version)
    case .none: nil
    }
  }
}

private func opened(_ path: Path?) -> Descriptor? {
  guard let path else { return nil }
  return try? open(path, [.path, .directory])
}
