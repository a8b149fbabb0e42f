package import Kernel

/// A change to the control group hierarchies. Paths are absolute directories of cgroupfs on the host.
package enum CgroupStep: Hashable, Sendable {
  /// mkdir of a group that others share, such as `skiff`: one that is there is fine, and it is kept afterwards.
  case ensure(Path)
  /// mkdir of the container's own group. One that a crash left behind is taken over when it is empty; EBUSY when
  /// processes are in it.
  case make(Path)
  /// One write(2) of `value` into the control file `file` of the group.
  case write(Path, file: Path, value: String)
  /// The same into the first of these files that the kernel has: names differ between versions and schedulers. Where it
  /// has none, that is a fault unless `orNone`.
  case writeFirst(Path, [ControlSetting], orNone: Bool)
  /// v2: controllers that the children of this group get (`cgroup.subtree_control`). One of `required` that cannot be had
  /// is a fault; `wanted` ones (for statistics and later updates) come where they can.
  case enable(Path, required: [String], wanted: [String])
  /// v2: an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE made from the rules, attached to the group.
  case allowDevices(Path, [DeviceRule])
  /// v1 cpuset: a new group takes cpus and mems from its parent before a task may enter.
  case inheritCpuset(Path)
  /// The calling task enters the group: the single-threaded child writes 0 to `tasks` (v1) or `cgroup.procs` (v2). Another
  /// process's pid is never written: that waits for an RCU grace period, about 9 ms.
  case join(Path, isV2: Bool)
  /// The parent puts the container in, whatever that costs: the root of a user namespace may not write to the host's groups.
  case admit(Path, isV2: Bool)
  /// systemd makes a scope with the container's process in it, and with it the group where it manages one. `groups` are all that
  /// hold the container, systemd's and those that stand beside it.
  case startUnit(SystemdUnit, groups: [Path])
  /// The caller itself moves into a scope that its systemd makes and delegates: what it makes from then on is made there.
  case enterScope(SystemdUnit)
  /// v2: who is in the group itself moves into one of its own in there, because a group that holds processes hands no
  /// controllers down (cgroups(7), "no internal processes").
  case vacate(Path, into: Path)
  /// systemd learns new limits, for it would write the old ones again.
  case setUnit(SystemdUnit)
  /// systemd stops the scope; what is left of its groups is removed.
  case stopUnit(String, isUser: Bool, groups: [Path])
  /// rmdir of the group and of those that the container made in it, after killing who is still there; retried, for a
  /// bounded time, while the kernel lets go of the last task.
  case remove(Path)

  var undo: CgroupStep? {
    switch self {
    case .make(let path): .remove(path)
    case .startUnit(let unit, let groups): .stopUnit(unit.name, isUser: unit.isUser, groups: groups)
    default: nil
    }
  }
}

/// A control file and what is written there.
package struct ControlSetting: Hashable, Sendable {
  package var file: Path
  package var value: String

  package init(file: Path, value: String) {
    self.file = file
    self.value = value
  }
}

/// One rule of the device controller. Later rules win.
package struct DeviceRule: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable { case all = "a", character = "c", block = "b" }
  package var allow: Bool
  package var kind: Kind
  /// Nil is any.
  package var major: UInt32?
  package var minor: UInt32?
  /// A subset of `rwm`: read, write, mknod.
  package var access: String

  package init(allow: Bool, kind: Kind, major: UInt32?, minor: UInt32?, access: String) {
    self.allow = allow
    self.kind = kind
    self.major = major
    self.minor = minor
    self.access = access
  }
}

extension DeviceRule: CustomStringConvertible {
  /// As devices.list and `devices.allow` write it: `c 1:3 rwm`, `b *:* m`.
  package var description: String {
    "\(kind.rawValue) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*") \(access)"
  }
}
