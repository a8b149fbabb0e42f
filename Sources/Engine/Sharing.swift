internal import Cgroups
internal import Containers
internal import Kernel
internal import RuntimeSpec

// Namespaces of other containers, and what this host cannot do for one.

extension Engine {
  /// Puts the identifiers of containers in place of names.
  ///
  /// - Parameter starts: they must run then; each start asks again.
  func resolveSharing(_ request: inout RunRequest, starts: Bool) throws(Failure) {
    if case .container(let word) = request.sharing.processes {
      request.sharing.processes = .container(try joinable(word, starts).description)
    }
    if case .container(let word) = request.sharing.ipc {
      let other = try joinable(word, starts)
      try refuseUnshared(other, word)
      request.sharing.ipc = .container(other.description)
    }
  }

  private func joinable(_ word: String, _ starts: Bool) throws(Failure) -> ContainerIdentifier {
    let identifier = try find(word)
    if starts { _ = try runningProcess(of: identifier, named: word) }
    return identifier
  }

  /// Docker's rule: what two containers share both must want.
  private func refuseUnshared(_ identifier: ContainerIdentifier, _ word: String) throws(Failure) {
    let mode = try record(of: identifier).options.ipc
    if mode == "shareable" { return }
    throw Failure(
      .conflict, "cannot join the IPC of container \(word): it is \(mode.isEmpty ? "private" : mode)",
      hint: "start that one with --ipc shareable")
  }

  /// The paths of the namespaces that the container joins, by the processes that hold them now; each start looks anew.
  func joinOthers(_ spec: inout Spec, of record: ContainerRecord) throws(Failure) {
    if let process = try otherProcess(record.networkMode) { spec.join(.network, path: "/proc/\(process)/ns/net") }
    if let process = try otherProcess(record.options.pid) { spec.join(.pid, path: "/proc/\(process)/ns/pid") }
    if let process = try otherProcess(record.options.ipc) {
      spec.join(.ipc, path: "/proc/\(process)/ns/ipc")
      spec.mounts.append(
        Spec.Mount(
          destination: "/dev/shm", type: "bind", source: "/proc/\(process)/root/dev/shm",
          options: ["bind", "nosuid", "noexec", "nodev", "rprivate"]))
    }
  }

  private func otherProcess(_ mode: String) throws(Failure) -> ProcessIdentifier? {
    guard mode.hasPrefix("container:"), let other = ContainerIdentifier(String(mode.dropFirst(10))) else { return nil }
    return try runningProcess(of: other, named: other.short).identity.process
  }

  /// What was asked for and depends on the host's control groups.
  func checkHost(for request: RunRequest) throws(Failure) {
    let resources = request.resources
    let isRealtime = resources.cpuRealtimePeriod != nil || resources.cpuRealtimeRuntime != nil
    let isV1 = request.disablesOOMKiller || request.memorySwappiness != nil
    guard isRealtime || isV1 || request.security.groupsAreWritable else { return }
    let layout = try layout()
    if isRealtime { try requireRealtimeGroups(layout, resources, below: request.cgroupParent ?? Self.usualGroup) }
    func refuse(_ option: String, hint: String) throws(Failure) {
      throw Failure(.usage, "\(option) is refused: cgroup v2, which this host has, knows no such setting", hint: hint)
    }
    if isV1, layout.hierarchy(of: "memory") == nil {
      if request.disablesOOMKiller {
        try refuse("--oom-kill-disable", hint: "--oom-score-adj -1000 keeps the host from choosing the container")
      }
      try refuse("--memory-swappiness", hint: "--memory-swap says how much may be swapped")
    }
    guard request.security.groupsAreWritable else { return }
    if layout.kind != .v2 {
      // CVE-2022-0492: whoever writes release_agent of v1 runs a program on the host.
      throw Failure(
        .usage, "--security-opt writable-cgroups is refused: groups of cgroup v1 are no safe place to write",
        hint: "start the host with cgroup v2 alone: systemd.unified_cgroup_hierarchy=1")
    }
    if request.sharing.groupsAreHosts {
      throw Failure(
        .usage, "--security-opt writable-cgroups does not go with --cgroupns host: the host's limits would be writable",
        hint: "leave out one of the two")
    }
  }

  /// Real-time processor time is handed down: a group gives its children no more than it was given itself (
  /// Documentation/scheduler/sched-rt-group.rst), and a new one has none.
  func requireRealtimeGroups(
    _ layout: CgroupLayout, _ resources: ResourceRequest, below parent: String
  ) throws(Failure) {
    guard let place = layout.hierarchy(of: "cpu"), exists(place.mount.appending("cpu.rt_runtime_us")) else {
      throw Failure(
        .usage, "--cpu-rt-period and --cpu-rt-runtime are refused: this host has no real-time groups",
        hint: "they need cgroup v1 and a kernel with CONFIG_RT_GROUP_SCHED; --ulimit rtprio=99 --cap-add SYS_NICE goes "
          + "without")
    }
    let group = place.mount.appending(Path(parent))
    let budget = (try? readText(group.appending("cpu.rt_runtime_us"))).flatMap { Int64($0) } ?? 0
    guard budget >= 0, let asked = resources.cpuRealtimeRuntime, asked > budget else { return }
    throw Failure(
      .usage, "--cpu-rt-runtime \(asked) is refused: the group above the container's has \(budget)",
      hint: "give that one some: mkdir -p \(group); echo \(asked) >\(group.appending("cpu.rt_runtime_us"))")
  }
}

extension CgroupLayout {
  /// The v1 hierarchy that has the controller.
  fileprivate func hierarchy(of controller: String) -> Hierarchy? {
    hierarchies.first { $0.controllers.contains(controller) }
  }
}

extension Spec {
  fileprivate mutating func join(_ type: NamespaceType, path: String) {
    guard let index = linux?.namespaces.firstIndex(where: { $0.type == type }) else { return }
    linux?.namespaces[index].path = path
  }
}

extension ContainerOptions {
  init(_ request: RunRequest) {
    self.init()
    ipc = request.sharing.ipc.word
    pid = request.sharing.processes.word
    uts = request.sharing.namesAreHosts ? "host" : ""
    userNamespace = request.userNamespace == nil ? "" : "private"
    cgroupNamespace = request.sharing.groupsAreHosts ? "host" : ""
    cgroupParent = request.cgroupParent
    addedCapabilities = request.addedCapabilities
    droppedCapabilities = request.droppedCapabilities
    addedGroups = request.supplementaryGroups
    security = request.security.words
    devices = request.devices.map { "\($0.source):\($0.target):\($0.access)" }
    deviceRules = request.deviceRules.map(\.text)
    publishesAll = request.publishing.publishesAll
    attached = request.attachedStreams
    timeout = request.timeout
    timezone = request.timezone ?? ""
    umask = request.umask
    secrets = request.secrets.map(\.word)
    secretSources = request.secrets.map { SecretSource(of: $0).word }
    namedDevices = request.namedDevices.map(\.description)
    storageSize = request.storage?.word ?? ""
  }
}
