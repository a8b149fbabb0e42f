internal import Cgroups
internal import Kernel
internal import RuntimeSpec
internal import Steps

// `linux.intelRdt` (config-linux.md, "IntelRdt"). The host's half makes the group and its shares before there is a child,
// the parent puts the child in; what it starts is born where it is.

extension PlanCompiler {
  /// What is made before the clone, and what puts the child in.
  func resourceControl() throws(PlanningError) -> (before: [Step], admit: [Step]) {
    guard let wanted = linux.intelRdt else { return ([], []) }
    guard let identifier = request.identifier else {
      throw PlanningError("linux.intelRdt", "needs the identifier of the container")
    }
    var faults = FaultList()
    faults.checkResourceControl(wanted, on: request.host.resourceControl)
    if let fault = faults.all.first { throw fault }
    guard let control = request.host.resourceControl else { return ([], []) }
    let group = wanted.closID ?? identifier
    let directory = control.directory(of: group)
    var before: [Step] = []
    if control.schemata == nil {
      // A class that has a name is shared: others may be in it by the time this container is gone.
      before.append(
        wanted.closID == nil ? .file(.makeDirectory(directory, mode: 0o755)) : .cgroup(.ensure(directory)))
    }
    if wanted.closID == nil || control.schemata == nil {
      before += wanted.writes.map { .cgroup(.write(directory, file: "schemata", value: $0)) }
    }
    var admit: [Step] = [.cgroup(.admit(directory, isV2: false))]
    if wanted.enableMonitoring {
      let monitor = directory.appending("mon_groups").appending(Path(identifier))
      before.append(.file(.makeDirectory(monitor, mode: 0o755)))
      admit.append(.cgroup(.admit(monitor, isV2: false)))
    }
    return (before, admit)
  }

  /// The process that enters a container enters its groups first; the program is its child.
  func joiningResourceControl() -> [Step] {
    guard let wanted = linux.intelRdt, let control = request.host.resourceControl, let identifier = request.identifier
    else { return [] }
    let directory = control.directory(of: wanted.closID ?? identifier)
    let monitor = directory.appending("mon_groups").appending(Path(identifier))
    return [.cgroup(.join(directory, isV2: false))]
      + (wanted.enableMonitoring ? [.cgroup(.join(monitor, isV2: false))] : [])
  }
}

extension Spec.IntelRdt {
  /// Whether it says what share the group is to have.
  var setsShares: Bool { l3CacheSchema != nil || memBwSchema != nil || !schemata.isEmpty }

  /// All lines that it asks for, in the order in which they are to count.
  var lines: [String] { writes.flatMap { ResourceControl.lines(of: $0) } }

  /// The writes to `schemata`: the combined one of the two older fields, then the newer one.
  var writes: [String] {
    var writes: [String] = []
    var first = (l3CacheSchema ?? "").split(separator: "\n").map(String.init)
    if let memory = memBwSchema { first = first.filter { !$0.hasPrefix("MB:") } + [memory] }
    if !first.isEmpty { writes.append(first.joined(separator: "\n") + "\n") }
    if !schemata.isEmpty { writes.append(schemata.joined(separator: "\n") + "\n") }
    return writes
  }
}

extension FaultList {
  mutating func checkResourceControl(_ wanted: Spec.IntelRdt, on control: ResourceControl?) {
    let path = "linux.intelRdt"
    if let name = wanted.closID, name != "/" {
      require(
        name != "." && name != ".." && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 < 0x20 }, "\(path).closID",
        "\"\(name)\" is no name of a directory")
      // Its own directories.
      require(
        name != "info" && name != "mon_groups" && name != "mon_data", "\(path).closID",
        "\"\(name)\" is a directory of resctrl itself")
    }
    if let schema = wanted.memBwSchema {
      require(
        schema.hasPrefix("MB:") && !schema.utf8.contains(10), "\(path).memBwSchema",
        "is not one line that starts with MB:")
    }
    for (index, line) in wanted.schemata.enumerated() {
      require(!line.isEmpty && !line.utf8.contains(10), "\(path).schemata[\(index)]", "is not one line")
    }
    guard let control else {
      return add(path, "no resctrl is mounted on this host", hint: "mount -t resctrl resctrl /sys/fs/resctrl")
    }
    guard wanted.closID != nil else { return }
    if let present = control.schemata {
      require(
        ResourceControl.schemata(present, satisfy: wanted.lines), "\(path).closID",
        "the class is there already, with other shares: \(present.joined(separator: " "))")
    } else {
      require(
        wanted.setsShares, "\(path).closID", "the class is not there, and nothing says which shares it is to have")
    }
  }
}
