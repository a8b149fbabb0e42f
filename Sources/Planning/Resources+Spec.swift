internal import Cgroups
internal import Kernel
internal import RuntimeSpec
internal import Steps

extension Resources {
  /// The specification's resources as the controllers take them. A 0 where it could mean nothing is what Go programs write for
  /// "not set": it sets nothing, as in runc.
  init(_ spec: Spec.Resources) throws(PlanningError) {
    self.init()
    if let memory = spec.memory {
      self.memory.limit = memory.limit.nonZero
      self.memory.reservation = memory.reservation.nonZero
      self.memory.swap = memory.swap.nonZero
      self.memory.kernel = memory.kernel.nonZero
      self.memory.kernelTCP = memory.kernelTCP.nonZero
      self.memory.swappiness = memory.swappiness
      self.memory.disablesKiller = memory.disableOOMKiller
      self.memory.usesHierarchy = memory.useHierarchy
      self.memory.checksUsage = memory.checkBeforeUpdate ?? false
    }
    if let cpu = spec.cpu {
      processor.shares = cpu.shares.nonZero
      processor.quota = cpu.quota.nonZero
      processor.period = cpu.period.nonZero
      processor.burst = cpu.burst
      processor.realtimeRuntime = cpu.realtimeRuntime.nonZero
      processor.realtimePeriod = cpu.realtimePeriod.nonZero
      processor.idle = cpu.idle
      processor.cpus = cpu.cpus
      processor.memoryNodes = cpu.mems
    }
    processes = spec.pids?.limit
    if let block = spec.blockIO { blockIO = BlockIO(block) }
    devices = try spec.devices.enumerated().map { (index, rule) throws(PlanningError) in
      try DeviceRule(rule, at: "linux.resources.devices[\(index)]")
    }
    hugePages = spec.hugepageLimits.map { HugePageLimit(pageSize: $0.pageSize, bytes: $0.limit) }
    network.classIdentifier = spec.network?.classID.nonZero
    network.priorities = (spec.network?.priorities ?? []).map {
      InterfacePriority(interface: $0.name, priority: $0.priority)
    }
    remoteMemory = spec.rdma.sorted { $0.key < $1.key }.map {
      RemoteMemoryLimit(device: $0.key, handles: $0.value.hcaHandles, objects: $0.value.hcaObjects)
    }
    unified = spec.unified.sorted { $0.key < $1.key }.map { ControlSetting(file: Path($0.key), value: $0.value) }
  }
}

extension Resources.BlockIO {
  init(_ spec: Spec.BlockIO) {
    self.init()
    func rates(_ list: [Spec.ThrottleDevice]) -> [Resources.DeviceRate] {
      list.map { Resources.DeviceRate(major: $0.major, minor: $0.minor, rate: $0.rate) }
    }
    weight = spec.weight
    leafWeight = spec.leafWeight
    deviceWeights = spec.weightDevice.map {
      Resources.DeviceWeight(major: $0.major, minor: $0.minor, weight: $0.weight, leafWeight: $0.leafWeight)
    }
    readRates = rates(spec.throttleReadBpsDevice)
    writeRates = rates(spec.throttleWriteBpsDevice)
    readOperations = rates(spec.throttleReadIOPSDevice)
    writeOperations = rates(spec.throttleWriteIOPSDevice)
  }
}

extension DeviceRule {
  init(_ rule: Spec.DeviceRule, at path: String) throws(PlanningError) {
    guard let kind = Kind(rawValue: rule.type ?? "a") else {
      throw PlanningError("\(path).type", "\"\(rule.type ?? "")\" is none of a, b and c")
    }
    // The specification has -1 and absence for "any".
    func number(_ value: Int64?, _ name: String) throws(PlanningError) -> UInt32? {
      guard let value, value != -1 else { return nil }
      guard let number = UInt32(exactly: value) else {
        throw PlanningError("\(path).\(name)", "\(value) is no device number")
      }
      return number
    }
    self.init(
      allow: rule.allow, kind: kind, major: try number(rule.major, "major"), minor: try number(rule.minor, "minor"),
      access: rule.access ?? "rwm")
  }
}

extension Optional where Wrapped: BinaryInteger {
  fileprivate var nonZero: Wrapped? { flatMap { $0 == 0 ? nil : $0 } }
}
