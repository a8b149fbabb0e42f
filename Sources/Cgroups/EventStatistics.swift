/// What `events --stats` tells of a container: the names and the order of runc's `types.Stats`, which engines parse.
///
/// A part whose controller is not at hand is zero, as there: the readers of these numbers know no "unknown".
package struct EventStatistics: Hashable, Sendable {
  package var processor = Processor()
  package var cpuset = Cpuset()
  package var memory = Memory()
  package var processes = Processes()
  package var blockIO = BlockIO()
  /// By page size, such as `2MB`.
  package var hugePages: [String: HugePages] = [:]

  package init() {}

  package struct Processor: Hashable, Sendable {
    /// Nanoseconds.
    package var total: UInt64 = 0
    package var user: UInt64 = 0
    package var kernel: UInt64 = 0
    /// For each processor; v1 only.
    package var each: [UInt64] = []
    package var eachKernel: [UInt64] = []
    package var eachUser: [UInt64] = []
    package var periods: UInt64 = 0
    package var throttledPeriods: UInt64 = 0
    /// Nanoseconds.
    package var throttled: UInt64 = 0
    package var pressure: Pressure?
  }

  /// v1 only.
  package struct Cpuset: Hashable, Sendable {
    package var cpus: [UInt16] = []
    package var memoryNodes: [UInt16] = []
    package var cpuExclusive: UInt64 = 0
    package var memoryHardwall: UInt64 = 0
    package var memoryExclusive: UInt64 = 0
    package var memoryMigrate: UInt64 = 0
    package var memorySpreadPage: UInt64 = 0
    package var memorySpreadSlab: UInt64 = 0
    package var memoryPressure: UInt64 = 0
    package var loadBalance: UInt64 = 0
    package var relaxDomainLevel: Int64 = 0
  }

  package struct Memory: Hashable, Sendable {
    package var cache: UInt64 = 0
    package var usage = MemoryEntry()
    /// Memory and swap together, in v2 too.
    package var swap = MemoryEntry()
    /// v1 only, as is the next.
    package var kernel = MemoryEntry()
    package var kernelTCP = MemoryEntry()
    /// memory.stat as it is.
    package var raw: [String: UInt64] = [:]
    package var pressure: Pressure?
  }

  package struct MemoryEntry: Hashable, Sendable {
    /// The largest number where there is no limit.
    package var limit: UInt64 = 0
    package var usage: UInt64 = 0
    package var peak: UInt64 = 0
    package var failures: UInt64 = 0
  }

  package struct Processes: Hashable, Sendable {
    package var current: UInt64 = 0
    /// 0 where there is none.
    package var limit: UInt64 = 0
  }

  package struct BlockIO: Hashable, Sendable {
    package var bytes: [BlockEntry] = []
    package var operations: [BlockEntry] = []
    package var queued: [BlockEntry] = []
    package var serviceTime: [BlockEntry] = []
    package var waitTime: [BlockEntry] = []
    package var merged: [BlockEntry] = []
    package var time: [BlockEntry] = []
    package var sectors: [BlockEntry] = []
    package var pressure: Pressure?
  }

  package struct BlockEntry: Hashable, Sendable {
    package var major: UInt64
    package var minor: UInt64
    /// `Read`, `Write`, `Discard`, …; empty where the file does not tell them apart.
    package var operation: String
    package var value: UInt64
  }

  package struct HugePages: Hashable, Sendable {
    package var usage: UInt64 = 0
    package var peak: UInt64 = 0
    package var failures: UInt64 = 0
  }

  /// Pressure stall information (Documentation/accounting/psi.rst).
  package struct Pressure: Hashable, Sendable {
    package var some = Stall()
    package var full = Stall()
  }

  package struct Stall: Hashable, Sendable {
    /// Per cent of the last 10, 60 and 300 seconds.
    package var average10 = 0.0
    package var average60 = 0.0
    package var average300 = 0.0
    /// Microseconds.
    package var total: UInt64 = 0
  }
}
