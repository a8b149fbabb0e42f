package import Kernel

/// What a group uses at one moment. A part is nil where its controller is not at hand.
package struct CgroupStatistics: Hashable, Sendable {
  package var processor: Processor?
  package var memory: Memory?
  package var processes: Processes?
  package var blockIO: BlockIO?

  package struct Processor: Hashable, Sendable {
    /// Nanoseconds of processor time since the group was made.
    package var total: UInt64
    package var user: UInt64
    package var system: UInt64
    /// Periods of the quota, and those in which it was used up.
    package var periods: UInt64
    package var throttledPeriods: UInt64
    /// Nanoseconds that tasks had to wait for the next period.
    package var throttled: UInt64
  }

  package struct Memory: Hashable, Sendable {
    /// Bytes, with the page cache.
    package var usage: UInt64
    /// Usage without the page cache that nobody used lately: what docker shows.
    package var working: UInt64
    /// Nil is no limit.
    package var limit: UInt64?
    /// The highest usage so far, where the kernel keeps it (v2: Linux 5.19).
    package var peak: UInt64?
    /// Bytes of swap alone, where swap is counted.
    package var swap: UInt64?
    package var swapLimit: UInt64?
  }

  package struct Processes: Hashable, Sendable {
    /// Tasks: threads count too.
    package var count: UInt64
    package var limit: UInt64?
  }

  package struct BlockIO: Hashable, Sendable {
    /// Bytes, all devices together.
    package var read: UInt64
    package var written: UInt64
    package var readOperations: UInt64
    package var writeOperations: UInt64
  }
}

extension Cgroup {
  /// Reads each file once. ENOENT when the group is gone.
  package func statistics() throws(Fault) -> CgroupStatistics {
    guard exists else {
      throw Fault("openat", .noSuchFile, arguments: "\"\(group)\"", hint: "the container is not running")
    }
    return CgroupStatistics(
      processor: processorStatistics(), memory: memoryStatistics(), processes: processStatistics(),
      blockIO: blockStatistics())
  }

  func processorStatistics() -> CgroupStatistics.Processor? {
    if let accounting = directoryInV1(of: "cpuacct") {
      guard let total = contents(accounting, "cpuacct.usage").flatMap(onlyNumber) else { return nil }
      // User and system come in ticks (USER_HZ, 100 a second), or, since Linux 4.7, in nanoseconds by files of their own.
      let ticks = contents(accounting, "cpuacct.stat") ?? []
      func time(_ file: String, _ key: StaticString) -> UInt64 {
        contents(accounting, file).flatMap(onlyNumber) ?? (number(of: key, in: ticks) ?? 0) &* 10_000_000
      }
      let limits = directoryInV1(of: "cpu").flatMap { contents($0, "cpu.stat") } ?? []
      return CgroupStatistics.Processor(
        total: total, user: time("cpuacct.usage_user", "user"), system: time("cpuacct.usage_sys", "system"),
        periods: number(of: "nr_periods", in: limits) ?? 0,
        throttledPeriods: number(of: "nr_throttled", in: limits) ?? 0,
        throttled: number(of: "throttled_time", in: limits) ?? 0)
    }
    // cpu.stat is there without the controller too.
    guard let unified = unifiedDirectory, let times = contents(unified, "cpu.stat"),
      let total = number(of: "usage_usec", in: times)
    else { return nil }
    func nanoseconds(_ key: StaticString) -> UInt64 { (number(of: key, in: times) ?? 0) &* 1000 }
    return CgroupStatistics.Processor(
      total: total &* 1000, user: nanoseconds("user_usec"), system: nanoseconds("system_usec"),
      periods: number(of: "nr_periods", in: times) ?? 0, throttledPeriods: number(of: "nr_throttled", in: times) ?? 0,
      throttled: nanoseconds("throttled_usec"))
  }

  private func memoryStatistics() -> CgroupStatistics.Memory? {
    guard let (directory, version) = directory(of: MemoryController.self) else { return nil }
    func read(_ file: String) -> UInt64? { contents(directory, file).flatMap(onlyNumber) }
    let details = contents(directory, "memory.stat") ?? []
    switch version {
    case .v1:
      guard let usage = read("memory.usage_in_bytes") else { return nil }
      let limit = read("memory.limit_in_bytes").flatMap(limitOfV1)
      let both = read("memory.memsw.usage_in_bytes")
      let bothLimit = read("memory.memsw.limit_in_bytes").flatMap(limitOfV1)
      return CgroupStatistics.Memory(
        usage: usage, working: usage - min(usage, number(of: "total_inactive_file", in: details) ?? 0), limit: limit,
        peak: read("memory.max_usage_in_bytes"), swap: both.map { $0 - min($0, usage) },
        swapLimit: bothLimit.flatMap { both in limit.map { both - min(both, $0) } })
    case .v2:
      guard let usage = read("memory.current") else { return nil }
      return CgroupStatistics.Memory(
        usage: usage, working: usage - min(usage, number(of: "inactive_file", in: details) ?? 0),
        limit: read("memory.max"), peak: read("memory.peak"), swap: read("memory.swap.current"),
        swapLimit: read("memory.swap.max"))
    }
  }

