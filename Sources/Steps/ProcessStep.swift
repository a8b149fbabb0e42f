package import Kernel

/// A change to the process itself: its namespaces, identity, limits, and at the end the program it becomes.
package enum ProcessStep: Hashable, Sendable {
  /// clone3(2) into new namespaces; on v2 straight into the cgroup (CLONE_INTO_CGROUP).
  case clone(Namespaces, cgroup: Path?)
  /// The parent writes the child's uid_map, setgroups and gid_map (user_namespaces(7)).
  case mapIdentifiers(users: [IdentifierMap], groups: [IdentifierMap], by: MapWriter = .parent)
  case unshare(Namespaces)
  /// unshare(2) of a time namespace, how far its clocks are ahead of the host's (time_namespaces(7)), and setns(2) into it: a
  /// process is not in the one that it made.
  case enterTimeNamespace([ClockOffset])
  /// setns(2) through a file such as /proc/PID/ns/net.
  case joinNamespace(Namespaces, Path)
  /// setns(2) with a pidfd: several namespaces of a running process in one step (Linux 5.8), as `exec` enters a container.
  case joinNamespaces(Namespaces, of: ProcessIdentifier)
  /// The container waits here until the parent has made cgroups, network and id maps.
  case awaitParent
  /// The container tells its parent that its mounts and devices are there, for hooks that want to see them.
  case reportBuilt
  /// The parent waits for that.
  case awaitBuilt
  /// A program that the configuration wants called at this point (the runtime specification's hooks).
  case runHook(HookCall)
  /// Another OCI runtime is called, and waited for.
  case callRuntime(RuntimeCall)
  /// A look whether there is such a program: a container that is created now and started later fails now.
  case findProgram(Path, environment: [Path])
  /// The container waits until it is told to start its program (`create` and `start` of the runtime specification).
  case awaitStart
  case setHostname(String)
  case setDomainName(String)
  /// A write below /proc/sys, through a private procfs (SECURITY.md, rule 3).
  case setSysctl(key: String, value: String)
  case setResourceLimit(ResourceLimit)
  case setOomScoreAdjustment(Int)
  /// In the parent, for a container with a user namespace: raises hard limits of the child (prlimit(2)) as far as these, for
  /// inside nobody may raise any. The child sets them.
  case allowLimits([ResourceLimit])
  /// How the program is scheduled, where its memory lies, which labels and keys it has.
  case set(ProcessAttribute)
  case startSession
  /// The pseudo terminal becomes the controlling terminal and the standard streams.
  case openTerminal(rows: UInt16, columns: UInt16)
  /// The standard streams become the user's, so that it can open them anew (/dev/stdout, /proc/self/fd/1).
  case ownStreams(user: UInt32)
  case changeRoot(Path)
  /// chdir(2), and a check that getcwd(2) is inside the root (CVE-2024-21626). A missing directory is made when asked.
  case changeDirectory(Path)
  case setUmask(FileMode)
  case setNoNewPrivileges
  /// Drops from the bounding set; needs CAP_SETPCAP, so it comes before the other sets shrink.
  case limitCapabilities(bounding: CapabilitySet)
  /// setgroups, setresgid, setresuid, keeping permitted capabilities across it (PR_SET_KEEPCAPS).
  case setUser(user: UInt32, group: UInt32, supplementary: [UInt32])
  case setCapabilities(Capabilities)
  /// A compiled filter. Without no_new_privs, loading is privileged and comes before capabilities are dropped.
  case loadFilter(SystemCallFilter)
  /// execve(2). `program` is looked up in PATH of `environment` when it has no slash.
  case execute(program: Path, arguments: [Path], environment: [Path])
}

/// Who may write the maps of a user namespace (user_namespaces(7), "Defining user and group ID mappings").
package enum MapWriter: Hashable, Sendable {
  /// The parent, which is privileged over the ids that it hands on.
  case parent
  /// The parent as an ordinary user, its own two ids only. It has to give up setgroups(2) first: a group can be what a file
  /// is kept from.
  case owner
  /// newuidmap(1) and newgidmap(1), set-user-ID programs of the host: ranges that /etc/subuid and /etc/subgid allow.
  case helpers
}

