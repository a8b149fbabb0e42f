package import Steps

/// What a container may use. Nil and empty mean that nothing is said, so the kernel's own default (or, in an update, the
/// present value) stays.
package struct Resources: Hashable, Sendable {
  package var memory = Memory()
  package var processor = Processor()
  /// Tasks; -1 is no limit.
  package var processes: Int64?
  package var blockIO = BlockIO()
  /// Later rules win, and what no rule names is refused; empty restricts nothing.
  package var devices: [DeviceRule] = []
  package var hugePages: [HugePageLimit] = []
  package var network = Network()
  package var remoteMemory: [RemoteMemoryLimit] = []
  /// v2 control files by name, written as they are.
  package var unified: [ControlSetting] = []

  package init() {}

  package struct Memory: Hashable, Sendable {
    /// Bytes; -1 is no limit.
    package var limit: Int64?
    /// Bytes that are kept when the whole host is short of memory.
    package var reservation: Int64?
    /// Bytes of memory and swap together, as v1 and docker count; -1 is no limit.
    package var swap: Int64?
    /// Bytes of kernel memory: no kernel since 5.16 has this limit, so it is left out and said so.
    package var kernel: Int64?
    /// Bytes of TCP buffers, v1 only.
    package var kernelTCP: Int64?
    /// 0 to 100, v1 only.
    package var swappiness: UInt64?
    /// v1 only: tasks wait for memory instead of being killed.
    package var disablesKiller: Bool?
    /// Whether groups below count here. Linux has always done so since 5.11.
    package var usesHierarchy: Bool?
    /// An update below what is used now is refused, where the kernel would kill for it.
    package var checksUsage = false
    package init() {}
  }

  /// cpu and cpuset.
  package struct Processor: Hashable, Sendable {
    /// Relative weight, 2 to 262144; 1024 is what an unlimited group has.
    package var shares: UInt64?
    /// Microseconds of processor time in each period; -1 is no limit.
    package var quota: Int64?
    /// Microseconds, 1000 to 1000000.
    package var period: UInt64?
    /// Microseconds of unused quota that may be saved up.
    package var burst: UInt64?
    /// v1 only, with the kernel's real-time group scheduling.
    package var realtimeRuntime: Int64?
    package var realtimePeriod: UInt64?
    /// 1 makes the group run only when nobody else wants to (SCHED_IDLE).
    package var idle: Int64?
    /// Lists such as `0-3,7`.
    package var cpus: String?
    package var memoryNodes: String?
    package init() {}
  }

  package struct BlockIO: Hashable, Sendable {
    /// 10 to 1000.
    package var weight: UInt16?
    package var leafWeight: UInt16?
    package var deviceWeights: [DeviceWeight] = []
    /// Bytes a second.
    package var readRates: [DeviceRate] = []
    package var writeRates: [DeviceRate] = []
    /// Operations a second.
    package var readOperations: [DeviceRate] = []
    package var writeOperations: [DeviceRate] = []
    package init() {}
  }

  package struct DeviceWeight: Hashable, Sendable {
    package var major: Int64
    package var minor: Int64
    package var weight: UInt16?
    package var leafWeight: UInt16?
    package init(major: Int64, minor: Int64, weight: UInt16?, leafWeight: UInt16? = nil) {
      self.major = major
      self.minor = minor
      self.weight = weight
      self.leafWeight = leafWeight
    }
  }

  package struct DeviceRate: Hashable, Sendable {
    package var major: Int64
    package var minor: Int64
    /// 0 takes a limit away.
    package var rate: UInt64
    package init(major: Int64, minor: Int64, rate: UInt64) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }
  }

  package struct HugePageLimit: Hashable, Sendable {
    /// `2MB`, `1GB`, `64KB`.
    package var pageSize: String
    package var bytes: UInt64
    package init(pageSize: String, bytes: UInt64) {
      self.pageSize = pageSize
      self.bytes = bytes
    }
  }

  /// v1 only.
  package struct Network: Hashable, Sendable {
    /// The tag that net_cls puts on packets.
    package var classIdentifier: UInt32?
    /// Priorities by interface name.
    package var priorities: [InterfacePriority] = []
    package init() {}
  }

  package struct InterfacePriority: Hashable, Sendable {
    package var interface: String
    package var priority: UInt32
    package init(interface: String, priority: UInt32) {
      self.interface = interface
      self.priority = priority
    }
  }

  package struct RemoteMemoryLimit: Hashable, Sendable {
    /// Of the RDMA device, such as `mlx5_1`.
    package var device: String
    package var handles: UInt32?
    package var objects: UInt32?
    package init(device: String, handles: UInt32?, objects: UInt32?) {
      self.device = device
      self.handles = handles
      self.objects = objects
    }
  }
}
