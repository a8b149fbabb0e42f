internal import Containers
internal import ImageSpec
internal import JSON
internal import Kernel
internal import Networks
internal import RuntimeSpec
internal import Steps

// What is written down of a container that is made, and the steps that write it.

extension Engine {
  func record(
    _ identifier: ContainerIdentifier, _ name: String, _ request: RunRequest, _ image: ImageDefaults, _ spec: Spec,
    _ network: NetworkUse
  ) -> ContainerRecord {
    var record = ContainerRecord(identifier: identifier.description, name: name, created: now())
    switch request.root {
    case .image: record.image = image.reference
    case .directory(let path): record.rootDirectory = path.string
    }
    record.imageIdentifier = image.identifier
    record.lower = image.lower.map(\.string)
    record.command = spec.process?.args ?? []
    record.labels = image.config.labels
    record.overrides = image.overrides
    record.hasTerminal = request.hasTerminal
    record.isInteractive = request.isInteractive
    record.removesItself = request.removesItself
    record.hasInit = request.hasInit ?? request.needsInit(before: spec.process?.args.first)
    record.isPrivileged = request.isPrivileged
    record.networkMode = network.mode
    record.ports = network.ports.map(PortRecord.init)
    record.networks = network.records
    record.asksSupervisor = network.asksSupervisor
    record.nameServers = request.resolving.servers
    record.stopSignal = SignalName.number(image.config.stopSignal) ?? Signal.terminate
    record.stopTimeout = request.stopTimeout ?? 10
    record.restart = request.restart
    record.seccomp = seccompWord(request)
    record.memory = request.resources.memory
    record.memorySwap = request.resources.memorySwap
    record.cpuQuota = request.resources.cpuQuota
    record.cpuPeriod = request.resources.cpuPeriod
    record.cpuShares = request.resources.cpuShares
    record.processes = request.resources.processes
    record.options = ContainerOptions(request)
    record.logging = request.logging.settings
    record.logging.attributes = request.logging.selection.attributes(
      labels: record.labels, environment: spec.process?.env ?? [])
    return record
  }

  private func seccompWord(_ request: RunRequest) -> String {
    if request.isPrivileged { return "unconfined" }
    switch request.security.seccomp {
    case .standard: return "default"
    case .unconfined: return "unconfined"
    case .file(let path): return path.string
    }
  }

  func preparationSteps(
    _ files: ContainerFiles, _ record: ContainerRecord, _ spec: Spec, _ request: RunRequest, _ image: ImageDefaults,
    hostname: String
  ) -> [Step] {
    var steps: [FileStep] = [
      .makeDirectory(files.directory, mode: 0o700),
      // The name right after: of two at once, symlink(2) lets one have it, before either has made much.
      .makeSymbolicLink(names.path(of: record.name), target: Path(files.identifier.description)),
    ]
    if !image.lower.isEmpty {
      let top = try? status(of: image.lower[0])
      steps.append(.makeDirectory(files.upper, mode: top?.mode ?? 0o755))
      steps.append(.makeDirectory(files.work, mode: 0o700))
      // Before there is anything in them: whose project a file is, it has from where it is made.
      if let limit = request.storage { steps.append(limitStep(files, limit)) }
    }
    if let parent = request.cgroupParent {
      steps.append(.writeFile(files.cgroupParent, contents: Array(parent.utf8), mode: 0o600))
    }
    steps += keepingSteps(files, request)
    if record.options.runtime != nil && record.hasInit {
      steps.append(.copyFile(from: "/proc/self/exe", to: files.initProgram, mayLink: false))
    }
    steps += [
      .writeFile(files.hostname, contents: Array((hostname + "\n").utf8), mode: 0o644),
      .writeFile(files.record, contents: record.jsonBytes(.pretty), mode: 0o600),
      .writeFile(files.configuration, contents: spec.jsonBytes(), mode: 0o600),
    ]
    return steps.map(Step.file)
  }

  /// What is made anew for each life of the container.
  func startSteps(
    _ files: ContainerFiles, _ network: NetworkUse, _ record: ContainerRecord, _ spec: Spec
  ) -> [Step] {
    let steps: [FileStep] = [
      .writeFile(files.hosts, contents: network.hosts(record.wishes), mode: 0o644),
      .writeFile(files.resolvConf, contents: network.resolvConf(record.resolving), mode: 0o644),
      .makeDirectory(files.runDirectory, mode: 0o700),
    ]
    return (steps + secretSteps(files, record, spec)).map(Step.file)
  }

  /// The last of a container that nobody starts yet: from here on it is there, whoever is killed.
  func restingStep(_ files: ContainerFiles) -> Step {
    .file(.writeFile(files.state, contents: ContainerState(status: .created).jsonBytes(), mode: 0o600))
  }
}
