package import Cgroups
package import Kernel
package import RuntimeSpec
package import Steps

/// What a plan is compiled from: the OCI configuration, and what stands around it that the specification has no word for.
package struct LaunchRequest: Sendable {
  /// What the root is made of.
  package enum Root: Hashable, Sendable {
    case directory(Path)
    case overlay(OverlayMount)
  }

  package var spec: Spec
  package var root: Root
  /// An empty directory of the host; in the container's own mount namespace its root is mounted there.
  package var rootfs: Path
  /// The name of the container's control group, `skiff/ID`; nil leaves it in the caller's.
  package var group: String?
  package var layout: CgroupLayout
  /// With the systemd driver, the scope whose group that is.
  package var unit: SystemdUnit?
  /// In the parent, before the group is made: how it comes to where it may make one.
  package var entry: [Step] = []
  /// In the parent beside the building child: links and rules.
  package var wiring: [NetworkStep] = []
  /// In the child once the wires are there: addresses and routes.
  package var inside: [NetworkStep] = []
  /// A compiled filter; nil is unconfined.
  package var filter: SystemCallFilter?
  package var hasInit = false
  /// What hooks are told of the container; nil where nobody calls any.
  package var state: Spec.State?
  /// `create`: the container is made whole and waits for `start` right before its program.
  package var waitsForStart = false
  /// Descriptors from 3 on that the program inherits.
  package var preservedDescriptors = 0
  /// With a user namespace: the root's files belong, inside, to the ids that they have on the disk. An OCI bundle has its
  /// root's owners shifted already.
  package var shiftsOwners = false
  /// Limits that a person did not ask for: kept as far as a host without CAP_SYS_RESOURCE allows.
  package var limitsAreDefaults = true
  /// The container's identifier, for what is named after it: a group of resctrl.
  package var identifier: String?
  /// The session keyring that the program gets, `_ses.ID`; nil leaves it the caller's.
  package var newKeyring: String?
  package var host = HostFacts()

  /// Who starts the container, when that is an ordinary user: then all of it happens with the rights of a user namespace.
  package var rootless: HostIdentity?
  /// The engine itself is root of a user namespace alone, and the container is in that too: what it may not make is taken from
  /// the host.
  package var isInUserNamespace = false
  /// Move the root into place and chroot, for a host whose own root is the initial ramfs: it cannot be pivoted away.
  package var noPivot = false
  /// Where relative sources of bind mounts start.
  package var bundle: Path?

  package init(spec: Spec, root: Root, rootfs: Path, group: String?, layout: CgroupLayout) {
    self.spec = spec
    self.root = root
    self.rootfs = rootfs
    self.group = group
    self.layout = layout
  }
}

/// Why a configuration is refused, before anything was made.
package struct PlanningError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Where in the configuration: `linux.resources.memory.limit`.
  package var path: String
  package var reason: String
  package var hint: String?
  package init(_ path: String, _ reason: String, hint: String? = nil) {
    self.path = path
    self.reason = reason
    self.hint = hint
  }
  package var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
