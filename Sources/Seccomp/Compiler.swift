package import RuntimeSpec
package import Steps

/// Compiles a profile to a program of classic BPF: a jump by architecture, then a binary search among ranges of numbers
/// with the same answer, then, for the few calls whose arguments matter, tests of them.
///
/// Same profile, same program. What it means follows runc with libseccomp:
/// - the native architecture is always in; a call by an architecture that is not listed ends the thread;
/// - names that the table or the architecture does not have are passed over;
/// - a rule without conditions beats those with some, and among those the first that holds wins;
/// - conditions on one argument twice in a rule are alternatives (opencontainers/runc#2735);
/// - a call above the highest that the profile names answers ENOSYS, so that a C library newer than the profile falls back,
///   unless the default is to allow.
///
/// - Parameter name: what a person calls the profile.
package func compile(
  _ profile: Spec.Seccomp, name: String, for machine: Machine = .current
) throws(SeccompError) -> SystemCallFilter {
  let rules = try RuleSet(profile)
  let interfaces = try interfaces(of: profile, on: machine)
  var assembler = Assembler()
  var sections: [(audit: UInt32, target: Assembler.Target)] = []
  for wide in interfaces where wide.base == 0 {
    var ranges = rules.ranges(for: wide, into: &assembler)
    if wide == .x86Wide {
      if interfaces.contains(.x32) {
        ranges += rules.ranges(for: .x32, into: &assembler)
      } else {
        // x32 is not listed, yet shares AUDIT_ARCH_X86_64. A tracer's -1 (a call to skip) is no call of x32.
        ranges += [(0x4000_0000, .act(killThread)), (.max, .act(rules.defaultAction))]
      }
    }
    sections.append((wide.audit, assembler.tree(ranges, at: 0)))
    try rules.check(assembler)
  }
  var start = Assembler.Target.act(killThread)
  for section in sections.reversed() {
    start = assembler.branch(.equal, section.audit, then: section.target, else: start)
  }
  _ = assembler.load(4)
  try rules.check(assembler)
  return SystemCallFilter(name: name, instructions: assembler.instructions, flags: try flags(of: profile))
}

let killThread: UInt32 = 0

private func interfaces(of profile: Spec.Seccomp, on machine: Machine) throws(SeccompError) -> [BinaryInterface] {
  let all = machine.interfaces
  for name in profile.architectures where !all.contains(where: { $0.name == name }) {
    let isKnown =
      BinaryInterface.foreign.contains(name)
      || Machine.allCases.contains { $0.interfaces.contains { $0.name == name } }
    if !isKnown { throw .unknownArchitecture(name) }
  }
  return all.enumerated().filter { $0.offset == 0 || profile.architectures.contains($0.element.name) }.map(\.element)
}

/// SECCOMP_FILTER_FLAG_* (linux/seccomp.h). A profile that names none gets SPEC_ALLOW, as from runc: the program then
/// keeps the processor's speculation as it was.
private func flags(of profile: Spec.Seccomp) throws(SeccompError) -> UInt32 {
  if profile.flags.isEmpty { return 4 }
  var word: UInt32 = 0
  for name in profile.flags {
    switch name {
    // The process has one thread when the filter is loaded, so there is nothing to synchronise.
    case "SECCOMP_FILTER_FLAG_TSYNC": break
    case "SECCOMP_FILTER_FLAG_LOG": word |= 2
    case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": word |= 4
    // It takes a listener with it, which is refused with SCMP_ACT_NOTIFY.
    case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": break
    default: throw .unknownFlag(name)
    }
  }
  return word
}
