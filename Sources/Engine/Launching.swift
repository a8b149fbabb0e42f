internal import Cgroups
internal import Containers
internal import JSON
internal import Kernel
internal import Launching
internal import Layers
package import Planning
internal import RuntimeSpec
internal import Seccomp
internal import Steps

// From a container on disk to its plan: the same for the supervisor, which performs it, and for --explain, which prints it.

extension Engine {
  func launchPlan(
    of record: ContainerRecord, _ files: ContainerFiles, on host: HostView
  ) throws(Failure) -> LaunchPlan {
    var spec = try specification(of: record, files)
    try addSecrets(of: record, files, to: &spec)
    return try launchPlan(of: record, spec, files, on: host)
  }

  func specification(of record: ContainerRecord, _ files: ContainerFiles) throws(Failure) -> Spec {
    do { return try Spec(parsing: try readRegularFile(files.configuration)) } catch {
      throw Failure(.host, "cannot read the configuration of \(record.name): \(error)")
    }
  }

  /// The name that the container was given as its host's; its short identifier where that is the host's own. Never what its
  /// /etc/hostname says: the container writes there, and by this name its neighbours find it.
  func hostname(of identifier: ContainerIdentifier) -> String {
    guard let bytes = try? readRegularFile(store.files(of: identifier).configuration),
      let spec = try? Spec(parsing: bytes)
    else { return identifier.short }
    return spec.hostname ?? identifier.short
  }

  package func launchPlan(of prepared: PreparedContainer) throws(Failure) -> LaunchPlan {
    try launchPlan(of: prepared.record, prepared.spec, store.files(of: prepared.identifier), on: HostView())
  }

  package func launchPlan(of prepared: PreparedStart) throws(Failure) -> LaunchPlan {
    try launchPlan(of: prepared.record, prepared.spec, store.files(of: prepared.identifier), on: HostView())
  }

  private func launchPlan(
    of record: ContainerRecord, _ spec: Spec, _ files: ContainerFiles, on host: HostView
  ) throws(Failure) -> LaunchPlan {
    var spec = spec
    try joinOthers(&spec, of: record)
    if let runtime = record.options.runtime { return try plan(of: record, spec, files, on: host, by: runtime) }
    var request = LaunchRequest(
      spec: spec, root: root(of: record, files), rootfs: files.rootfs,
      group: host.isOrdinary ? nil : cgroupName(of: record), layout: host.layout)
    if host.isOrdinary {
      request.adaptToUserNamespace()
      try placeGroup(of: record, files, in: &request)
    }
    request.hasInit = record.hasInit
    if spec.hooks != Spec.Hooks() {
      request.state = Spec.State(
        id: record.identifier, status: .creating, bundle: files.directory.string, annotations: spec.annotations)
    }
    request.limitsAreDefaults = false
    request.shiftsOwners = true
    request.filter = try filter(of: record, spec, on: host)
    let network = try networkSteps(of: record)
    request.wiring = network.wiring
    request.inside = network.inside
    do throws(PlanningError) {
      var plan = try compile(request)
      plan.stagingTarget = stagingTarget(of: record)
      return plan
    } catch {
      throw Failure(.usage, "cannot start \(record.name): \(error)", hint: error.hint)
    }
  }

  func stagingTarget(of record: ContainerRecord) -> StagingTarget {
    record.lower.isEmpty ? .directory(Path(record.rootDirectory)) : .image(record.image)
  }

  func root(of record: ContainerRecord, _ files: ContainerFiles) -> LaunchRequest.Root {
    if record.lower.isEmpty { return .directory(Path(record.rootDirectory)) }
    var lower = record.lower.map { Path($0) }
    let mountPoints = LayerStore.mountPointLayer(in: state.root)
    if lower.count < OverlayMount.maximumDepth && exists(mountPoints) { lower.append(mountPoints) }
    return .overlay(
      OverlayMount(
        target: files.rootfs, lower: lower, upper: files.upper, work: files.work, isVolatile: record.removesItself,
        usesUserAttributes: !isRootOfHost()))
  }
}
