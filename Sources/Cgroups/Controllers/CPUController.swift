internal import Steps

/// Processor time (Documentation/scheduler/sched-bwc.rst, cgroup-v2.rst "CPU").
enum CPUController: Controller {
  static let nameInV1 = "cpu"
  static let nameInV2: String? = "cpu"
  /// What the kernel takes when only a quota is given.
  static let defaultPeriod: UInt64 = 100_000

  static func purpose(in resources: Resources) -> String? {
    let cpu = resources.processor
    if cpu.quota != nil || cpu.period != nil || cpu.burst != nil { return "a limit of processor time" }
    if cpu.shares != nil || cpu.idle != nil { return "a share of processor time" }
    return cpu.realtimeRuntime == nil && cpu.realtimePeriod == nil ? nil : "real-time processor time"
  }

  static func ignored(of resources: Resources, in version: CgroupVersion) -> [String] {
    let cpu = resources.processor
    return version == .v2 && (cpu.realtimeRuntime != nil || cpu.realtimePeriod != nil)
      ? ["real-time processor time"] : []
  }

  static func settings(for resources: Resources, of group: ControlGroup) throws(CgroupError) -> [CgroupStep] {
    let cpu = resources.processor
    if let period = cpu.period, period != 0, !(1000...1_000_000).contains(period) {
      throw .badValue(of: "cpu period", value: "\(period)", allowed: "1000 to 1000000 microseconds")
    }
    if let quota = cpu.quota, quota != 0, quota != -1, quota < 1000 {
      throw .badValue(of: "cpu quota", value: "\(quota)", allowed: "at least 1000 microseconds, or -1")
    }
    switch group.version {
    case .v1: return inV1(cpu, group)
    case .v2: return inV2(cpu, group)
    }
  }

  private static func inV1(_ cpu: Resources.Processor, _ group: ControlGroup) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    if let shares = cpu.shares, shares != 0 { steps.append(group.write("cpu.shares", min(max(shares, 2), 262_144))) }
    if let idle = cpu.idle { steps.append(group.write("cpu.idle", idle)) }
    // 0 is how the OCI types say "unset".
    let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 }
    let period = cpu.period.flatMap { $0 == 0 ? nil : $0 }
    let limits = limitOrder(quota: quota, period: period, group)
    steps += around(limits, burst: cpu.burst, file: "cpu.cfs_burst_us", group)
    if let period = cpu.realtimePeriod { steps.append(group.write("cpu.rt_period_us", period)) }
    if let runtime = cpu.realtimeRuntime { steps.append(group.write("cpu.rt_runtime_us", runtime)) }
    return steps
  }

  /// v1 takes quota and period one by one, and refuses (EINVAL) any state in between whose ratio is above the parent's:
  /// the order is the one whose state in between is smaller.
  private static func limitOrder(quota: Int64?, period: UInt64?, _ group: ControlGroup) -> [CgroupStep] {
    let quotaStep = quota.map { group.write("cpu.cfs_quota_us", $0) }
    let periodStep = period.map { group.write("cpu.cfs_period_us", $0) }
    guard let quota, let period, let quotaStep, let periodStep else {
      return [periodStep, quotaStep].compactMap { $0 }
    }
    let oldPeriod = Double(group.currentNumber("cpu.cfs_period_us") ?? Int64(defaultPeriod))
    let oldQuota = group.currentNumber("cpu.cfs_quota_us").map(Double.init) ?? .infinity
    let newQuota = quota < 0 ? Double.infinity : Double(quota)
    // No limit at all is never refused for the period alone, so an unlimited group changes its period first.
    if oldQuota == .infinity || oldQuota / Double(period) <= newQuota / oldPeriod { return [periodStep, quotaStep] }
    return [quotaStep, periodStep]
  }

  private static func inV2(_ cpu: Resources.Processor, _ group: ControlGroup) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    if let idle = cpu.idle { steps.append(group.write("cpu.idle", idle)) }
    // A group that is idle has no weight to set.
    if let shares = cpu.shares, shares != 0, cpu.idle != 1 {
      steps.append(group.write("cpu.weight", weight(ofShares: shares)))
    }
    var limits: [CgroupStep] = []
    let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 }
    let period = cpu.period.flatMap { $0 == 0 ? nil : $0 }
    if quota != nil || period != nil {
      // One file holds both, so the one that is not given stays as it is.
      let present = group.current("cpu.max")?.split(separator: " ").map(String.init) ?? []
      let first = quota.map(maximum) ?? present.first ?? "max"
      let second = period.map(String.init) ?? (present.count > 1 ? present[1] : String(defaultPeriod))
      limits = [group.write("cpu.max", "\(first) \(second)")]
    }
    return steps + around(limits, burst: cpu.burst, file: "cpu.max.burst", group)
  }

  /// A burst is never above the quota: when both change, it is taken away before and set after.
  private static func around(
    _ limits: [CgroupStep], burst: UInt64?, file: String, _ group: ControlGroup
  ) -> [CgroupStep] {
    guard let burst else { return limits }
    let resets = !limits.isEmpty && (group.currentNumber(file) ?? 0) > 0
    return (resets ? [group.write(file, 0)] : []) + limits + [group.write(file, burst)]
  }

  /// v1 shares (2 … 262144, default 1024) as v2 weight (1 … 10000, default 100): the quadratic curve in the logarithm
  /// that meets both ends and the default, as runc and crun have it since 2025
  /// (github.com/kubernetes/kubernetes/issues/131216 tells why the older straight line was wrong).
  static func weight(ofShares shares: UInt64) -> UInt64 {
    if shares <= 2 { return 1 }
    if shares >= 262_144 { return 10_000 }
    let logarithm = log2(Double(shares))
    let exponent = (logarithm * logarithm + 125 * logarithm) / 612 - 7.0 / 34
    // 10^x, rounded up; the error of the series must not carry an exact 100 up to 101.
    let power = exp(exponent * 2.302_585_092_994_046)
    return UInt64(power - 1e-9) + 1
  }

  // The C library's log2 and exp belong to Kernel's imports; these are exact enough for a table of 10,000 values.

  private static func log2(_ value: Double) -> Double {
    // log2(m) for 1 ≤ m < 2 by squaring: each time it passes 2 is one more binary digit.
    var mantissa = value.significand
    var digit = 0.5
    var fraction = 0.0
    for _ in 0..<52 {
      mantissa *= mantissa
      if mantissa >= 2 {
        mantissa /= 2
        fraction += digit
      }
      digit /= 2
    }
    return Double(value.exponent) + fraction
  }

  private static func exp(_ value: Double) -> Double {
    // e^x = (e^(x/16))^16, whose series ends soon.
    let small = value / 16
    var term = 1.0
    var sum = 1.0
    for index in 1..<20 {
      term *= small / Double(index)
      sum += term
    }
    for _ in 0..<4 { sum *= sum }
    return sum
  }
}

/// v1's shares as v2's weight.
package func processorWeight(ofShares shares: UInt64) -> UInt64 { CPUController.weight(ofShares: shares) }
