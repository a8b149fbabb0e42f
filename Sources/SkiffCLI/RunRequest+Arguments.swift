internal import Archives
internal import Arguments
internal import Containers
internal import Engine
internal import Kernel
internal import Networks
internal import Privileges
internal import Steps

extension ParsedArguments {
  /// One value read by its parser; a refusal names the option and the value.
  func read<Value, Failure: Error>(
    _ name: String, _ parse: (String) throws(Failure) -> Value
  ) throws(UsageError) -> Value? {
    guard let text = string(name) else { return nil }
    return try read(name, text, parse)
  }

  /// Each value of an option that may be given again.
  func readAll<Value, Failure: Error>(
    _ name: String, _ parse: (String) throws(Failure) -> Value
  ) throws(UsageError) -> [Value] {
    var values: [Value] = []
    for text in strings(name) { values.append(try read(name, text, parse)) }
    return values
  }

  private func read<Value, Failure: Error>(
    _ name: String, _ text: String, _ parse: (String) throws(Failure) -> Value
  ) throws(UsageError) -> Value {
    do { return try parse(text) } catch {
      throw bad(name, text, "\(error)", suggestion: (error as? OptionError)?.suggestion)
    }
  }

  /// `--env-host`, `--env-file` and `-e`, in docker's and podman's order.
  var containerEnvironment: [String] {
    get throws(UsageError) {
      do throws(OptionError) {
        let isHosts = command.options.contains { $0.name == "env-host" } && flag("env-host")
        return (isHosts ? hostEnvironment() : [])
          + (try readEnvironment(files: strings("env-file"), variables: strings("env")))
      } catch { throw fail("cannot set the environment: \(error.reason)", suggestion: error.suggestion) }
    }
  }

  /// What relative paths of options start from. The supervisor's own is `/`.
  var startDirectory: Path { (try? workingDirectory()) ?? "/" }
}

extension RunRequest {
  /// Reads the words of `run`. Each value is checked alone and the limits together; what needs the image or the host comes
  /// later.
  init(_ words: ParsedArguments, isDetached: Bool = false) throws(UsageError) {
    var positionals = words.positionals[...]
    if let directory = words.string("rootfs") {
      let path = words.startDirectory
      self.init(
        root: .directory(directory.hasPrefix("/") ? Path(directory) : path.appending(directory).lexicallyNormal))
    } else if let image = positionals.popFirst(), !image.isEmpty {
      // What lies in a directory is kept in full: the supervisor starts from `/`.
      self.init(root: .image(LayoutReference(image, from: words.startDirectory)?.text ?? image))
    } else {
      throw words.fail("it needs an image, or a directory by --rootfs", suggestion: "'skiff images' lists the images")
    }
    command = Array(positionals)
    self.isDetached = isDetached
    try readLife(words)
    try readProcess(words)
    try readFiles(words)
    resources = try ResourceRequest(words)
    limits = try words.readAll("ulimit", ResourceLimit.init(option:))
    memorySwappiness = try words.integer("memory-swappiness", in: -1...100).flatMap { $0 == -1 ? nil : $0 }
    for kind in DeviceRateRequest.Kind.allCases {
      deviceRates += try words.readAll(kind.rawValue) { (text) throws(OptionError) in try DeviceRateRequest(kind, text)
      }
    }
    oomScoreAdjustment = try words.integer("oom-score-adj", in: -1000...1000)
    try readPrivileges(words)
    try readNetwork(words)
  }

  private mutating func readLife(_ words: ParsedArguments) throws(UsageError) {
    name = try words.read("name", parseName)
    removesItself = words.flag("rm")
    hasInit = words.optionalFlag("init")
    labels = try words.fileLabels + words.readAll("label", Label.init(label:))
    annotations = try words.readAll("annotation", Label.init(annotation:))
    stopSignal = try words.value("stop-signal", "no such signal", SignalName.number)
    if let policy = try words.restartPolicy {
      if removesItself && policy.kind != .no {
        throw words.fail("--rm and --restart do not go together: one removes what the other starts again")
      }
      restart = policy
    }
    health = try HealthRequest(words)
    stopTimeout = try words.integer("stop-timeout", in: -1 ... .max)
    do throws(OptionError) {
      logging = try LogRequest(driver: words.string("log-driver"), options: words.strings("log-opt"))
    } catch { throw words.fail("the log: \(error.reason)") }
  }

