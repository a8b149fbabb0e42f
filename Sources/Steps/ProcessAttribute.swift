/// What a process hands down to the program that it becomes and to all its children: how it is scheduled, where its memory
/// lies, which labels and keys it has.
package enum ProcessAttribute: Hashable, Sendable {
  /// sched_setattr(2).
  case scheduler(SchedulerSettings)
  /// ioprio_set(2).
  case ioPriority(IOPriority)
  /// sched_setaffinity(2): the processors that it may run on.
  case processors(NumberList)
  /// set_mempolicy(2).
  case memoryPolicy(MemoryPolicy)
  /// personality(2).
  case personality(Personality)
  /// What a security module is to make of the program: a write to /proc/self/attr, through a private procfs.
  case securityLabel(SecurityLabel)
  /// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING: keys that the caller holds are not the program's.
  case keyring(SessionKeyring)
}

/// struct sched_attr.
package struct SchedulerSettings: Hashable, Sendable {
  /// By the kernel's numbers (linux/sched.h).
  package enum Policy: UInt32, Hashable, Sendable {
    case other = 0
    case fifo = 1
    case roundRobin = 2
    case batch = 3
    case idle = 5
    case deadline = 6
  }
  package var policy: Policy
  /// -20 to 19, for `other` and `batch`.
  package var nice: Int32
  /// 1 to 99, for `fifo` and `roundRobin`.
  package var priority: UInt32
  /// SCHED_FLAG_*.
  package var flags: UInt64
  /// Nanoseconds, as are the next two; for `deadline`.
  package var runtime: UInt64
  package var deadline: UInt64
  package var period: UInt64

  package init(
    policy: Policy, nice: Int32 = 0, priority: UInt32 = 0, flags: UInt64 = 0, runtime: UInt64 = 0,
    deadline: UInt64 = 0, period: UInt64 = 0
  ) {
    self.policy = policy
    self.nice = nice
    self.priority = priority
    self.flags = flags
    self.runtime = runtime
    self.deadline = deadline
    self.period = period
  }
}

package struct IOPriority: Hashable, Sendable {
  /// By the kernel's numbers (linux/ioprio.h).
  package enum Class: Int, Hashable, Sendable {
    case realTime = 1
    case bestEffort = 2
    case idle = 3
  }
  package var `class`: Class
  /// 0 (most) to 7.
  package var level: Int
  package init(class: Class, level: Int) {
    self.class = `class`
    self.level = level
  }
}

package struct MemoryPolicy: Hashable, Sendable {
  /// By the kernel's numbers (linux/mempolicy.h).
  package enum Mode: UInt32, Hashable, Sendable {
    case `default` = 0
    case preferred = 1
    case bind = 2
    case interleave = 3
    case local = 4
    /// Linux 5.15.
    case preferredMany = 5
    /// Linux 6.9.
    case weightedInterleave = 6
  }
  package var mode: Mode
  /// MPOL_F_*.
  package var flags: UInt32
  package var nodes: NumberList
  package init(mode: Mode, flags: UInt32 = 0, nodes: NumberList = NumberList()) {
    self.mode = mode
    self.flags = flags
    self.nodes = nodes
  }
}

/// By the kernel's numbers (linux/personality.h).
package enum Personality: UInt32, Hashable, Sendable {
  case linux = 0
  /// uname(2) answers as a 32-bit machine.
  case linux32 = 8
}

package enum SecurityLabel: Hashable, Sendable {
  /// A profile that the host has loaded.
  case apparmor(profile: String)
  case selinux(label: String)
}

package struct SessionKeyring: Hashable, Sendable {
  /// A keyring of that name is joined where there is one, as `exec` joins the container's.
  package var name: String
  /// Permission bits (keyctl_setperm(3)) that it gets beside those it is made with.
  package var permissions: UInt32
  /// The SELinux label that it is made with.
  package var label: String?
  package init(name: String, permissions: UInt32 = 0, label: String? = nil) {
    self.name = name
    self.permissions = permissions
    self.label = label
  }

  /// Whoever is the container's own user finds what is in it; in a user namespace, the root that made it has another id
  /// than the program's user may have, so that everybody there does.
  package static func permissions(inUserNamespace: Bool) -> UInt32 { inUserNamespace ? 0x8 : 0x8_0000 }
}
