internal import ImageSpec
package import Containers
package import Kernel
package import Networks
package import Steps

/// What `run` was asked for, in values that were checked one by one; what they mean together is decided when the
/// container is prepared.
package struct RunRequest: Sendable {
  /// What the container's root is made of.
  package enum Root: Hashable, Sendable {
    case image(String)
    /// `--rootfs`: a directory as it lies, changed in place.
    case directory(Path)
  }

  package var root: Root
  /// What follows the image; empty means the image's own.
  package var command: [String] = []
  /// `--entrypoint`; an empty string takes the image's away.
  package var entrypoint: String?
  package var name: String?
  package var hostname: String?
  package var domainName: String?
  package var isDetached = false
  package var isInteractive = false
  package var hasTerminal = false
  package var removesItself = false
  /// `--init`; nil where the program itself decides.
  package var hasInit: Bool?
  /// `NAME=VALUE`, in the order given; later ones win.
  package var environment: [String] = []
  /// `--env-merge`
  package var mergedVariables: [EnvironmentMerge] = []
  package var workingDirectory: String?
  package var user: String?
  package var supplementaryGroups: [String] = []
  package var mounts: [MountRequest] = []
  /// `--volumes-from`
  package var inheritedMounts: [InheritedMountsRequest] = []
  package var rootIsReadOnly = false
  package var resources = ResourceRequest()
  package var limits: [ResourceLimit] = []
  package var addedCapabilities: [String] = []
  package var droppedCapabilities: [String] = []
  package var isPrivileged = false
  package var security = SecurityRequest()
  package var network = NetworkRequest.bridge
  /// Each network that the container is to be on, where it has one of its own; empty for the default one alone.
  package var endpoints: [EndpointRequest] = []
  package var publishing = PublishRequest()
  package var labels: [Label] = []
  package var stopSignal: Int32?
  package var stopTimeout: Int?
  package var restart = RestartPolicy()
  /// `--runtime`: the name or path of another OCI runtime; nil is Skiff's own.
  package var runtime: String?
  package var health = HealthRequest()
  package var sysctls: [Label] = []
  package var extraHosts: [Label] = []
  package var resolving = ResolvRequest()
  /// `--userns`: nil is the host's.
  package var userNamespace: UserNamespaceRequest?
  package var sharing = SharingRequest()
  package var annotations: [Label] = []
  /// `--cgroup-parent`: a group's path, without slashes around it; nil is Skiff's own.
  package var cgroupParent: String?
  package var disablesOOMKiller = false
  package var devices: [DeviceRequest] = []
  package var deviceRules: [DeviceRuleRequest] = []
  package var deviceRates: [DeviceRateRequest] = []
  package var memorySwappiness: Int?
  package var oomScoreAdjustment: Int?
  package var sharedMemorySize: Int?
  package var storage: StorageRequest?
  package var logging = LogRequest()
  package var secrets: [SecretRequest] = []
  /// `--tz`: a name below /usr/share/zoneinfo, or `local`.
  package var timezone: String?
  package var umask: UInt32?
  /// Variables of the image, and Skiff's own, that the container does not get.
  package var unsetVariables: [String] = []
  package var unsetsAllVariables = false
  /// Seconds after which it is killed.
  package var timeout: Int?
  /// `--device VENDOR/CLASS=NAME`: what CDI files describe.
  package var namedDevices: [NamedDevice] = []
  /// Kept for `inspect` alone: what `-a` chose; nil is output and errors.
  package var attachedStreams: [String]?

  package init(root: Root) { self.root = root }
}

extension RunRequest {
  /// What is said here instead of what the image says.
  var overrides: ContainerOverrides {
    var overrides = ContainerOverrides()
    overrides.entrypoint = entrypoint.map { $0.isEmpty ? [] : [$0] }
    overrides.cmd = command
    overrides.env = environment
    overrides.user = user ?? ""
    overrides.workingDir = workingDirectory ?? ""
    overrides.labels = Dictionary(labels.map { ($0.name, $0.value) }) { $1 }
    overrides.stopSignal = stopSignal.map { SignalName.name(of: $0) } ?? ""
    for mount in mounts where mount.what == .volume(nil) { overrides.volumes.append(mount.target.string) }
    return overrides
  }
}

