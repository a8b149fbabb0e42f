internal import RuntimeSpec
internal import Seccomp
internal import Steps

extension SpecValidator {
  mutating func check(_ seccomp: Spec.Seccomp) {
    let path = "linux.seccomp"
    // The agent would be asked about the very calls by which it is told of the filter.
    faults.require(
      seccomp.defaultAction != .notify, "\(path).defaultAction", "SCMP_ACT_NOTIFY cannot be the default action")
    checkNumber(seccomp.defaultErrnoRet, of: seccomp.defaultAction, "\(path).defaultErrnoRet")
    for (index, name) in seccomp.architectures.enumerated() {
      faults.require(
        Machine.isArchitecture(name), "\(path).architectures[\(index)]", "\"\(name)\" is no architecture")
    }
    for (index, name) in (seccomp.flags ?? []).enumerated() {
      faults.require(
        FilterFlags.named.contains { $0.name == name }, "\(path).flags[\(index)]",
        "\"\(name)\" is no flag of seccomp(2)")
    }
    var notifies = false
    for (index, rule) in seccomp.syscalls.enumerated() {
      if rule.action == .notify { notifies = true }
      check(rule, index)
    }
    checkListener(seccomp, notifies: notifies, path)
  }

  private mutating func check(_ rule: Spec.SeccompRule, _ index: Int) {
    faults.require(!rule.names.isEmpty, "linux.seccomp.syscalls[\(index)].names", "is empty")
    for (position, name) in rule.names.enumerated() where name.isEmpty {
      faults.add("linux.seccomp.syscalls[\(index)].names[\(position)]", "is empty")
    }
    checkNumber(rule.errnoRet, of: rule.action, "linux.seccomp.syscalls[\(index)].errnoRet")
    for (position, argument) in rule.args.enumerated() {
      faults.require(
        argument.index < 6, "linux.seccomp.syscalls[\(index)].args[\(position)].index",
        "\(argument.index) is not from 0 to 5")
    }
  }

  /// "When the action doesn't support an errno, the runtime MUST print an error and fail."
  private mutating func checkNumber(
    _ number: UInt32?, of action: Spec.SeccompAction, _ path: @autoclosure () -> String
  ) {
    guard let number else { return }
    faults.require(
      action == .errno || action == .trace, path(), "\(action.rawValue) has no error number to give")
    faults.require(
      number <= (action == .trace ? 0xffff : 4095), path(), "\(number) is larger than the kernel's error numbers")
  }

  private mutating func checkListener(_ seccomp: Spec.Seccomp, notifies: Bool, _ path: String) {
    if notifies {
      faults.require(
        seccomp.listenerPath != nil, "\(path).listenerPath", "is missing: there is a rule with SCMP_ACT_NOTIFY")
    }
    if let listener = seccomp.listenerPath {
      faults.require(
        listener.utf8.first == UInt8(ascii: "/"), "\(path).listenerPath", "\"\(listener)\" is not an absolute path")
    } else {
      faults.require(
        seccomp.listenerMetadata == nil, "\(path).listenerMetadata", "is for listenerPath, which is missing")
    }
  }
}
