internal import Kernel
internal import Privileges
internal import RuntimeSpec
internal import Steps

extension SpecValidator {
  mutating func check(_ process: Spec.Process) {
    faults.require(
      process.args.first?.isEmpty == false, "process.args",
      process.args.isEmpty ? "is empty: there is nothing to run" : "its first entry is empty: there is nothing to run")
    for (index, word) in process.args.enumerated() {
      faults.require(!word.utf8.contains(0), "process.args[\(index)]", "holds a NUL")
    }
    faults.require(
      process.cwd.utf8.first == UInt8(ascii: "/"), "process.cwd",
      process.cwd.isEmpty ? "is missing" : "\"\(process.cwd)\" is not an absolute path")
    checkEnvironment(process.env, "process.env")
    checkIdentity(process)
    checkLimits(process.rlimits)
    if let lists = process.capabilities { check(lists) }
    checkScheduling(process)
    if let host { faults.checkLabels(of: process, spec.linux, on: host.modules) }
    checkLabelText(process.apparmorProfile, "process.apparmorProfile")
    checkLabelText(process.selinuxLabel, "process.selinuxLabel")
    if let size = process.consoleSize, process.terminal {
      faults.require(
        size.height <= UInt16.max && size.width <= UInt16.max, "process.consoleSize", "is larger than 65535 characters")
    }
  }

  private mutating func checkIdentity(_ process: Spec.Process) {
    let user = process.user
    // The one number that means no user at all, to every call that takes one.
    faults.require(user.uid != .max, "process.user.uid", "\(user.uid) is no user")
    faults.require(user.gid != .max, "process.user.gid", "\(user.gid) is no group")
    for (index, group) in user.additionalGids.enumerated() where group == .max {
      faults.add("process.user.additionalGids[\(index)]", "\(group) is no group")
    }
    faults.require(
      user.additionalGids.count <= 65_536, "process.user.additionalGids", "there are more than the kernel takes, 65536")
    if let mask = user.umask {
      faults.require(mask <= 0o777, "process.user.umask", "\(mask) has other bits than those of 0777")
    }
    if let score = process.oomScoreAdj {
      faults.require((-1000...1000).contains(score), "process.oomScoreAdj", "\(score) is not from -1000 to 1000")
    }
    guard made.contains(.user), let linux = spec.linux else { return }
    checkMapped(user.uid, linux.uidMappings, "process.user.uid", "linux.uidMappings")
    checkMapped(user.gid, linux.gidMappings, "process.user.gid", "linux.gidMappings")
    for (index, group) in user.additionalGids.enumerated() {
      checkMapped(group, linux.gidMappings, "process.user.additionalGids[\(index)]", "linux.gidMappings")
    }
  }

  /// setresuid(2) answers EINVAL for an id that the user namespace has no name for.
  private mutating func checkMapped(
    _ id: UInt32, _ maps: [Spec.IDMapping], _ path: @autoclosure () -> String, _ list: String
  ) {
    guard !maps.isEmpty else { return }
    faults.require(
      maps.contains { id >= $0.containerID && UInt64(id) < UInt64($0.containerID) + UInt64($0.size) }, path(),
      "\(id) is not in \(list)")
  }

  private mutating func checkLimits(_ limits: [Spec.ResourceLimit]) {
    var seen: UInt32 = 0
    for (index, limit) in limits.enumerated() {
      guard let known = ResourceLimit(name: limit.type, soft: limit.soft, hard: limit.hard) else {
        faults.add("process.rlimits[\(index)].type", "\"\(limit.type)\" is no resource limit")
        continue
      }
      let bit: UInt32 = 1 << UInt32(known.resource)
      faults.require(seen & bit == 0, "process.rlimits[\(index)].type", "\(limit.type) stands there twice")
      seen |= bit
      faults.require(
        limit.soft <= limit.hard, "process.rlimits[\(index)].soft",
        "\(limit.soft) is above the hard limit, \(limit.hard)")
    }
  }

  /// Nothing here is reason to fail: "Runtimes SHOULD NOT fail if the container configuration requests capabilities that
  /// cannot be granted" (config.md), and MUST warn.
  private mutating func check(_ lists: Spec.CapabilityLists) {
    var unknown: Set<String> = []
    let bounding = read(lists.bounding, "bounding", &unknown)
    let permitted = read(lists.permitted, "permitted", &unknown)
    let inheritable = read(lists.inheritable, "inheritable", &unknown)
    let effective = read(lists.effective, "effective", &unknown)
    warnings.add(effective.subtracting(permitted), in: "effective", "not in permitted")
    warnings.add(inheritable.subtracting(bounding), in: "inheritable", "not in bounding")
    // The kernel raises no such one. `crun spec` and engines write them since inheritable is empty (CVE-2022-24769), and a
    // warning at each start would be one that nobody reads.
    notes.add(
      read(lists.ambient, "ambient", &unknown).subtracting(permitted.intersection(inheritable)), in: "ambient",
      "not in permitted and inheritable")
    // In a user namespace of its own the container has them all.
    if let available = host?.capabilities, !has(.user) {
      warnings.add(permitted.subtracting(available), in: "permitted", "not to be had on this host")
    }
  }

  /// A name that no list before has had is warned of: whoever asks for a capability puts it into several.
  private mutating func read(_ names: [String], _ list: StaticString, _ unknown: inout Set<String>) -> CapabilitySet {
    var set: CapabilitySet = []
    for (index, name) in names.enumerated() {
      if let capability = CapabilitySet(name: name) {
        set.formUnion(capability)
      } else if unknown.insert(name).inserted {
        warnings.add(
          "process.capabilities.\(list)[\(index)]", "\"\(name)\" is no capability that is known here, and ignored")
      }
    }
    return set
  }

  private mutating func checkScheduling(_ process: Spec.Process) {
    if let scheduler = process.scheduler { _ = SchedulerSettings(scheduler, &faults) }
    if let priority = process.ioPriority { _ = IOPriority(priority, &faults) }
    if let initial = process.execCPUAffinity?.initial {
      _ = faults.numbers(initial, "process.execCPUAffinity.initial")
    }
    if let final = process.execCPUAffinity?.final { _ = faults.numbers(final, "process.execCPUAffinity.final") }
  }

  /// A line of its own ends in the file that it is written to.
  private mutating func checkLabelText(_ text: String?, _ path: String) {
    guard let text else { return }
    faults.require(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, path, "holds a control character")
  }
}

extension FaultList {
  fileprivate mutating func add(_ set: CapabilitySet, in list: StaticString, _ reason: String) {
    let names = set.names
    if names.isEmpty { return }
    add("process.capabilities.\(list)", "\(names.joined(separator: ", ")): \(reason), and ignored")
  }
}
