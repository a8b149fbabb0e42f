internal import Kernel
internal import Privileges
internal import RuntimeSpec
internal import Steps

// Who the program is and what it may do. The order is the kernel's: Privileges/Performing.swift says why.

extension PlanCompiler {
  func identity() throws(PlanningError) -> [Step] {
    var steps: [ProcessStep] = [.startSession]
    steps += try limits()
    if let score = process.oomScoreAdj { steps.append(.setOomScoreAdjustment(score)) }
    let sets = try capabilities()
    steps.append(.limitCapabilities(bounding: sets.bounding))
    steps.append(
      .setUser(
        user: process.user.uid, group: process.user.gid, supplementary: process.user.additionalGids))
    steps.append(.setUmask(FileMode(rawValue: process.user.umask ?? 0o022)))
    steps.append(.changeDirectory(Path(process.cwd)))
    // Before the filter, which may not know the calls that waiting takes.
    if request.waitsForStart { steps += [.findProgram(program, environment: environment), .awaitStart] }
    if process.noNewPrivileges { steps.append(.setNoNewPrivileges) }
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, and so comes before the capabilities go.
    if let filter = request.filter {
      if filter.listenerCall != nil, filter.listener == nil {
        throw PlanningError("linux.seccomp", "SCMP_ACT_NOTIFY: nobody here hands a listener over to an agent")
      }
      steps.append(.loadFilter(filter))
    }
    steps.append(.setCapabilities(sets.sets))
    return steps.map(Step.process) + hooks(at: .startContainer) + [.process(execution())]
  }

  private var program: Path { Path(process.args[0]) }
  private var environment: [Path] { process.env.map { Path($0) } }

  private func limits() throws(PlanningError) -> [ProcessStep] {
    var steps: [ProcessStep] = []
    for (index, limit) in process.rlimits.enumerated() {
      guard
        let known = ResourceLimit(
          name: limit.type, soft: limit.soft, hard: limit.hard, isDefault: request.limitsAreDefaults)
      else { throw PlanningError("process.rlimits[\(index)].type", "\"\(limit.type)\" is no resource limit") }
      steps.append(.setResourceLimit(known))
    }
    return steps
  }

  private func capabilities() throws(PlanningError) -> (bounding: CapabilitySet, sets: Capabilities) {
    let lists = process.capabilities ?? Spec.CapabilityLists()
    func set(_ names: [String], _ list: String) throws(PlanningError) -> CapabilitySet {
      var set: CapabilitySet = []
      for name in names {
        guard let capability = CapabilitySet(name: name) else {
          throw PlanningError("process.capabilities.\(list)", "\"\(name)\" is no capability")
        }
        set.formUnion(capability)
      }
      return set
    }
    var sets = Capabilities(
      effective: try set(lists.effective, "effective"), permitted: try set(lists.permitted, "permitted"),
      inheritable: try set(lists.inheritable, "inheritable"), ambient: try set(lists.ambient, "ambient"))
    // The kernel raises none that is not in both (capabilities(7)), and what cannot be granted stops nothing (config.md).
    sets.ambient.formIntersection(sets.inheritable)
    sets.ambient.formIntersection(sets.permitted)
    return (try set(lists.bounding, "bounding"), sets)
  }

  private func execution() -> ProcessStep {
    .execute(program: program, arguments: process.args.map { Path($0) }, environment: environment)
  }
}
