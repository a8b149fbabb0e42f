package import Cgroups
internal import Kernel
package import Steps

extension SystemdUnit {
  /// The scope of a container. Its processes come with the step that starts it.
  package init(
    _ name: UnitName, identifier: String, isUser: Bool, resources: Resources, version: CgroupVersion,
    annotated: [UnitProperty]
  ) throws(UnitError) {
    var properties: [UnitProperty] = [
      UnitProperty("Description", .text("container \(identifier)")), UnitProperty("Slice", .text(name.slice)),
      UnitProperty("Delegate", .flag(true)), UnitProperty("MemoryAccounting", .flag(true)),
      UnitProperty("CPUAccounting", .flag(true)),
      UnitProperty(version == .v2 ? "IOAccounting" : "BlockIOAccounting", .flag(true)),
      UnitProperty("TasksAccounting", .flag(true)), UnitProperty("DefaultDependencies", .flag(false)),
    ]
    // The last of two that have one name counts.
    properties.removeAll { known in annotated.contains { $0.name == known.name } }
    properties += annotated
    properties += try UnitProperty.properties(of: resources, version: version)
    self.init(name: name.unit, isUser: isUser, properties: properties)
  }
}

extension SystemdUnit {
  /// The scope of whoever starts and watches an ordinary user's container: the container's group is made in it, and is not
  /// systemd's to look after.
  package init(delegated name: String, description: String) {
    self.init(
      name: name, isUser: true,
      properties: [
        UnitProperty("Description", .text(description)), UnitProperty("Slice", .text("user.slice")),
        UnitProperty("Delegate", .flag(true)), UnitProperty("CollectMode", .text("inactive-or-failed")),
        UnitProperty("TasksMax", .number(.max)), UnitProperty("DefaultDependencies", .flag(false)),
      ])
  }
}

extension UnitProperty {
  /// What systemd is told of a container's limits (systemd.resource-control(5)), so that it does not take them back when it
  /// writes its own. All of them are written to the group's files as well.
  package static func properties(of resources: Resources, version: CgroupVersion) throws(UnitError) -> [UnitProperty] {
    let limits = memory(resources, version) + processor(resources, version)
    var sets: [UnitProperty] = []
    for (name, list) in [
      ("AllowedCPUs", resources.processor.cpus), ("AllowedMemoryNodes", resources.processor.memoryNodes),
    ] {
      guard let list, !list.isEmpty else { continue }
      sets.append(UnitProperty(name, .bits(try bits(of: list)), since: 244))
    }
    var rest: [UnitProperty] = []
    if let tasks = resources.processes {
      // systemd has no limit of 0.
      rest.append(UnitProperty("TasksMax", .number(tasks < 0 ? .max : UInt64(max(tasks, 1)))))
    }
    if version == .v1, let weight = resources.blockIO.weight, weight != 0 {
      rest.append(UnitProperty("BlockIOWeight", .number(UInt64(weight))))
    }
    // Of two that have one name the last counts, as it does among the group's files.
    return try limits + sets + rest + devices(resources.devices) + (version == .v2 ? unified(resources.unified) : [])
  }

  private static func infinite(_ value: Int64) -> Value { .number(value < 0 ? .max : UInt64(value)) }

  private static func memory(_ resources: Resources, _ version: CgroupVersion) -> [UnitProperty] {
    let memory = resources.memory
    guard version == .v2 else { return memory.limit.map { [UnitProperty("MemoryLimit", infinite($0))] } ?? [] }
    var properties: [UnitProperty] = []
    if let limit = memory.limit { properties.append(UnitProperty("MemoryMax", infinite(limit))) }
    if let reservation = memory.reservation { properties.append(UnitProperty("MemoryLow", infinite(reservation))) }
    if memory.swap == -1 || (memory.swap == nil && memory.limit == -1) {
      properties.append(UnitProperty("MemorySwapMax", .number(.max)))
    } else if let swap = memory.swap, let limit = memory.limit, limit > 0, swap >= limit {
      properties.append(UnitProperty("MemorySwapMax", .number(UInt64(swap - limit))))
    }
    return properties
  }

  private static func processor(_ resources: Resources, _ version: CgroupVersion) -> [UnitProperty] {
    let cpu = resources.processor
    var properties: [UnitProperty] = []
    if version == .v2, cpu.idle == 1 {
      // A weight of 0 is systemd's word for SCHED_IDLE.
      properties.append(UnitProperty("CPUWeight", .number(0), since: 252))
    } else if let shares = cpu.shares {
      properties.append(
        version == .v2
          ? UnitProperty("CPUWeight", .number(processorWeight(ofShares: shares)))
          : UnitProperty("CPUShares", .number(min(max(shares, 2), 262_144))))
    }
    return properties + quota(of: cpu)
  }

  static func quota(of cpu: Resources.Processor) -> [UnitProperty] {
    var properties: [UnitProperty] = []
    if let period = cpu.period { properties.append(UnitProperty("CPUQuotaPeriodUSec", .number(period), since: 242)) }
    if cpu.quota != nil || cpu.period != nil {
      var share = UInt64.max
      if let quota = cpu.quota, quota > 0, quota < 1 << 40 {
        // systemd keeps whole per cents: rounded down, it would hold the group below what its own file allows.
        let exact = UInt64(quota) * 1_000_000 / max(cpu.period ?? 100_000, 1)
        share = (exact + 9999) / 10_000 * 10_000
      }
      properties.append(UnitProperty("CPUQuotaPerSecUSec", .number(share)))
    }
    return properties
  }

  /// `0-3,7` as a set of bits.
  static func bits(of list: String) throws(UnitError) -> [UInt8] {
    var bytes: [UInt8] = []
    for range in list.split(separator: ",") {
      let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last, last < 8192
      else {
        throw UnitError("\"\(list)\" is no list of processors or memory nodes", hint: "such as 0-3,7")
      }
      for number in Int(first)...Int(last) {
        while bytes.count <= number / 8 { bytes.append(0) }
        bytes[number / 8] |= 1 << (number % 8)
      }
    }
    return bytes
  }

  /// `strict` forbids what is not named. What systemd has no words for (exceptions from "everything") it is not told: the group's
  /// own rules say it.
  private static func devices(_ rules: [DeviceRule]) -> [UnitProperty] {
    guard !rules.isEmpty else { return [] }
    guard let exceptions = deviceExceptions(rules) else { return [] }
    if exceptions.allowsByDefault {
      return exceptions.exceptions.isEmpty
        ? [UnitProperty("DevicePolicy", .text("auto")), UnitProperty("DeviceAllow", .devices([]))] : []
    }
    let allowed = exceptions.exceptions.map { rule -> Device in
      let kind = rule.kind == .block ? "block" : "char"
      return switch (rule.major, rule.minor) {
      case (let major?, let minor?): Device("/dev/\(kind)/\(major):\(minor)", rule.access)
      case (let major?, nil): Device("\(kind)-\(major)", rule.access)
      default: Device("\(kind)-*", rule.access)
      }
    }
    return [
      UnitProperty("DevicePolicy", .text("strict")), UnitProperty("DeviceAllow", .devices([])),
      UnitProperty("DeviceAllow", .devices(allowed)),
    ]
  }
}
