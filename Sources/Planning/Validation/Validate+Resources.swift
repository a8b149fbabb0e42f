internal import RuntimeSpec
internal import Steps

// The numbers of config-linux.md, "Control groups", as far as they can be wrong on every host; what a controller of this
// host cannot do is for Cgroups to say.

extension SpecValidator {
  mutating func check(_ resources: Spec.Resources) {
    let path = "linux.resources"
    for (index, rule) in resources.devices.enumerated() { check(rule, index) }
    if let memory = resources.memory { check(memory, "\(path).memory") }
    if let cpu = resources.cpu { check(cpu, "\(path).cpu") }
    if let block = resources.blockIO { check(block, "\(path).blockIO") }
    for (index, limit) in resources.hugepageLimits.enumerated() {
      faults.require(
        Self.isPageSize(limit.pageSize), "\(path).hugepageLimits[\(index)].pageSize",
        "\"\(limit.pageSize)\" is no size such as 64KB, 2MB or 1GB")
      for other in resources.hugepageLimits[..<index] where other.pageSize == limit.pageSize {
        faults.add("\(path).hugepageLimits[\(index)].pageSize", "\(limit.pageSize) stands there twice")
      }
    }
    for (index, priority) in (resources.network?.priorities ?? []).enumerated() {
      faults.require(
        Self.isLinkName(priority.name), "\(path).network.priorities[\(index)].name",
        "\"\(priority.name)\" is no name of a network device")
    }
    for (device, limit) in resources.rdma {
      faults.require(
        !device.isEmpty && device.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }, "\(path).rdma",
        "\"\(device)\" is no name of a device")
      faults.require(
        limit.hcaHandles != nil || limit.hcaObjects != nil, "\(path).rdma.\(device)",
        "has neither hcaHandles nor hcaObjects")
    }
    for (file, value) in resources.unified {
      faults.require(
        Self.isControlFile(file), "\(path).unified", "\"\(file)\" is no name of a file of a control group")
      faults.require(!value.utf8.contains(0), "\(path).unified.\(file)", "holds a NUL")
    }
  }

  private mutating func check(_ rule: Spec.DeviceRule, _ index: Int) {
    if let type = rule.type {
      faults.require(
        type == "a" || type == "b" || type == "c", "linux.resources.devices[\(index)].type",
        "\"\(type)\" is none of a, b and c")
    }
    // -1 stands for all, as absence does.
    if let major = rule.major {
      faults.require(
        (-1...Int64(Self.largestMajor)).contains(major), "linux.resources.devices[\(index)].major",
        "\(major) is no major number")
    }
    if let minor = rule.minor {
      faults.require(
        (-1...Int64(Self.largestMinor)).contains(minor), "linux.resources.devices[\(index)].minor",
        "\(minor) is no minor number")
    }
    if let access = rule.access {
      faults.require(
        access.utf8.allSatisfy { $0 == UInt8(ascii: "r") || $0 == UInt8(ascii: "w") || $0 == UInt8(ascii: "m") },
        "linux.resources.devices[\(index)].access", "\"\(access)\" has other letters than r, w and m")
    }
  }

  private mutating func check(_ memory: Spec.Memory, _ path: String) {
    func isLimit(_ value: Int64?) -> Bool { value.map { $0 >= -1 } ?? true }
    let limits = [
      ("limit", memory.limit), ("reservation", memory.reservation), ("swap", memory.swap), ("kernel", memory.kernel),
      ("kernelTCP", memory.kernelTCP),
    ]
    for (name, value) in limits where !isLimit(value) {
      faults.add("\(path).\(name)", "\(value ?? 0) is less than -1, which is no limit")
    }
    if let value = memory.swappiness {
      faults.require(value <= 100, "\(path).swappiness", "\(value) is not from 0 to 100")
    }
    if let swap = memory.swap, let limit = memory.limit, swap > 0, limit > 0 {
      faults.require(swap >= limit, "\(path).swap", "\(swap) is less than the memory limit, which it includes")
    }
  }

  private mutating func check(_ cpu: Spec.CPU, _ path: String) {
    if let cpus = cpu.cpus { checkSet(cpus, "\(path).cpus") }
    if let nodes = cpu.mems { checkSet(nodes, "\(path).mems") }
    if let idle = cpu.idle { faults.require(idle == 0 || idle == 1, "\(path).idle", "\(idle) is neither 0 nor 1") }
    if let quota = cpu.quota {
      faults.require(quota >= -1, "\(path).quota", "\(quota) is less than -1, which is no limit")
    }
    if let burst = cpu.burst, let quota = cpu.quota, quota > 0 {
      faults.require(burst <= UInt64(quota), "\(path).burst", "\(burst) is larger than the quota, \(quota)")
    }
    if let runtime = cpu.realtimeRuntime, let period = cpu.realtimePeriod, runtime > 0, period > 0 {
      faults.require(
        UInt64(runtime) <= period, "\(path).realtimeRuntime", "\(runtime) is larger than the period, \(period)")
    }
  }

  private mutating func checkSet(_ text: String, _ path: String) {
    // Engines write an empty text where nothing was asked for.
    if !text.isEmpty { _ = faults.numbers(text, path) }
  }

  private mutating func check(_ block: Spec.BlockIO, _ path: String) {
    checkWeight(block.weight, "\(path).weight")
    checkWeight(block.leafWeight, "\(path).leafWeight")
    for (index, device) in block.weightDevice.enumerated() {
      let place = "\(path).weightDevice[\(index)]"
      faults.require(
        device.weight != nil || device.leafWeight != nil, place, "has neither weight nor leafWeight")
      checkWeight(device.weight, "\(place).weight")
      checkWeight(device.leafWeight, "\(place).leafWeight")
      checkNumbers(device.major, device.minor, place)
    }
    let throttles = [
      ("throttleReadBpsDevice", block.throttleReadBpsDevice), ("throttleWriteBpsDevice", block.throttleWriteBpsDevice),
      ("throttleReadIOPSDevice", block.throttleReadIOPSDevice),
      ("throttleWriteIOPSDevice", block.throttleWriteIOPSDevice),
    ]
    for (name, devices) in throttles {
      for (index, device) in devices.enumerated() {
        checkNumbers(device.major, device.minor, "\(path).\(name)[\(index)]")
      }
    }
  }

  /// 0 is not set, as engines write it.
  private mutating func checkWeight(_ weight: UInt16?, _ path: String) {
    guard let weight, weight != 0 else { return }
    faults.require((10...1000).contains(weight), path, "\(weight) is not from 10 to 1000")
  }

  private mutating func checkNumbers(_ major: Int64, _ minor: Int64, _ path: String) {
    faults.require((0...Int64(Self.largestMajor)).contains(major), "\(path).major", "\(major) is no major number")
    faults.require((0...Int64(Self.largestMinor)).contains(minor), "\(path).minor", "\(minor) is no minor number")
  }

  /// `2MB`: digits, K, M or G, B.
  private static func isPageSize(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count > 2, bytes.count < 24, bytes.last == UInt8(ascii: "B"),
      "KMG".utf8.contains(bytes[bytes.count - 2])
    else { return false }
    return bytes.dropLast(2).allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
  }

  /// One name, never a path: a slash would lead to another group's files.
  private static func isControlFile(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
  }
}