/// How far a clock of a time namespace is ahead of the host's.
package struct ClockOffset: Hashable, Sendable {
  /// `monotonic` or `boottime`.
  package var clock: String
  package var seconds: Int64
  package var nanoseconds: UInt32
  package init(clock: String, seconds: Int64, nanoseconds: UInt32 = 0) {
    self.clock = clock
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// One line of uid_map or gid_map.
package struct IdentifierMap: Hashable, Sendable {
  package var container: UInt32
  package var host: UInt32
  package var count: UInt32
  package init(container: UInt32, host: UInt32, count: UInt32) {
    self.container = container
    self.host = host
    self.count = count
  }
}

/// A resource limit (getrlimit(2)).
package struct ResourceLimit: Hashable, Sendable {
  /// `RLIMIT_NOFILE`, as the OCI specification names it.
  package var name: String
  /// The kernel's number of it.
  package var resource: Int32
  package var soft: UInt64
  package var hard: UInt64
  /// Nobody asked for it: a host that may not raise the limit keeps what it inherited.
  package var isDefault: Bool
  package init(name: String, resource: Int32, soft: UInt64, hard: UInt64, isDefault: Bool = false) {
    self.name = name
    self.resource = resource
    self.soft = soft
    self.hard = hard
    self.isDefault = isDefault
  }
}

/// The sets of capabilities(7) that a process starts its program with.
package struct Capabilities: Hashable, Sendable {
  package var effective: CapabilitySet
  package var permitted: CapabilitySet
  package var inheritable: CapabilitySet
  package var ambient: CapabilitySet
  package init(
    effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet, ambient: CapabilitySet
  ) {
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
    self.ambient = ambient
  }
}

/// A seccomp program (seccomp(2)): classic BPF, one `struct sock_filter` in each word as the kernel lays it out on a
/// little-endian machine: code 16 bits, jt 8, jf 8, k 32.
package struct SystemCallFilter: Hashable, Sendable {
  /// What a person calls it: `docker's default profile`.
  package var name: String
  package var instructions: [UInt64]
  /// SECCOMP_FILTER_FLAG_*.
  package var flags: UInt32
  /// How the listener of SECCOMP_FILTER_FLAG_NEW_LISTENER leaves the process that the filter rules already; nil without one.
  package var listenerCall: ListenerCall?
  /// It stops sendmsg: once it is loaded the process can tell its parent nothing more.
  package var isMute = false
  /// Who gets the listener.
  package var listener: FilterListener?
  package init(name: String, instructions: [UInt64], flags: UInt32) {
    self.name = name
    self.instructions = instructions
    self.flags = flags
  }
}

extension SystemCallFilter {
  /// A call that takes a descriptor to another process. It must not be one that the filter stops to ask the listener.
  package enum ListenerCall: Hashable, Sendable { case sendmsg, sendmmsg }
}

/// Who answers for the calls that a filter leaves to somebody else (seccomp_unotify(2)): an agent at a socket, which gets the
/// listener and the container process state of the runtime specification (config-linux.md).
package struct FilterListener: Hashable, Sendable {
  /// A SOCK_STREAM socket of the host.
  package var path: Path
  /// The container process state up to the members of `state`; the numbers are known only when the listener is there.
  package var head: [UInt8]
  /// The container's first process; nil where it is the one that the filter rules.
  package var container: ProcessIdentifier?

  package init(path: Path, head: [UInt8], container: ProcessIdentifier? = nil) {
    self.path = path
    self.head = head
    self.container = container
  }

  /// - Parameter process: the one that the filter rules, on the host.
  package func message(process: ProcessIdentifier) -> [UInt8] {
    head + Array(",\"pid\":\(container ?? process)},\"pid\":\(process)}".utf8)
  }
}
