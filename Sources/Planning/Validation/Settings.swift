internal import RuntimeSpec
internal import Steps

// Settings that are words in a configuration and numbers to the kernel. Reading them is checking them: the plan stops at the
// first fault, the validation goes on.

extension SchedulerSettings {
  /// By their names in sched(7). SCHED_ISO has a number and no scheduler.
  static let policies: [(name: String, value: Policy)] = [
    ("SCHED_OTHER", .other), ("SCHED_FIFO", .fifo), ("SCHED_RR", .roundRobin), ("SCHED_BATCH", .batch),
    ("SCHED_IDLE", .idle), ("SCHED_DEADLINE", .deadline),
  ]

  static let flagNames: [(name: String, value: UInt64)] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01), ("SCHED_FLAG_RECLAIM", 0x02), ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08), ("SCHED_FLAG_KEEP_PARAMS", 0x10), ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
  ]

  /// Nil with faults where there is no such scheduler (sched_setattr(2)).
  init?(_ spec: Spec.Scheduler, _ faults: inout FaultList) {
    let path = "process.scheduler"
    if spec.policy == "SCHED_ISO" {
      faults.add("\(path).policy", "\"SCHED_ISO\" is a policy that Linux has a number for and no scheduler")
      return nil
    }
    guard let policy = faults.lookUp(spec.policy, in: Self.policies, "\(path).policy") else { return nil }
    let before = faults.all.count
    let flags = faults.flags(spec.flags, in: Self.flagNames, "\(path).flags")
    faults.require((-20...19).contains(spec.nice), "\(path).nice", "\(spec.nice) is not from -20 to 19")
    if policy == .fifo || policy == .roundRobin {
      faults.require(
        (1...99).contains(spec.priority), "\(path).priority", "\(spec.priority) is not from 1 to 99")
    } else {
      faults.require(spec.priority == 0, "\(path).priority", "is for SCHED_FIFO and SCHED_RR only")
    }
    if policy == .deadline {
      Self.checkTimes(of: spec, path, &faults)
    } else {
      faults.require(
        spec.runtime == 0 && spec.deadline == 0 && spec.period == 0, path,
        "runtime, deadline and period are for SCHED_DEADLINE only")
    }
    guard faults.all.count == before else { return nil }
    self.init(
      policy: policy, nice: spec.nice, priority: UInt32(spec.priority), flags: flags, runtime: spec.runtime,
      deadline: spec.deadline, period: spec.period)
  }

  /// The kernel's rule (__checkparam_dl): at least 1024 ns, runtime ≤ deadline ≤ period, and no top bit.
  private static func checkTimes(of spec: Spec.Scheduler, _ path: String, _ faults: inout FaultList) {
    faults.require(spec.runtime >= 1024, "\(path).runtime", "\(spec.runtime) ns is less than 1024")
    faults.require(
      spec.runtime <= spec.deadline, "\(path).deadline", "\(spec.deadline) ns is less than the runtime")
    faults.require(
      spec.period == 0 || spec.deadline <= spec.period, "\(path).period", "\(spec.period) ns is less than the deadline")
    faults.require(
      max(spec.runtime, spec.deadline, spec.period) <= UInt64(Int64.max), path,
      "a time is longer than the kernel counts")
  }
}

extension IOPriority {
  static let classes: [(name: String, value: Class)] = [
    ("IOPRIO_CLASS_RT", .realTime), ("IOPRIO_CLASS_BE", .bestEffort), ("IOPRIO_CLASS_IDLE", .idle),
  ]

  init?(_ spec: Spec.IOPriority, _ faults: inout FaultList) {
    let kind = faults.lookUp(spec.class, in: Self.classes, "process.ioPriority.class")
    let isLevel = (0...7).contains(spec.priority)
    faults.require(isLevel, "process.ioPriority.priority", "\(spec.priority) is not from 0 to 7")
    guard let kind, isLevel else { return nil }
    self.init(class: kind, level: spec.priority)
  }
}

extension MemoryPolicy {
  static let modes: [(name: String, value: Mode)] = [
    ("MPOL_DEFAULT", .default), ("MPOL_PREFERRED", .preferred), ("MPOL_BIND", .bind),
    ("MPOL_INTERLEAVE", .interleave), ("MPOL_LOCAL", .local), ("MPOL_PREFERRED_MANY", .preferredMany),
    ("MPOL_WEIGHTED_INTERLEAVE", .weightedInterleave),
  ]

  static let flagNames: [(name: String, value: UInt32)] = [
    ("MPOL_F_STATIC_NODES", 1 << 15), ("MPOL_F_RELATIVE_NODES", 1 << 14), ("MPOL_F_NUMA_BALANCING", 1 << 13),
  ]

  /// Nil with faults where set_mempolicy(2) would answer EINVAL whatever the host.
  init?(_ spec: Spec.MemoryPolicy, _ faults: inout FaultList) {
    let path = "linux.memoryPolicy"
    guard let mode = faults.lookUp(spec.mode, in: Self.modes, "\(path).mode") else { return nil }
    let before = faults.all.count
    let flags = faults.flags(spec.flags, in: Self.flagNames, "\(path).flags")
    faults.require(
      flags & 3 << 14 != 3 << 14, "\(path).flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude one another")
    faults.require(
      flags & 1 << 13 == 0 || mode == .bind || mode == .preferredMany, "\(path).flags",
      "MPOL_F_NUMA_BALANCING is for MPOL_BIND and MPOL_PREFERRED_MANY only")
    let nodes = spec.nodes.isEmpty ? NumberList() : faults.numbers(spec.nodes, "\(path).nodes")
    switch mode {
    case .default, .local:
      faults.require(nodes?.isEmpty == true, "\(path).nodes", "must be empty with \(spec.mode)")
      faults.require(mode == .default || flags == 0, "\(path).flags", "there are none for MPOL_LOCAL")
    // Without nodes it means the local one.
    case .preferred: break
    case .bind, .interleave, .preferredMany, .weightedInterleave:
      faults.require(!spec.nodes.isEmpty, "\(path).nodes", "is missing: \(spec.mode) needs some")
    }
    guard faults.all.count == before, let nodes else { return nil }
    self.init(mode: mode, flags: flags, nodes: nodes)
  }
}

extension Personality {
  static let domains: [(name: String, value: Personality)] = [("LINUX", .linux), ("LINUX32", .linux32)]

  init?(_ spec: Spec.Personality, _ faults: inout FaultList) {
    let domain = faults.lookUp(spec.domain, in: Self.domains, "linux.personality.domain")
    faults.require(spec.flags.isEmpty, "linux.personality.flags", "there are none that are supported")
    guard let domain, spec.flags.isEmpty else { return nil }
    self = domain
  }
}

/// The words that `linux.memoryPolicy` may have, for who tells others what is understood here.
package let memoryPolicyModes = MemoryPolicy.modes.map(\.name)
package let memoryPolicyFlags = MemoryPolicy.flagNames.map(\.name)
