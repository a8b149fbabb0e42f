package import Cgroups
package import Kernel
package import RuntimeSpec
package import Steps

/// One more process for a container that runs, and what stands around it.
package struct JoinRequest: Sendable {
  package var process: Spec.Process
  /// The configuration that the container has.
  package var spec: Spec
  /// The container's first process.
  package var leader: ProcessIdentifier
  /// The container's control group, `skiff/ID`; nil where it has none of its own.
  package var group: String?
  /// Groups below the container's own, by the controller of v1 that they are for; `""` is every other.
  package var subgroups: [String: String] = [:]
  package var layout: CgroupLayout
  /// As in `ExecPlan`.
  package var scope: String?
  /// A compiled filter; nil is unconfined.
  package var filter: SystemCallFilter?
  /// As in `LaunchRequest`.
  package var newKeyring: String?
  /// As in `LaunchRequest`.
  package var limitsAreDefaults = true
  /// The container's; as in `LaunchRequest`.
  package var identifier: String?
  package var host = HostFacts()

  package init(
    _ process: Spec.Process, in spec: Spec, leader: ProcessIdentifier, group: String?, layout: CgroupLayout
  ) {
    self.process = process
    self.spec = spec
    self.leader = leader
    self.group = group
    self.layout = layout
  }
}