/// `--health-*`, `--no-healthcheck` and `--on-unhealthy`; nil is what the image says. Times in nanoseconds.
package struct HealthRequest: Hashable, Sendable {
  package var isOff = false
  package var test: [String]?
  package var interval: Int64?
  package var timeout: Int64?
  package var startPeriod: Int64?
  package var startInterval: Int64?
  package var retries: Int64?
  package var answer = HealthCheck.Answer.none
  package init() {}
}

/// A name and its value: a label, a sysctl, a host entry.
package struct Label: Hashable, Sendable {
  package var name: String
  package var value: String
  package init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// `-p`, `-P` and `--expose`.
package struct PublishRequest: Hashable, Sendable {
  package var ports: [PortRequest] = []
  /// With the image's, what `publishesAll` is about.
  package var exposed: [PortRequest] = []
  package var publishesAll = false
  /// The address of the host for `publishesAll`; nil for all of them.
  package var usualAddress: IPAddress?
  package init() {}

  /// What is to be published of a container whose image exposes `image`.
  func requests(image: [String]) throws(OptionError) -> [PortRequest] {
    guard publishesAll else { return ports }
    var all = ports
    var candidates = exposed
    for text in image { candidates += try PortRequest.parseExposed(text) }
    struct End: Hashable {
      var transport: PortEntry.Transport
      var port: UInt16
    }
    var ends = Set(all.map { End(transport: $0.transport, port: $0.containerPort) })
    for port in candidates where ends.insert(End(transport: port.transport, port: port.containerPort)).inserted {
      var port = port
      port.address = usualAddress
      all.append(port)
    }
    return all
  }
}

/// Limits, in bytes and nanoseconds; nil keeps what the host has.
package struct ResourceRequest: Hashable, Sendable {
  package var memory: Int64?
  /// Memory and swap together, as docker counts; -1 is without limit.
  package var memorySwap: Int64?
  package var memoryReservation: Int64?
  package var cpuShares: UInt64?
  package var cpuPeriod: UInt64?
  package var cpuQuota: Int64?
  /// Microseconds; v1 only.
  package var cpuRealtimePeriod: UInt64?
  package var cpuRealtimeRuntime: Int64?
  package var cpusetCpus: String?
  package var cpusetMems: String?
  package var processes: Int64?
  package var blockWeight: UInt16?
  package init() {}
}

/// `--security-opt`.
package struct SecurityRequest: Hashable, Sendable {
  package enum Seccomp: Hashable, Sendable {
    case standard
    case unconfined
    /// A profile in docker's format.
    case file(Path)
  }
  package var seccomp = Seccomp.standard
  package var noNewPrivileges = false
  /// `systempaths=unconfined`: nothing is masked or read-only.
  package var pathsAreOpen = false
  /// `writable-cgroups=true`: the container may set limits below its own.
  package var groupsAreWritable = false
  /// `apparmor=PROFILE`.
  package var apparmor: String?
  /// `label=…`: the parts of the SELinux label that are not the usual ones; nil where none was named.
  package var label: LabelRequest?
  /// As given, for `inspect`.
  package var words: [String] = []
  package init() {}
}

package enum NetworkRequest: Hashable, Sendable {
  case bridge, none, host
  case container(String)
  case named(String)
  /// Of CNI plugins.
  case plugins(String)

  var networkName: String { if case .named(let name) = self { name } else { Network.defaultName } }
}

/// `--userns`: which ids of the host the container's ids are.
package struct UserNamespaceRequest: Hashable, Sendable {
  package var users: [IdentifierMap]
  package var groups: [IdentifierMap]
  package init(users: [IdentifierMap], groups: [IdentifierMap]) {
    self.users = users
    self.groups = groups
  }
}

/// `--device HOST[:CONTAINER[:rwm]]`.
package struct DeviceRequest: Hashable, Sendable {
  package var source: Path
  package var target: Path
  package var access: String
  package init(source: Path, target: Path, access: String) {
    self.source = source
    self.target = target
    self.access = access
  }
}
