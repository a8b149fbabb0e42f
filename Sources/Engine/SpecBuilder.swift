internal import Cgroups
internal import Containers
internal import ImageSpec
internal import Kernel
internal import Privileges
internal import RuntimeSpec
internal import Steps

/// An image's configuration and a request become the OCI configuration of a container.
struct SpecBuilder {
  let request: RunRequest
  /// The image's defaults, with what the request says instead.
  let config: ContainerDefaults
  let files: PreparedFiles
  let hostname: String
  let user: ResolvedUser
  let mounts: [MountRecord]

  /// The files of the host that stand in /etc of the container.
  struct PreparedFiles {
    var hostname: Path
    var hosts: Path?
    var resolvConf: Path?
    var rootfs: Path
    var timezone: Path
    var secrets: Path
  }

  func build() throws(Failure) -> Spec {
    var spec = Spec()
    spec.root = Spec.Root(path: files.rootfs.string, isReadOnly: request.rootIsReadOnly)
    if !request.sharing.namesAreHosts { spec.hostname = hostname }
    spec.domainname = request.domainName
    spec.process = try process()
    spec.mounts = DefaultSpec.mounts(sharedMemory: request.sharedMemorySize ?? 64 << 20)
    shareIPC(&spec)
    if request.isPrivileged { makeWritable(&spec) }
    if request.security.groupsAreWritable { makeGroupsWritable(&spec) }
    spec.mounts += etcFiles() + mounts.map { $0.specification(isShifted: request.userNamespace != nil) }
    spec.mounts += files.kept(for: request, options: shifted)
    spec.linux = try linux()
    spec.annotations = Dictionary(request.annotations.map { ($0.name, $0.value) }) { $1 }
    // What the host mounts later concerns nobody but who asked to see it.
    if !spec.mounts.contains(where: { $0.options.contains("slave") || $0.options.contains("rslave") }) {
      spec.linux?.rootfsPropagation = "private"
    }
    return spec
  }

  // MARK: - Process

  private func process() throws(Failure) -> Spec.Process {
    var process = Spec.Process()
    process.terminal = request.hasTerminal
    process.args = try command()
    process.env = try environment()
    process.cwd = config.workingDir.isEmpty ? "/" : config.workingDir
    process.user = Spec.User(
      uid: user.user, gid: user.group, umask: request.umask, additionalGids: user.supplementary)
    process.noNewPrivileges = request.security.noNewPrivileges
    process.apparmorProfile = request.security.apparmor
    process.selinuxLabel = request.security.label?.process
    process.oomScoreAdj = request.oomScoreAdjustment
    process.capabilities = try capabilities()
    process.rlimits = request.limits.map { Spec.ResourceLimit(type: $0.name, soft: $0.soft, hard: $0.hard) }
    return process
  }

  private func command() throws(Failure) -> [String] {
    let command = config.entrypoint + config.cmd
    guard let first = command.first, !first.isEmpty else {
      throw Failure(
        .usage, "no command is given, and the image has none", hint: "name one: skiff run … IMAGE COMMAND")
    }
    return command
  }

  /// Later ones win; the order of the first mention stays.
  private func environment() throws(Failure) -> [String] {
    // An entry without a value would mean "what the engine has" to whoever reads the list next.
    if let entry = config.env.first(where: {
      ($0.utf8.firstIndex(of: UInt8(ascii: "=")) ?? $0.startIndex) == $0.startIndex
    }) {
      throw Failure(
        .usage, "the image is refused: \"\(entry)\" in its environment is not NAME=VALUE",
        hint: "build the image anew without that entry")
    }
    var order: [String] = []
    var values: [String: String] = [:]
    func set(_ entry: String) {
      let name = String(entry.prefix { $0 != "=" })
      if values[name] == nil { order.append(name) }
      values[name] = entry
    }
    set(DefaultSpec.path)
    set("HOSTNAME=\(hostname)")
    if request.hasTerminal { set("TERM=xterm") }
    set("HOME=\(user.home)")
    for entry in config.env { set(entry) }
    if request.unsetsAllVariables || !request.unsetVariables.isEmpty {
      let kept = Set(request.environment.map { String($0.prefix { $0 != "=" }) })
      for name in order where !kept.contains(name) {
        if request.unsetsAllVariables || request.unsetVariables.contains(name) { values[name] = nil }
      }
    }
    return order.compactMap { values[$0] }
  }

