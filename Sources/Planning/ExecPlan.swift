package import Kernel
package import Steps

/// One more program in a running container.
///
/// ```
///   command ── clone into the pid namespace ─→ joining (cgroups, other namespaces), finishing ─→ the program
///
///   command ── clone ─→ joining (cgroups, namespaces) ── clone into the pid namespace ─→ finishing ─→ the program
/// ```
/// setns on a pid namespace counts for children only. Mostly the command itself can enter it, and leave it again, around its
/// one clone. It may not where the container has a user namespace, whose owner alone enters what belongs to it: there a
/// process that joins clones once more, as its sibling, so that the command reaps it.
package struct ExecPlan: Hashable, Sendable {
  package var joining: [Step]
  package var finishing: [Step]
  /// cgroup v2: the directory that the one who joins is born in, and so the program.
  package var cgroup: Path?
  /// Whose group it is instead when that has groups of its own and holds no process any more (cgroups(7), "no internal
  /// processes"); nil where another one is no answer.
  package var leader: ProcessIdentifier?
  /// The scope of the user's own systemd that `cgroup` belongs to: where this process may not put a child there, for it is
  /// itself in a group of root's, systemd moves the one who joins. Nil where systemd has no part in it.
  package var scope: Scope?
  /// The process that the command clones becomes the program: the first of the two ways above.
  package var clonesOnce = false
  package var hasTerminal: Bool
  /// Descriptors from 3 on that the program inherits.
  package var preservedDescriptors = 0
  /// As in `LaunchPlan`.
  package var stagingTarget: StagingTarget?
  /// Another OCI runtime starts the program; nil where we do.
  package var runtime: RuntimePlan?

  package struct Scope: Hashable, Sendable {
    package var name: String
    /// `/name` below the scope's own group, or empty.
    package var subgroup: String
    package init(name: String, subgroup: String) {
      self.name = name
      self.subgroup = subgroup
    }
  }

  /// As in `LaunchPlan`.
  package var listener: FilterListener? { finishing.listener }

  /// Whether it enters such a namespace of the container.
  package func joins(_ namespace: Namespaces) -> Bool {
    joining.contains { step in
      if case .process(.joinNamespaces(let namespaces, _)) = step { namespaces.contains(namespace) } else { false }
    }
  }

  package init(joining: [Step], finishing: [Step], cgroup: Path?, hasTerminal: Bool) {
    self.joining = joining
    self.finishing = finishing
    self.cgroup = cgroup
    self.hasTerminal = hasTerminal
  }
}