  private mutating func readProcess(_ words: ParsedArguments) throws(UsageError) {
    isInteractive = words.flag("interactive")
    try readAttachment(words)
    hasTerminal = words.flag("tty")
    environment = try words.containerEnvironment
    mergedVariables = try words.readAll("env-merge", EnvironmentMerge.init(_:))
    workingDirectory = try words.read("workdir", parseWorkingDirectory)
    _ = try words.read("user", UserReference.init(_:))
    user = words.string("user")
    _ = try words.readAll("group-add", UserReference.Principal.init(_:))
    supplementaryGroups = words.strings("group-add")
    entrypoint = words.string("entrypoint")
    unsetVariables = words.strings("unsetenv")
    unsetsAllVariables = words.flag("unsetenv-all")
    umask = try words.value("umask", "expected octal digits such as 0022") { text in
      UInt32(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
    }
    timezone = try words.read("tz", parseTimezone)
    timeout = try words.integer("timeout", in: 0...31_536_000).flatMap { $0 == 0 ? nil : $0 }
  }

  private mutating func readFiles(_ words: ParsedArguments) throws(UsageError) {
    let directory = words.startDirectory
    mounts = try words.readAll("volume") { (text) throws(OptionError) in
      try MountRequest(volume: text, directory: directory)
    }
    mounts += try words.readAll("mount") { (text) throws(OptionError) in
      try MountRequest(mount: text, directory: directory)
    }
    mounts += try words.readAll("tmpfs", MountRequest.init(tmpfs:))
    var targets = Set<Path>()
    for mount in mounts where !targets.insert(mount.target).inserted {
      throw words.fail("two mounts have the same target \(mount.target)")
    }
    inheritedMounts = try words.readAll("volumes-from", InheritedMountsRequest.init(option:))
    secrets = try words.readAll("secret") { (text) throws(OptionError) in
      try SecretRequest(text, directory: directory)
    }
    rootIsReadOnly = words.flag("read-only")
    sharedMemorySize = try words.bytes("shm-size").map { Int(clamping: $0) }
    if sharedMemorySize == 0 { throw words.bad("shm-size", "0", "it must be more than 0") }
    storage = try words.readAll("storage-opt", StorageRequest.init(_:)).last.flatMap { $0.bytes == 0 ? nil : $0 }
  }

  private mutating func readPrivileges(_ words: ParsedArguments) throws(UsageError) {
    addedCapabilities = words.strings("cap-add")
    droppedCapabilities = words.strings("cap-drop")
    isPrivileged = words.flag("privileged")
    let directory = words.startDirectory
    for text in words.strings("security-opt") {
      do throws(OptionError) { try security.take(text, directory: directory) } catch {
        throw words.bad("security-opt", text, error.reason, suggestion: error.suggestion)
      }
    }
    let given = words.strings("device")
    namedDevices = try words.gpus + given.compactMap(NamedDevice.init(_:))
    devices = try given.filter { NamedDevice($0) == nil }.map { (text) throws(UsageError) in
      do throws(OptionError) { return try DeviceRequest(text) } catch { throw words.bad("device", text, error.reason) }
    }
    deviceRules = try words.readAll("device-cgroup-rule", DeviceRuleRequest.init(_:))
    let users = try words.readAll("uidmap", IdentifierMap.init(option:))
    let groups = try words.readAll("gidmap", IdentifierMap.init(option:))
    do throws(OptionError) {
      userNamespace = try UserNamespaceRequest(mode: words.string("userns"), users: users, groups: groups)
    } catch { throw words.fail(error.reason) }
    sysctls = try words.readAll("sysctl", Label.init(sysctl:))
    sharing.processes = try words.read("pid", SharingRequest.Processes.init(_:)) ?? .own
    sharing.ipc = try words.read("ipc", SharingRequest.IPC.init(_:)) ?? .private
    sharing.namesAreHosts = try words.choice("uts", of: ["", "private", "host"]) == "host"
    sharing.groupsAreHosts = try words.choice("cgroupns", of: ["", "private", "host"]) == "host"
    cgroupParent = try words.read("cgroup-parent", parseCgroupParent) ?? nil
    disablesOOMKiller = words.flag("oom-kill-disable")
    try words.refuseOtherPrograms()
    runtime = words.otherRuntime
  }

  private mutating func readNetwork(_ words: ParsedArguments) throws(UsageError) {
    try readEndpoints(words)
    hostname = try words.read("hostname", parseHostname)
    domainName = try words.read("domainname", parseHostname)
    if hostname != nil && sharing.namesAreHosts { throw words.fail("--hostname does not go with --uts=host") }
    let usual = try words.usualPublishAddress
    publishing.usualAddress = usual
    publishing.ports = try words.readAll("publish") { (text) throws(OptionError) in
      try PortRequest.parse(text, usual: usual)
    }.flatMap { $0 }
    publishing.exposed = try words.readAll("expose", PortRequest.parseExposed).flatMap { $0 }
    publishing.publishesAll = words.flag("publish-all")
    extraHosts = try words.readAll("add-host", Label.init(host:))
    resolving.servers = try words.readAll("dns", parseAddress)
    resolving.search = try words.readAll("dns-search", parseSearchDomain)
    resolving.options = try words.readAll("dns-option", parseResolverOption)
  }
}

extension RunRequest {
  fileprivate mutating func readEndpoints(_ words: ParsedArguments) throws(UsageError) {
    var options = EndpointOptions()
    options.networks = words.strings("network") + words.strings("net")
    options.address = words.string("ip")
    options.address6 = words.string("ip6")
    options.mac = words.string("mac-address")
    options.aliases = words.strings("network-alias") + words.strings("net-alias")
    options.linkLocal = words.strings("link-local-ip")
    do throws(OptionError) { (network, endpoints) = try options.requests() } catch {
      if options.networks.count == 1 {
        throw words.bad("network", options.networks[0], error.reason, suggestion: error.suggestion)
      }
      throw words.fail(error.reason, suggestion: error.suggestion)
    }
  }
}

extension ResourceRequest {
  /// The limits of `run` and `update`.
  ///
  /// - Parameter isChange: what is not given stays as the container has it, so it is not known here.
  init(_ words: ParsedArguments, isChange: Bool = false) throws(UsageError) {
    self.init()
    memory = try words.bytes("memory").flatMap { $0 == 0 ? nil : $0 }
    memorySwap = try words.value("memory-swap", "expected a size such as 1g, or -1 for no limit") { text in
      text == "-1" ? -1 : parseBytes(text)
    }.flatMap { $0 == 0 ? nil : $0 }
    memoryReservation = try words.bytes("memory-reservation").flatMap { $0 == 0 ? nil : $0 }
    cpuShares = try words.integer("cpu-shares", in: 0...262_144).flatMap { $0 == 0 ? nil : UInt64(max(2, $0)) }
    cpuPeriod = try words.integer("cpu-period", in: 0 ... .max).flatMap { $0 == 0 ? nil : UInt64($0) }
    cpuQuota = try words.integer("cpu-quota").flatMap { $0 == 0 ? nil : Int64($0) }
    cpuRealtimePeriod = try words.integer("cpu-rt-period", in: 0 ... .max).flatMap { $0 == 0 ? nil : UInt64($0) }
    cpuRealtimeRuntime = try words.integer("cpu-rt-runtime").flatMap { $0 == 0 ? nil : Int64($0) }
    if let nano = try words.nanoCPUs("cpus"), nano != 0 {
      do throws(OptionError) { try setCPUs(nano: nano, available: availableProcessors()) } catch {
        throw words.bad("cpus", words.string("cpus") ?? "", error.reason)
      }
    }
    cpusetCpus = try words.read("cpuset-cpus", parseCPUSet)
    cpusetMems = try words.read("cpuset-mems", parseCPUSet)
    // 0 and -1 both mean without limit, as docker has it.
    processes = try words.integer("pids-limit", in: -1 ... .max).map { $0 == 0 ? -1 : Int64($0) }
    let weight = try words.value("blkio-weight", "expected 0, or a weight from 10 to 1000") { text in
      UInt16(text).flatMap { $0 == 0 || (10...1000).contains($0) ? $0 : nil }
    }
    blockWeight = weight == 0 ? nil : weight
    do throws(OptionError) { try check(isChange: isChange) } catch { throw words.fail(error.reason) }
  }
}
