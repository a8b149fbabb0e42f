internal import Cgroups
internal import JSON
internal import Kernel
internal import Launching
internal import Planning
package import RuntimeSpec
internal import Steps

extension OCIRuntime {
  /// Changes limits while the container runs. What `change` leaves out stays.
  package func update(
    _ id: String, _ change: Spec.Resources, cacheSchema: String? = nil, bandwidthSchema: String? = nil
  ) throws(RuntimeFailure) {
    let directory = try store.find(id)
    let view = try view(of: directory)
    guard view.status != .stopped else { throw RuntimeFailure("container not running: \(id)") }
    guard try told("cannot lock \(id)", { () throws(Fault) in try directory.tryLock() }) else {
      throw RuntimeFailure("cannot update \(id): somebody else creates, starts, updates or deletes it right now")
    }
    var spec = try directory.spec()
    let group = try ownGroup(of: view.state, "update")
    let update = ResourceUpdate(of: spec.linux?.resources ?? Spec.Resources(), by: change)
    var steps: [CgroupStep]
    do throws(PlanningError) { steps = try group.updateSteps(for: update.change) } catch {
      throw RuntimeFailure("cannot update \(id): \(error)", hint: error.hint)
    }
    steps += try schemataSteps(of: id, spec.linux?.intelRdt, cacheSchema, bandwidthSchema)
    // First systemd, whose limits are coarser than those that are written by our own hand.
    if let step = try unitStep(for: view.state, update.merged, group.layout) {
      try told("cannot update \(id)") { () throws(Fault) in _ = try performOnHost(step) }
    }
    do throws(StepFailure) { try group.update(steps) } catch {
      let before = try unitStep(for: view.state, spec.linux?.resources ?? Spec.Resources(), group.layout)
      if let before { _ = try? performOnHost(before) }
      throw RuntimeFailure("cannot update \(id)", error.fault)
    }
    if spec.linux == nil { spec.linux = Spec.Linux() }
    spec.linux?.resources = update.merged
    let bytes = spec.jsonBytes()
    try told("cannot keep the limits of \(id)") { () throws(Fault) in try directory.replace(configuration: bytes) }
  }

  /// Lines of `schemata` in the container's group of resctrl (Documentation/filesystems/resctrl.rst).
  private func schemataSteps(
    of id: String, _ configured: Spec.IntelRdt?, _ cache: String?, _ bandwidth: String?
  ) throws(RuntimeFailure) -> [CgroupStep] {
    let mount: Path = "/sys/fs/resctrl"
    if cache != nil, !exists(mount.appending("info/L3")), !exists(mount.appending("info/L3CODE")) {
      throw RuntimeFailure(
        "Intel RDT/CAT: l3 cache schema is not enabled", hint: "this host has no info/L3 in \(mount)")
    }
    if bandwidth != nil, !exists(mount.appending("info/MB")) {
      throw RuntimeFailure(
        "Intel RDT/MBA: memory bandwidth schema is not enabled", hint: "this host has no info/MB in \(mount)")
    }
    let name = configured?.closID ?? id
    guard [cache, bandwidth].allSatisfy({ $0 == nil }) || isIdentifier(name) else {
      throw RuntimeFailure("config.json: linux.intelRdt.closID: \"\(name)\" names no group of resctrl")
    }
    let group = mount.appending(Path(name))
    return [cache, bandwidth].compactMap { $0 }.map { .write(group, file: "schemata", value: $0) }
  }
}

/// The resources that a file, or standard input as `-`, holds as JSON.
package func readResources(from file: String) throws(RuntimeFailure) -> Spec.Resources {
  let limit = 8 << 20
  do {
    var bytes: [UInt8] = []
    if file == "-" {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while bytes.count <= limit {
        let count = try BorrowedDescriptor.standardInput.read(into: &buffer)
        if count == 0 { break }
        bytes += buffer[..<count]
      }
    } else {
      bytes = try readFile(Path(file), limit: limit)
    }
    return try Spec.Resources(parsing: bytes)
  } catch let fault as Fault {
    throw RuntimeFailure("cannot read the resources", fault)
  } catch {
    throw RuntimeFailure("\(file == "-" ? "standard input" : file): \(error)")
  }
}
