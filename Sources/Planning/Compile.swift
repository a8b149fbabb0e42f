internal import Cgroups
internal import Kernel
internal import Mounts
internal import Privileges
internal import RuntimeSpec
internal import Steps

/// Compiles a configuration into the steps that make it true. Pure: what a host cannot do and the configuration alone
/// shows is refused here, before anything is made.
package func compile(_ request: LaunchRequest) throws(PlanningError) -> LaunchPlan {
  try PlanCompiler(request).compile()
}

struct PlanCompiler {
  let request: LaunchRequest
  let spec: Spec
  let linux: Spec.Linux
  let process: Spec.Process
  /// Namespaces to make; those to join stand apart.
  let created: Namespaces
  let joined: [(namespace: Namespaces, path: Path)]
  /// The process enters a container that is there.
  let isExec: Bool

  init(_ request: LaunchRequest, isExec: Bool = false) throws(PlanningError) {
    self.request = request
    self.isExec = isExec
    spec = request.spec
    linux = request.spec.linux ?? Spec.Linux()
    guard let process = request.spec.process else {
      throw PlanningError("process", "is missing: there is nothing to run")
    }
    guard !process.args.isEmpty else { throw PlanningError("process.args", "is empty: there is nothing to run") }
    guard process.cwd.hasPrefix("/") else {
      throw PlanningError("process.cwd", "\"\(process.cwd)\" is not an absolute path")
    }
    self.process = process
    var created: Namespaces = []
    var joined: [(Namespaces, Path)] = []
    for namespace in linux.namespaces {
      let flag = namespace.type.flag
      if created.contains(flag) || joined.contains(where: { $0.0 == flag }) {
        throw PlanningError("linux.namespaces", "\"\(namespace.type.rawValue)\" stands there twice")
      }
      if let path = namespace.path { joined.append((flag, Path(path))) } else { created.insert(flag) }
    }
    guard created.contains(.mount) || joined.contains(where: { $0.0 == .mount }) else {
      throw PlanningError("linux.namespaces", "a mount namespace of its own is missing: the host's mounts would change")
    }
    self.created = created
    self.joined = joined
  }

  /// Made or joined.
  func has(_ namespace: Namespaces) -> Bool {
    created.contains(namespace) || joined.contains { $0.namespace == namespace }
  }

  var hasUserNamespace: Bool { has(.user) }

  /// Root of the host makes it, and nobody else.
  var lacksHost: Bool { hasUserNamespace || request.isInUserNamespace }

  func compile() throws(PlanningError) -> LaunchPlan {
    var plan = LaunchPlan(hasTerminal: process.terminal, hasInit: request.hasInit)
    // A cgroup namespace shows as its root what its maker is in, so it is made after the child has joined its groups; a
    // time namespace takes its offsets before anybody is in it.
    plan.namespaces = created.subtracting([.cgroup, .time])
    try checkIdentifiers()
    plan.joined = joinedNamespaces()
    plan.joining = passes ? joins() : []
    let groups = try cgroups()
    let shares = try resourceControl()
    plan.host = request.entry + groups.before.map(Step.cgroup) + shares.before
    plan.cgroup = groups.intoCgroup
    plan.waitsForStart = request.waitsForStart
    plan.preservedDescriptors = request.preservedDescriptors
    plan.building = try entering() + root() + labelled(mounts()) + devices() + terminal() + workingDirectory()
    plan.building += reportingToHooks()
    plan.wiring = identifierMaps() + sources(for: plan.building)
    plan.wiring += groups.make.map(Step.cgroup) + shares.admit + (try privilegedAttributes())
    // The root of a user namespace may not write to the host's groups: its parent puts it in.
    if hasUserNamespace { plan.wiring += groups.join.map(admitting) }
    plan.wiring += request.wiring.map(Step.network) + movedLinks()
    plan.wiring += hooksOfRuntime()
    plan.finishing = [.process(.awaitParent)] + joining(groups) + request.inside.map(Step.network)
    plan.finishing += hooks(at: .createContainer)
    plan.finishing += names() + (try closing()) + (try identity())
    return plan
  }

  // MARK: - Groups and ids

  private func cgroups() throws(PlanningError) -> CgroupPlan {
    guard let group = request.group else { return .none }
    let resources = try Resources(linux.resources ?? Spec.Resources())
    do throws(CgroupError) {
      if let unit = request.unit { return try request.layout.plan(for: resources, unit: unit, group: group) }
      return try request.layout.plan(for: resources, group: group)
    } catch {
      throw PlanningError("", "\(error)", hint: error.hint)
    }
  }

  /// What the container's root, who is nobody to the host, may not open itself. Without rights on the host there is nothing
  /// that the parent could open in its place; the step then only says that the ids are there.
  private func sources(for building: [Step]) -> [Step] {
    guard hasUserNamespace else { return [] }
    let steps = building.compactMap { step in
      if case .mount(let step) = step, step.needsHost, request.rootless == nil { step } else { nil }
    }
    func host(_ maps: [Spec.IDMapping]) -> UInt32 { maps.first { $0.containerID == 0 }?.hostID ?? 0 }
    let owner = HostIdentity(user: host(linux.uidMappings), group: host(linux.gidMappings))
    return [.mount(.openSources(steps, owner: request.shiftsOwners ? owner : nil))]
  }

  /// The child waits for its id maps first: before them it is nobody and may do nothing.
  private func entering() throws(PlanningError) -> [Step] {
    var steps: [Step] = []
    if hasUserNamespace { steps.append(.process(.awaitParent)) }
    // Whoever changes its user is not dumpable any more, and its files in /proc are the host's root's.
    steps += try clocks()
    if hasUserNamespace { steps.append(.process(.setUser(user: 0, group: 0, supplementary: []))) }
    if !passes { steps += joins() }
    // Device nodes and mount points get the modes that they are made with.
    steps.append(.process(.setUmask(0)))
    return steps
  }

  private func admitting(_ step: CgroupStep) -> Step {
    if case .join(let group, let isV2) = step { .cgroup(.admit(group, isV2: isV2)) } else { .cgroup(step) }
  }

  private func joining(_ groups: CgroupPlan) -> [Step] {
    var steps = hasUserNamespace ? [] : groups.join.map(Step.cgroup)
    if created.contains(.cgroup) { steps.append(.process(.unshare(.cgroup))) }
    return steps + cgroupMounts(groups.groups)
  }

  private func names() -> [Step] {
    var steps: [Step] = []
    if has(.uts) {
      if let name = spec.hostname, !name.isEmpty { steps.append(.process(.setHostname(name))) }
      if let name = spec.domainname, !name.isEmpty { steps.append(.process(.setDomainName(name))) }
    }
    return steps
  }
}

extension Spec.NamespaceType {
  var flag: Namespaces {
    switch self {
    case .pid: .process
    case .network: .network
    case .mount: .mount
    case .ipc: .ipc
    case .uts: .uts
    case .user: .user
    case .cgroup: .cgroup
    case .time: .time
    }
  }
}
