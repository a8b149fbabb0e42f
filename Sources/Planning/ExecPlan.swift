package import Kernel
package import Steps

/// One more program in a running container.
///
/// ```
///   command ── clone ─→ joining (cgroups, namespaces) ── clone into the pid namespace ─→ finishing ─→ the program
/// ```
/// The process that joins has to clone once more, for setns on a pid namespace counts for children only. The second one
/// is made as its sibling, so that the command reaps it.
package struct ExecPlan: Hashable, Sendable {
  package var joining: [Step]
  package var finishing: [Step]
  /// cgroup v2: the directory that the one who joins is born in, and so the program.
  package var cgroup: Path?
  /// Whose group it is instead when that has groups of its own and holds no process any more (cgroups(7), "no internal
  /// processes"); nil where another one is no answer.
  package var leader: ProcessIdentifier?
  package var hasTerminal: Bool
  /// Descriptors from 3 on that the program inherits.
  package var preservedDescriptors = 0
  /// As in `LaunchPlan`.
  package var stagingTarget: StagingTarget?

  /// As in `LaunchPlan`.
  package var listener: FilterListener? { finishing.listener }

  package init(joining: [Step], finishing: [Step], cgroup: Path?, hasTerminal: Bool) {
    self.joining = joining
    self.finishing = finishing
    self.cgroup = cgroup
    self.hasTerminal = hasTerminal
  }
}
