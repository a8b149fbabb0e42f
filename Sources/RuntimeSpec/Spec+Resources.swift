package import JSON

extension Spec {
  /// The limits of the container's cgroup (config-linux.md, "Control groups").
  package struct Resources: Hashable, Sendable {
    /// In order; a later rule overrides an earlier one.
    package var devices: [DeviceRule] = []
    package var memory: Memory?
    package var cpu: CPU?
    package var pids: Pids?
    package var blockIO: BlockIO?
    package var hugepageLimits: [HugepageLimit] = []
    package var network: Network?
    /// By device.
    package var rdma: [String: Rdma] = [:]
    /// File name in the v2 hierarchy → contents.
    package var unified: [String: String] = [:]
    package init() {}
  }

  /// A rule of the devices controller. A nil number stands for every number.
  package struct DeviceRule: Hashable, Sendable {
    package var allow: Bool
    /// `c`, `b`, or `a` for both.
    package var type: String?
    package var major: Int64?
    package var minor: Int64?
    /// Of `r`, `w`, `m`.
    package var access: String?
    package init(
      allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil
    ) {
      self.allow = allow
      self.type = type
      self.major = major
      self.minor = minor
      self.access = access
    }
  }

  /// Bytes, -1 for no limit.
  package struct Memory: Hashable, Sendable {
    package var limit: Int64?
    package var reservation: Int64?
    /// Memory and swap together.
    package var swap: Int64?
    package var kernel: Int64?
    package var kernelTCP: Int64?
    package var swappiness: UInt64?
    package var disableOOMKiller: Bool?
    package var useHierarchy: Bool?
    package var checkBeforeUpdate: Bool?
    package init() {}
  }

  /// Times in microseconds.
  package struct CPU: Hashable, Sendable {
    package var shares: UInt64?
    package var quota: Int64?
    package var burst: UInt64?
    package var period: UInt64?
    package var realtimeRuntime: Int64?
    package var realtimePeriod: UInt64?
    /// `0-3,7`.
    package var cpus: String?
    package var mems: String?
    package var idle: Int64?
    package init() {}
  }

  package struct Pids: Hashable, Sendable {
    /// 0 or less for no limit, before 1.3; nil and -1 for none from then on.
    package var limit: Int64?
    package init(limit: Int64?) { self.limit = limit }
  }

  package struct HugepageLimit: Hashable, Sendable {
    /// `2MB`.
    package var pageSize: String
    package var limit: UInt64
    package init(pageSize: String, limit: UInt64) {
      self.pageSize = pageSize
      self.limit = limit
    }
  }

  package struct Network: Hashable, Sendable {
    package var classID: UInt32?
    package var priorities: [InterfacePriority] = []
    package init() {}
  }

  package struct InterfacePriority: Hashable, Sendable {
    package var name: String
    package var priority: UInt32
    package init(name: String, priority: UInt32) {
      self.name = name
      self.priority = priority
    }
  }

  package struct Rdma: Hashable, Sendable {
    package var hcaHandles: UInt32?
    package var hcaObjects: UInt32?
    package init() {}
  }
}

extension Spec.Resources: JSONReadable, JSONWritable {
  package static var jsonLimits: JSONLimits { Spec.jsonLimits }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "devices": devices = try reader.list()
      case "memory": memory = try reader.value()
      case "cpu": cpu = try reader.value()
      case "pids": pids = try reader.value()
      case "blockIO": blockIO = try reader.value()
      case "hugepageLimits": hugepageLimits = try reader.list()
      case "network": network = try reader.value()
      case "rdma": rdma = try reader.map()
      case "unified": unified = try reader.stringMap()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("devices", devices.nonEmpty)
      $0.member("memory", memory)
      $0.member("cpu", cpu)
      $0.member("pids", pids)
      $0.member("blockIO", blockIO)
      $0.member("hugepageLimits", hugepageLimits.nonEmpty)
      $0.member("network", network)
      $0.member("rdma", rdma.nonEmpty)
      $0.member("unified", unified.nonEmpty)
    }
  }
}
