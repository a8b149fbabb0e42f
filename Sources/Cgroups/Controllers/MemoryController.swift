internal import Steps

/// Memory and swap (Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst "Memory").
enum MemoryController: Controller {
  static let nameInV1 = "memory"
  static let nameInV2: String? = "memory"

  static func purpose(in resources: Resources) -> String? {
    let memory = resources.memory
    if memory.limit != nil { return "a memory limit" }
    if memory.swap != nil { return "a swap limit" }
    if memory.reservation != nil { return "a memory reservation" }
    if memory.kernelTCP != nil { return "a limit of TCP buffers" }
    if memory.swappiness != nil { return "swappiness" }
    return memory.disablesKiller == nil ? nil : "the choice not to be killed when out of memory"
  }

  static func ignored(of resources: Resources, in version: CgroupVersion) -> [String] {
    let memory = resources.memory
    let never = [
      memory.kernel == nil ? nil : "the limit of kernel memory",
      memory.usesHierarchy == false ? "memory without hierarchy" : nil,
    ].compactMap { $0 }
    guard version == .v2 else { return never }
    return never
      + [
        memory.kernelTCP == nil ? nil : "the limit of TCP buffers",
        memory.swappiness == nil ? nil : "swappiness",
        memory.disablesKiller == true ? "disabling the OOM killer" : nil,
      ].compactMap { $0 }
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    let memory = resources.memory
    try check(memory)
    switch group.version {
    case .v1: return try inV1(memory, group)
    case .v2: return try inV2(memory, group)
    }
  }

  private static func check(_ memory: Resources.Memory) throws(CgroupError) {
    for (what, value) in [
      ("memory limit", memory.limit), ("memory reservation", memory.reservation), ("swap limit", memory.swap),
    ] {
      if let value, value < -1 { throw .badValue(of: what, value: "\(value)", allowed: "a number of bytes, or -1") }
    }
    if let swappiness = memory.swappiness, swappiness > 100 {
      throw .badValue(of: "swappiness", value: "\(swappiness)", allowed: "0 to 100")
    }
    if let swap = memory.swap, let limit = memory.limit, swap > 0, swap < limit {
      throw .swapBelowMemory(swap: swap, memory: limit)
    }
  }

  // MARK: v1

  private static func inV1(
    _ memory: Resources.Memory, _ group: ControlGroup
  ) throws(CgroupError) -> [CgroupStep] {
    var steps = try limitsInV1(memory, group)
    if let reservation = memory.reservation { steps.append(group.write("memory.soft_limit_in_bytes", reservation)) }
    if let buffers = memory.kernelTCP { steps.append(group.write("memory.kmem.tcp.limit_in_bytes", buffers)) }
    if let swappiness = memory.swappiness { steps.append(group.write("memory.swappiness", swappiness)) }
    if let disables = memory.disablesKiller, disables || group.current("memory.oom_control") != nil {
      steps.append(group.write("memory.oom_control", disables ? 1 : 0))
    }
    return steps
  }

  private static func limitsInV1(
    _ memory: Resources.Memory, _ group: ControlGroup
  ) throws(CgroupError) -> [CgroupStep] {
    let limitStep = memory.limit.map { group.write("memory.limit_in_bytes", $0) }
    // 0 is how the OCI types say "unset".
    guard let swap = memory.swap, swap != 0 else {
      // Memory without a limit needs swap without one: the kernel refuses memory above memory+swap.
      guard memory.limit == -1 else { return limitStep.map { [$0] } ?? [] }
      return [group.writeFirst([("memory.memsw.limit_in_bytes", "-1")], orNone: true)] + (limitStep.map { [$0] } ?? [])
    }
    guard group.hasSwapLimit else {
      if swap == -1 { return limitStep.map { [$0] } ?? [] }
      throw .noSwapAccounting
    }
    let swapStep = group.write("memory.memsw.limit_in_bytes", swap)
    guard let limitStep else { return [swapStep] }
    // The kernel holds memory ≤ memory+swap at every moment. A new group has no limit, so memory goes down first; an
    // update that raises both raises memory+swap first.
    let present = group.currentNumber("memory.limit_in_bytes") ?? .max
    return swap == -1 || swap >= present ? [swapStep, limitStep] : [limitStep, swapStep]
  }

  // MARK: v2

  private static func inV2(
    _ memory: Resources.Memory, _ group: ControlGroup
  ) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    if let limit = memory.limit, limit > 0, memory.checksUsage, let usage = group.currentNumber("memory.current"),
      usage > limit
    {
      throw .belowUsage(limit: limit, usage: usage)
    }
    if let swap = try swapInV2(memory, group) {
      // A kernel without swap accounting has no such file; then there is nothing to take away either.
      steps.append(group.writeFirst([("memory.swap.max", maximum(swap))], orNone: swap <= 0))
    }
    if let limit = memory.limit, limit != 0 { steps.append(group.write("memory.max", maximum(limit))) }
    if let reservation = memory.reservation { steps.append(group.write("memory.low", maximum(reservation))) }
    return steps
  }

  /// v2 counts swap alone, v1 and the OCI specification count memory and swap together.
  private static func swapInV2(_ memory: Resources.Memory, _ group: ControlGroup) throws(CgroupError) -> Int64? {
    guard let swap = memory.swap, swap != 0 else { return memory.limit == -1 ? -1 : nil }
    if swap == -1 { return -1 }
    guard let limit = memory.limit ?? group.currentNumber("memory.max"), limit > 0 else { throw .swapWithoutMemory }
    if swap < limit { throw .swapBelowMemory(swap: swap, memory: limit) }
    if swap > limit, !group.hasSwapLimit { throw .noSwapAccounting }
    return swap - limit
  }
}
