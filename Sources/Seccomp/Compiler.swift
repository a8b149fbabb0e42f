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
///   unless the default is to allow;
/// - a kernel runs programs of its own architectures only, so those of others, which a profile may list, need no code.
///
/// - Parameter name: what a person calls the profile.
package func compile(
  _ profile: Spec.Seccomp, name: String, for machine: Machine = .current
) throws(SeccompError) -> SystemCallFilter {
  let flags = try FilterFlags(of: profile)
  let interfaces = try interfaces(of: profile, on: machine)
  let rules = try RuleSet(profile)
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
  var filter = SystemCallFilter(name: name, instructions: assembler.instructions, flags: flags.rawValue)
  filter.isMute = !rules.passes("sendmsg")
  if flags.contains(.newListener) { filter.listenerCall = try rules.listenerCall() }
  return filter
}

private func interfaces(of profile: Spec.Seccomp, on machine: Machine) throws(SeccompError) -> [BinaryInterface] {
  let all = machine.interfaces
  for (index, name) in profile.architectures.enumerated() where !all.contains(where: { $0.name == name }) {
    if !BinaryInterface.isKnown(name) { throw SeccompError("architectures[\(index)]", .unknownArchitecture(name)) }
  }
  return all.enumerated().filter { $0.offset == 0 || profile.architectures.contains($0.element.name) }.map(\.element)
}
