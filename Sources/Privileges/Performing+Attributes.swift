package import Kernel
package import Steps

/// Gives the calling process an attribute that its program inherits.
///
/// - Parameter writeProc: writes a file of a procfs that nobody can have mounted over. A write that lands elsewhere would
///   leave the program without its label, or set off what the image chose (CVE-2019-16884, CVE-2025-52881).
package func perform(
  _ attribute: ProcessAttribute, writeProc: (Path, String) throws(Fault) -> Void
) throws(Fault) {
  switch attribute {
  case .scheduler(let settings): try apply(settings)
  case .ioPriority(let priority): try apply(priority)
  case .processors(let list): try apply(list)
  case .memoryPolicy(let policy): try apply(policy)
  case .personality(let personality): try setPersonality(personality.rawValue)
  case .securityLabel(let label): try apply(label, writeProc)
  case .keyring(let keyring): try join(keyring, writeProc)
  }
}

private func apply(_ settings: SchedulerSettings) throws(Fault) {
  do throws(Fault) {
    try setScheduler(
      policy: settings.policy.rawValue, flags: settings.flags, nice: settings.nice, priority: settings.priority,
      runtime: settings.runtime, deadline: settings.deadline, period: settings.period)
  } catch {
    let hint: String? =
      switch error.errno {
      case .notPermitted:
        "this takes CAP_SYS_NICE on the host, a control group with real-time microseconds where the kernel shares those "
          + "out (linux.resources.cpu.realtimeRuntime), and all processors for SCHED_DEADLINE"
      case .busy: "the processors have not that much time left to promise"
      default: nil
      }
    throw Fault(operation: error.operation, error.errno, arguments: error.arguments, hint: hint)
  }
}

private func apply(_ priority: IOPriority) throws(Fault) {
  do throws(Fault) { try setInputOutputPriority(class: priority.class.rawValue, level: priority.level) } catch {
    throw Fault(
      operation: error.operation, error.errno, arguments: error.arguments,
      hint: error.errno == .notPermitted ? "the real-time class takes CAP_SYS_NICE on the host" : nil)
  }
}

private func apply(_ list: NumberList) throws(Fault) {
  do throws(Fault) { try setProcessorAffinity(list.words) } catch {
    throw Fault(
      "sched_setaffinity", error.errno, arguments: "0, \(list)",
      hint: error.errno == .invalid ? "none of these processors is there for this container" : nil)
  }
}

private func apply(_ policy: MemoryPolicy) throws(Fault) {
  do throws(Fault) {
    try setMemoryPolicy(mode: policy.mode.rawValue | policy.flags, nodes: policy.nodes.words)
  } catch {
    throw Fault(
      operation: error.operation, error.errno, arguments: error.arguments,
      hint: error.errno == .invalid
        ? "this kernel does not know the policy, or none of the nodes \(policy.nodes) is there for this container" : nil
    )
  }
}

/// The label counts from the next execve on, which is the program's. Both modules let a process choose its own as long as
/// it is what it is, so this comes before its identity changes.
private func apply(_ label: SecurityLabel, _ writeProc: (Path, String) throws(Fault) -> Void) throws(Fault) {
  switch label {
  case .apparmor(let profile):
    do throws(Fault) {
      // Of AppArmor's own (Linux 5.8): attr/exec belongs to whichever module comes first.
      try writeProc("self/attr/apparmor/exec", "exec \(profile)")
    } catch {
      guard error.errno == .noSuchFile, error.operation != "write" else { throw apparmorFault(error, profile) }
      do throws(Fault) { try writeProc("self/attr/exec", "exec \(profile)") } catch {
        throw apparmorFault(error, profile)
      }
    }
  case .selinux(let label): try writeProc("self/attr/exec", label)
  }
}

private func apparmorFault(_ fault: Fault, _ profile: String) -> Fault {
  Fault(
    operation: fault.operation, fault.errno, arguments: fault.arguments,
    hint: fault.errno == .noSuchFile
      ? "apparmor failed to apply profile: \"\(profile)\" is not loaded (apparmor_parser -r FILE loads one)"
      : "apparmor failed to apply profile \"\(profile)\"")
}

/// What keyrings protect is little beside what the file system does, so a kernel without them, or a filter that hides them,
/// is no reason to fail.
private func join(_ keyring: SessionKeyring, _ writeProc: (Path, String) throws(Fault) -> Void) throws(Fault) {
  // Forgotten by execve, so that nobody has to take it back.
  if let label = keyring.label { try writeProc("self/attr/keycreate", label) }
  let serial: KeySerial
  do throws(Fault) { serial = try joinSessionKeyring(Path(keyring.name)) } catch {
    if error.errno == .noSystemCall || error.errno == .notPermitted { return }
    throw Fault(
      operation: error.operation, error.errno, arguments: error.arguments,
      hint: error.errno == .overQuota
        ? "this user has as many keys as the host allows (sysctl kernel.keys.maxkeys); --no-new-keyring makes none"
        : nil)
  }
  // 0 says that the caller was in it already.
  guard keyring.permissions != 0, serial != 0 else { return }
  let bits = try keyPermissions(serial)
  if bits & keyring.permissions != keyring.permissions {
    try setKeyPermissions(serial, bits | keyring.permissions)
  }
}