  private func capabilities() throws(Failure) -> Spec.CapabilityLists {
    let asked = CapabilityRequest(
      add: request.addedCapabilities, drop: request.droppedCapabilities, isPrivileged: request.isPrivileged)
    let granted: CapabilitySet
    do throws(CapabilityError) { granted = try asked.granted(available: boundingCapabilities()) } catch {
      throw Failure(.usage, "\(error)", hint: error.hint)
    }
    let sets = Capabilities(granted: granted, user: user.user)
    var lists = Spec.CapabilityLists()
    lists.bounding = granted.names
    lists.effective = sets.effective.names
    lists.permitted = sets.permitted.names
    // Inheritable stays empty: CVE-2022-24769.
    return lists
  }

  // MARK: - Mounts

  private func etcFiles() -> [Spec.Mount] {
    func bind(_ source: Path?, _ target: String) -> Spec.Mount? {
      source.map {
        Spec.Mount(destination: target, type: "bind", source: $0.string, options: ["bind", "rprivate"] + shifted)
      }
    }
    return [
      bind(files.resolvConf, "/etc/resolv.conf"), bind(files.hostname, "/etc/hostname"),
      bind(files.hosts, "/etc/hosts"),
    ].compactMap { $0 }
  }

  /// What is Skiff's own belongs, in a user namespace too, to the container's ids.
  private var shifted: [String] { request.userNamespace == nil ? [] : ["idmap"] }

  /// What belongs to the IPC namespace. Another container's /dev/shm is found when its process is known
  /// (Sharing.swift).
  private func shareIPC(_ spec: inout Spec) {
    switch request.sharing.ipc {
    case .private, .shareable: return
    case .none, .container: spec.mounts.removeAll { $0.destination == "/dev/shm" }
    case .host:
      spec.mounts.removeAll { $0.destination == "/dev/shm" || $0.destination == "/dev/mqueue" }
      for path in ["/dev/shm", "/dev/mqueue"] where exists(Path(path)) {
        spec.mounts.append(
          Spec.Mount(
            destination: path, type: "bind", source: path, options: ["rbind", "nosuid", "noexec", "nodev", "rprivate"]))
      }
    }
  }

  private func makeGroupsWritable(_ spec: inout Spec) {
    for index in spec.mounts.indices where spec.mounts[index].type == "cgroup" {
      spec.mounts[index].options = spec.mounts[index].options.map { $0 == "ro" ? "rw" : $0 }
    }
  }

  private func makeWritable(_ spec: inout Spec) {
    for index in spec.mounts.indices where spec.mounts[index].destination.hasPrefix("/sys") {
      spec.mounts[index].options = spec.mounts[index].options.map { $0 == "ro" ? "rw" : $0 }
    }
  }

  // MARK: - Linux

  private func linux() throws(Failure) -> Spec.Linux {
    var linux = Spec.Linux()
    linux.namespaces = namespaces()
    if let users = request.userNamespace {
      func mappings(_ maps: [IdentifierMap]) -> [Spec.IDMapping] {
        maps.map { Spec.IDMapping(containerID: $0.container, hostID: $0.host, size: $0.count) }
      }
      linux.uidMappings = mappings(users.users)
      linux.gidMappings = mappings(users.groups)
    }
    linux.devices = try devices()
    linux.resources = try resources()
    linux.mountLabel = request.security.label?.file
    linux.sysctl = Dictionary(request.sysctls.map { ($0.name, $0.value) }) { $1 }
    if !request.isPrivileged && !request.security.pathsAreOpen {
      linux.maskedPaths = DefaultSpec.maskedPaths
      linux.readonlyPaths = DefaultSpec.readonlyPaths
    }
    return linux
  }

  private func namespaces() -> [Spec.Namespace] {
    var list = [Spec.Namespace(.mount)]
    if !request.sharing.namesAreHosts { list.append(Spec.Namespace(.uts)) }
    // Those of another container are joined once its process is known (Sharing.swift).
    if request.sharing.ipc != .host { list.append(Spec.Namespace(.ipc)) }
    if request.sharing.processes != .host { list.append(Spec.Namespace(.pid)) }
    if request.network != .host { list.append(Spec.Namespace(.network)) }
    if !request.sharing.groupsAreHosts { list.append(Spec.Namespace(.cgroup)) }
    if request.userNamespace != nil { list.append(Spec.Namespace(.user)) }
    return list
  }
}
