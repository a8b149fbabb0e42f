package import Kernel

/// A change to the control group hierarchies. Paths are absolute directories of cgroupfs on the host.
package enum CgroupStep: Hashable, Sendable {
  /// mkdir of one group (its parents are steps of their own).
  case make(Path)
  /// One write(2) of `value` into the control file `file` of the group.
  case write(Path, file: Path, value: String)
  /// v2: controllers that the children of this group get (`cgroup.subtree_control`); one that is missing is a fault.
  case enable(Path, controllers: [String])
  /// v2: an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE made from the rules, attached to the group.
  case allowDevices(Path, [DeviceRule])
  /// v1 cpuset: a new group takes cpus and mems from its parent before a task may enter.
  case inheritCpuset(Path)
  /// The calling task enters the group: the single-threaded child writes 0 to `tasks` (v1) or `cgroup.procs` (v2). Another
  /// process's pid is never written: that waits for an RCU grace period (MEASURED.md).
  case join(Path, isV2: Bool)
  /// rmdir of the group; retried while the kernel still lets go of the last task.
  case remove(Path)

  var undo: CgroupStep? {
    if case .make(let path) = self { return .remove(path) }
    return nil
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
