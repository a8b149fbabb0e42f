package import Kernel
package import Steps

/// A container's group, in all hierarchies of a layout at once.
package struct Cgroup: Hashable, Sendable {
  /// Such as `skiff/0123456789ab`, from the top of each mounted hierarchy.
  package let group: String
  package let layout: CgroupLayout
  private let relative: Path

  /// The name is one that `CgroupLayout.plan` took.
  package init(group: String, layout: CgroupLayout) {
    self.group = group
    self.layout = layout
    relative = Path(group).lexicallyNormal
  }

  /// The group of a container that was placed by its configuration, as a record of it says.
  package init(_ place: GroupPlace, layout: CgroupLayout) throws(CgroupError) {
    self.init(
      group: try GroupName(place.group).components.joined(separator: "/"), layout: try layout.placed(at: place))
  }

  /// Its directories, whether they are there or not, in the order in which they are removed: v1's freezer, which holds
  /// on to who is frozen, then v2, which kills all at once.
  package var paths: [Path] {
    let v1 = layout.hierarchies.reversed().map { below($0.start) }
    guard let unified = layout.unified.map({ below($0.start) }) else { return v1 }
    let first = v1.isEmpty ? 0 : 1
    return v1.prefix(first) + [unified] + v1.dropFirst(first)
  }

  func below(_ start: Path) -> Path { start.appending(relative) }

  package var exists: Bool { paths.contains { Kernel.exists($0) } }

  /// Where a controller's files are for this group.
  func directory(of controller: any Controller.Type) -> (path: Path, version: CgroupVersion)? {
    switch layout.home(of: controller) {
    case .v1(let hierarchy): (below(hierarchy.start), .v1)
    case .v2(let unified): (below(unified.start), .v2)
    case nil: nil
    }
  }

  /// The same for those of v1 that have no limits, and so no `Controller`: cpuacct, freezer.
  func directoryInV1(of controller: String) -> Path? {
    layout.hierarchies.first { $0.controllers.contains(controller) }.map { below($0.start) }
  }

  /// The group in the v2 hierarchy, where it was made.
  var unifiedDirectory: Path? {
    layout.unified.map { below($0.start) }.flatMap { Kernel.exists($0) ? $0 : nil }
  }

  // MARK: Processes

  /// All processes of the group and of those below it, in this pid namespace's numbers.
  package func processes() throws(Fault) -> [ProcessIdentifier] {
    // Every hierarchy lists them all, unless another runtime left one out.
    for top in paths {
      var found: [ProcessIdentifier] = []
      try walkGroups(from: top) { (directory) throws(Fault) in found += try Cgroups.processes(in: directory) }
      if !found.isEmpty { return found }
    }
    return []
  }

  /// SIGKILL to every process, frozen or not.
  package func kill() throws(Fault) {
    // Without cgroup.kill, who forks fast enough escapes a list of processes: nobody forks while frozen.
    if unifiedDirectory.map({ Kernel.exists($0.appending("cgroup.kill")) }) != true, directoryInV1(of: "freezer") != nil
    {
      try? freeze(patience: 500)
    }
    for top in paths { try killAll(in: top) }
    // v1 keeps the dead of a frozen group until it thaws; v2 lets them go.
    if let freezer = directoryInV1(of: "freezer") { try? writeControl(freezer.appending("freezer.state"), "THAWED") }
  }

  /// A signal to every process: each gets it once, and none forks away meanwhile.
  package func send(_ signal: Int32) throws(Fault) {
    if signal == 9 { return try kill() }
    let wasFrozen = isFrozen
    if !wasFrozen { try freeze() }
    defer { if !wasFrozen { try? thaw() } }
    for process in try processes() where process > 0 {
      do throws(Fault) { try sendSignal(signal, toProcess: process) } catch {
        if error.errno != .noSuchProcess { throw error }
      }
    }
  }

  /// Kills who is left and takes the group away in every hierarchy. Goes on after a fault and throws the first.
  package func remove() throws(Fault) {
    var first: Fault?
    for path in paths {
      do throws(Fault) { try perform(.remove(path)) } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  // MARK: Limits

  /// The steps that would change the limits: what `--explain` shows.
  package func updateSteps(_ resources: Resources) throws(CgroupError) -> [CgroupStep] {
    try layout.update(resources, of: group) { try? readText($0) }
  }

  /// Changes the limits. When a step fails, those before it are taken back, as far as one line says what was there.
  package func update(_ steps: [CgroupStep]) throws(StepFailure) {
    var undo: [CgroupStep] = []
    for step in steps {
      var before: CgroupStep?
      if case .write(let group, let file, _) = step, let value = try? readText(group.appending(file)),
        !value.isEmpty, !value.utf8.contains(UInt8(ascii: "\n"))
      {
        before = .write(group, file: file, value: value)
      }
      do throws(Fault) { try perform(step) } catch {
        for step in undo.reversed() { try? perform(step) }
        throw StepFailure(step: .cgroup(step), fault: error)
      }
      if let before { undo.append(before) }
    }
  }
}