  /// The most memory that it had so far, in bytes. Nil where the kernel does not keep it.
  package func memoryPeak() -> UInt64? {
    guard let (directory, version) = directory(of: MemoryController.self) else { return nil }
    let file = version == .v1 ? "memory.max_usage_in_bytes" : "memory.peak"
    return contents(directory, file).flatMap(onlyNumber)
  }

  private func processStatistics() -> CgroupStatistics.Processes? {
    guard let (directory, _) = directory(of: PidsController.self) else { return nil }
    return contents(directory, "pids.current").flatMap(onlyNumber).map { count in
      CgroupStatistics.Processes(count: count, limit: contents(directory, "pids.max").flatMap(onlyNumber))
    }
  }

  private func blockStatistics() -> CgroupStatistics.BlockIO? {
    guard let (directory, version) = directory(of: BlockIOController.self), let bytes = transferredBytes() else {
      return nil
    }
    let operations =
      switch version {
      case .v1: bothWays(ofLines: contents(directory, "blkio.throttle.io_serviced_recursive")?[...] ?? [])
      case .v2:
        bothWays(ofFields: ("rios=", "wios="), in: contents(directory, "io.stat")?[...] ?? [])
      }
    return CgroupStatistics.BlockIO(
      read: bytes.read, written: bytes.written, readOperations: operations.0, writeOperations: operations.1)
  }

  private func transferredBytes() -> (read: UInt64, written: UInt64)? {
    guard let (directory, version) = directory(of: BlockIOController.self) else { return nil }
    for file in transferFiles(version) {
      if let lines = contents(directory, file) { return transferred(in: lines[...], version) }
    }
    return nil
  }

  func contents(_ directory: Path, _ file: String) -> [UInt8]? {
    try? readFile(directory.appending(file), limit: 1 << 20)
  }
}

// MARK: - Formats of control files

/// A file of one number; nil for `max`.
func onlyNumber(_ bytes: [UInt8]) -> UInt64? { leadingNumber(bytes[...]) }

/// v1 writes "no limit" as the largest multiple of the page size.
func limitOfV1(_ value: UInt64) -> UInt64? { value >= 0x7fff_ffff_ffff_0000 ? nil : value }

/// The number behind `key` in a file of `key number` lines.
func number(of key: StaticString, in bytes: ArraySlice<UInt8>) -> UInt64? {
  let length = key.utf8CodeUnitCount
  var start = bytes.startIndex
  while start + length < bytes.endIndex {
    if bytes[start + length] == UInt8(ascii: " "), bytes[start..<start + length].equals(key) {
      return leadingNumber(bytes[(start + length + 1)...])
    }
    while start < bytes.endIndex, bytes[start] != UInt8(ascii: "\n") { start += 1 }
    start += 1
  }
  return nil
}

func number(of key: StaticString, in bytes: [UInt8]) -> UInt64? { number(of: key, in: bytes[...]) }

/// Where bytes are counted that went to block devices and came from them; the first that is there.
func transferFiles(_ version: CgroupVersion) -> [String] {
  switch version {
  case .v1: ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"]
  case .v2: ["io.stat"]
  }
}

/// What such a file says.
func transferred(in bytes: ArraySlice<UInt8>, _ version: CgroupVersion) -> (read: UInt64, written: UInt64) {
  switch version {
  case .v1: bothWays(ofLines: bytes)
  case .v2: bothWays(ofFields: ("rbytes=", "wbytes="), in: bytes)
  }
}

/// v1 block statistics: `254:0 Read 4096`.
private func bothWays(ofLines bytes: ArraySlice<UInt8>) -> (read: UInt64, written: UInt64) {
  var (read, written): (UInt64, UInt64) = (0, 0)
  var lines = ByteFields(bytes)
  while let line = lines.next("\n") {
    var fields = ByteFields(line)
    // The last line is the sum of both and of what is neither: `Total 4096`.
    guard fields.next(" ") != nil, let kind = fields.next(" "), let count = leadingNumber(fields.rest) else { continue }
    if kind.equals("Read") { read &+= count } else if kind.equals("Write") { written &+= count }
  }
  return (read, written)
}

/// v2 block statistics: `254:0 rbytes=4096 wbytes=0 rios=1 …`.
private func bothWays(
  ofFields keys: (read: StaticString, written: StaticString), in bytes: ArraySlice<UInt8>
) -> (read: UInt64, written: UInt64) {
  func number(_ key: StaticString, _ field: ArraySlice<UInt8>) -> UInt64 {
    let length = key.utf8CodeUnitCount
    guard field.count > length, field.prefix(length).equals(key) else { return 0 }
    return leadingNumber(field.dropFirst(length)) ?? 0
  }
  var (read, written): (UInt64, UInt64) = (0, 0)
  var words = ByteFields(bytes)
  while let word = words.nextWord() {
    read &+= number(keys.read, word)
    written &+= number(keys.written, word)
  }
  return (read, written)
}

func leadingNumber(_ bytes: ArraySlice<UInt8>) -> UInt64? {
  var value: UInt64 = 0
  var digits = 0
  for byte in bytes {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
    let (product, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
    if overflow || carry { return nil }
    value = sum
    digits += 1
  }
  return digits == 0 ? nil : value
}
