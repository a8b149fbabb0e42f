internal import Kernel
internal import Privileges
internal import RuntimeSpec
internal import Steps

// Who the program is and what it may do. The order is the kernel's: Privileges/Performing.swift says why.

extension PlanCompiler {
  func identity() throws(PlanningError) -> [Step] {
    var steps: [ProcessStep] = [.startSession]
    steps += try attributes().map(ProcessStep.set)
    // With a user namespace the parent does it: inside, nobody may lower a score, whatever capabilities he has there.
    if let score = process.oomScoreAdj, !hasUserNamespace { steps.append(.setOomScoreAdjustment(score)) }
    steps += try limits().map(ProcessStep.setResourceLimit)
    let sets = capabilities()
    steps.append(.limitCapabilities(bounding: sets.bounding))
    // Root may open what it likes; in a user namespace its streams are nobody's until they are given to it.
    if process.user.uid != 0 || hasUserNamespace { steps.append(.ownStreams(user: process.user.uid)) }
    steps.append(
      .setUser(
        user: process.user.uid, group: process.user.gid, supplementary: process.user.additionalGids))
    steps.append(.setUmask(FileMode(rawValue: process.user.umask ?? 0o022)))
    steps.append(.changeDirectory(Path(process.cwd)))
    // Before the filter, which may not know the calls that waiting takes.
    if request.waitsForStart { steps += [.findProgram(program, environment: environment), .awaitStart] }
    if process.noNewPrivileges { steps.append(.setNoNewPrivileges) }
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, and so comes before the capabilities go. With it the filter is last,
    // so that it has to know no more calls than needed.
    if process.noNewPrivileges { steps.append(.setCapabilities(sets.sets)) }
    if let filter = request.filter {
      if filter.listenerCall != nil, filter.listener == nil {
        throw PlanningError("linux.seccomp", "SCMP_ACT_NOTIFY: nobody here hands a listener over to an agent")
      }
      steps.append(.loadFilter(filter))
    }
    if !process.noNewPrivileges { steps.append(.setCapabilities(sets.sets)) }
    return steps.map(Step.process) + hooks(at: .startContainer) + [.process(execution())]
  }

  private var program: Path { Path(process.args[0]) }
  private var environment: [Path] { process.env.map { Path($0) } }

  /// What the root of a user namespace may not do for itself: the parent does it, or the process that enters a container
  /// while it is still outside.
  func privilegedAttributes() throws(PlanningError) -> [Step] {
    guard hasUserNamespace else { return [] }
    var steps: [Step] = []
    if let score = process.oomScoreAdj { steps.append(.process(.setOomScoreAdjustment(score))) }
    let limits = try limits()
    if !limits.isEmpty { steps.append(.process(.allowLimits(limits))) }
    return steps
  }

  private func limits() throws(PlanningError) -> [ResourceLimit] {
    var limits: [ResourceLimit] = []
    for (index, limit) in process.rlimits.enumerated() {
      guard
        let known = ResourceLimit(
          name: limit.type, soft: limit.soft, hard: limit.hard, isDefault: request.limitsAreDefaults)
      else { throw PlanningError("process.rlimits[\(index)].type", "\"\(limit.type)\" is no resource limit") }
      limits.append(known)
    }
    return limits
  }

  /// What the kernel would refuse to grant is left out, as the specification asks ("Runtimes SHOULD NOT fail"); `validate`
  /// warns of it.
  private func capabilities() -> (bounding: CapabilitySet, sets: Capabilities) {
    let lists = process.capabilities ?? Spec.CapabilityLists()
    let available = hasUserNamespace ? nil : request.host.capabilities
    let bounding = CapabilitySet(known: lists.bounding)
    var permitted = CapabilitySet(known: lists.permitted)
    if let available { permitted.formIntersection(available) }
    let inheritable = CapabilitySet(known: lists.inheritable).intersection(bounding)
    let sets = Capabilities(
      effective: CapabilitySet(known: lists.effective).intersection(permitted), permitted: permitted,
      inheritable: available.map(inheritable.intersection) ?? inheritable,
      ambient: CapabilitySet(known: lists.ambient).intersection(permitted).intersection(inheritable))
    return (bounding, sets)
  }

  private func execution() -> ProcessStep {
    .execute(program: program, arguments: process.args.map { Path($0) }, environment: environment)
  }
}

extension CapabilitySet {
  /// Those of the names that the kernel has; the others are for `validate` to warn of.
  init(known names: [String]) {
    self = names.reduce(into: []) { $0.formUnion(CapabilitySet(name: $1) ?? []) }
  }
}
