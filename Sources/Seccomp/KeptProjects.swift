internal import Kernel
package import RuntimeSpec

extension Spec.Seccomp {
  /// Nobody changes whose project a file is. The kernel lets the owner of a file do so, unless he is in a user namespace
  /// (fileattr_set_prepare), and overlayfs passes it on to the file below: root of a container would lift its own limit.
  package mutating func keepProjects() {
    let calls = FileAttributeCall.all.map { number in
      // ioctl(2) takes 32 bits of it, so the others may be anything.
      Spec.SeccompArgument(index: 1, value: 0xffff_ffff, valueTwo: UInt64(number), op: .maskedEqual)
    }
    // As a file system without projects answers; and another answer than the default, which needs no rule and gets none.
    let usual = UInt32(Errno.notSupported.rawValue)
    let isUsual = defaultAction == .errno && defaultErrnoRet == usual
    let refused = isUsual ? UInt32(Errno.notPermitted.rawValue) : usual
    var rules = calls.map { Spec.SeccompRule(names: ["ioctl"], action: .errno, errnoRet: refused, args: [$0]) }
    // A rule without a condition would count before these, so each that names the call gets one which always holds.
    let always = Spec.SeccompArgument(index: 1, value: 0, valueTwo: 0, op: .maskedEqual)
    // The same as a call of its own, Linux 6.17. Named where it need not be, it would be known to a profile that does not know it.
    var isSettable = [.allow, .log, .trace].contains(defaultAction)
    for var rule in syscalls {
      let names = rule.names
      if names.contains("file_setattr") { isSettable = true }
      rule.names = names.filter { $0 != "ioctl" && $0 != "file_setattr" }
      if !rule.names.isEmpty { rules.append(rule) }
      if names.contains("ioctl") {
        rule.names = ["ioctl"]
        if rule.args.isEmpty { rule.args = [always] }
        rules.append(rule)
      }
    }
    if isSettable { rules.append(Spec.SeccompRule(names: ["file_setattr"], action: .errno, errnoRet: refused)) }
    syscalls = rules
  }
}
