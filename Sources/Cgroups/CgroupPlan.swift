package import Kernel
package import Steps

/// The steps that give a container its group and its limits.
package struct CgroupPlan: Hashable, Sendable {
  /// Before the clone: the v2 group, which the child is born into. Empty on v1.
  package var before: [CgroupStep]
  /// Any time before the parent's "go": v1 groups and all limits.
  package var make: [CgroupStep]
  /// In the child, single-threaded, once `make` is done.
  package var join: [CgroupStep]
  /// The v2 group for CLONE_INTO_CGROUP; nil where there is no v2 hierarchy.
  package var intoCgroup: Path?
  /// All directories of the group, one a hierarchy.
  package var groups: [Path]
  /// What was asked for and cannot be had in this version of cgroups, for a warning: `swappiness`.
  package var ignored: [String]

  /// No group at all: the container stays in its maker's.
  package static let none = CgroupPlan(before: [], make: [], join: [], intoCgroup: nil, groups: [], ignored: [])
}

/// The group's name, the same in each hierarchy, below the top of what is mounted.
struct GroupName {
  var components: [String]

  /// A name that leaves the hierarchy, or is no name, is refused: it comes from `cgroupsPath` of a configuration.
  init(_ text: String) throws(CgroupError) {
    components = text.split(separator: "/").map(String.init).filter { $0 != "." }
    if components.isEmpty { throw .badGroup(text, reason: "a name is missing") }
    if components.count > 64 { throw .badGroup(text, reason: "it is deeper than 64 groups") }
    if components.contains("..") { throw .badGroup(text, reason: "\"..\" is not allowed") }
    if components.contains(where: { $0.utf8.count > 255 }) { throw .badGroup(text, reason: "the name is too long") }
    if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
      throw .badGroup(text, reason: "control characters are not allowed")
    }
    // The kernel names control files `controller.file`, so a group of that form would hide one.
    if let name = components.first(where: { $0.hasPrefix("cgroup.") }) {
      throw .badGroup(text, reason: "\"\(name)\" is kept for control files")
    }
  }

  func path(below mount: Path) -> Path { mount.appending(Path(components.joined(separator: "/"))) }

  /// The shared groups above, topmost first.
  func parents(below mount: Path) -> [Path] {
    (1..<components.count).map { mount.appending(Path(components.prefix($0).joined(separator: "/"))) }
  }
}

extension CgroupLayout {
  /// Everything for a new group. Pure: nothing is read.
  ///
  /// - Parameter group: such as `skiff/0123456789ab`. The last part is the container's own, those before are shared and kept.
  package func plan(for resources: Resources, group: String) throws(CgroupError) -> CgroupPlan {
    if kind == .none { throw .notMounted }
    let name = try GroupName(group)
    if let mount = hierarchies.first(where: \.isReadOnly)?.mount ?? (unified?.isReadOnly == true ? unified?.mount : nil)
    {
      throw .readOnly(mount: mount)
    }
    let settings = try settings(for: resources, name) { _, _ in nil }
    var plan = CgroupPlan(before: [], make: [], join: [], intoCgroup: nil, groups: [], ignored: ignored(of: resources))
    if let unified {
      let leaf = name.path(below: unified.start)
      let needed = Controllers.all.compactMap { controller -> String? in
        guard case .v2 = home(of: controller), let name = controller.nameInV2, !name.isEmpty else { return nil }
        return controller.purpose(in: resources) == nil ? nil : name
      }
      plan.before = unifiedSteps(unified, name, required: needed + unifiedControllers(of: resources))
      plan.intoCgroup = leaf
      plan.groups.append(leaf)
    }
    for hierarchy in hierarchies {
      let leaf = name.path(below: hierarchy.start)
      let isCpuset = hierarchy.controllers.contains(CpusetController.nameInV1)
      for parent in name.parents(below: hierarchy.start) {
        plan.make.append(.ensure(parent))
        if isCpuset { plan.make.append(.inheritCpuset(parent)) }
      }
      plan.make.append(.make(leaf))
      if isCpuset { plan.make.append(.inheritCpuset(leaf)) }
      plan.join.append(.join(leaf, isV2: false))
      plan.groups.append(leaf)
    }
    plan.make += settings
    return plan
  }

  /// Everything for a container whose group systemd makes: the unit first, with the container's process in it; then, by our
  /// own hand, the hierarchies that systemd does not manage, and the limits that it has no words for.
  package func plan(
    for resources: Resources, unit: SystemdUnit, group: String
  ) throws(CgroupError) -> CgroupPlan {
    var plan = try self.plan(for: resources, group: group)
    let unified = plan.intoCgroup
    plan.before = []
    plan.intoCgroup = nil
    plan.make = plan.make.map { step in
      // systemd was there first, and its undo takes these away as well.
      if case .make(let path) = step { .ensure(path) } else { step }
    }
    plan.make.insert(.startUnit(unit, groups: plan.groups), at: 0)
    let own = hierarchies.filter { $0.name == "systemd" }.map(\.start)
    plan.join.removeAll { step in
      if case .join(let path, _) = step { own.contains { path.string.hasPrefix($0.string + "/") } } else { false }
    }
    // In a hybrid systemd may leave v2 alone.
    if let unified, !hierarchies.isEmpty {
      plan.make.insert(contentsOf: ancestors(of: unified).map { .ensure($0) }, at: 1)
      plan.join.append(.join(unified, isV2: true))
    }
    return plan
  }

  private func ancestors(of group: Path) -> [Path] {
    guard let start = unified?.start else { return [] }
    var paths = [group]
    while let first = paths.first, first.parent != start, first.parent.components.count > start.components.count {
      paths.insert(first.parent, at: 0)
    }
    return paths
  }

  /// Each shared group hands its controllers down before the next one is made (cgroup-v2.rst, "Top-down Constraint").
  private func unifiedSteps(_ unified: Unified, _ name: GroupName, required: [String]) -> [CgroupStep] {
    let order = required.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    // Statistics come from these, and a later update may need them.
    let wanted = ["cpuset", "cpu", "io", "memory", "pids"].filter {
      unified.controllers.contains($0) && !order.contains($0)
    }
    func enabling(_ group: Path) -> [CgroupStep] {
      order.isEmpty && wanted.isEmpty ? [] : [.enable(group, required: order, wanted: wanted)]
    }
    // A base is a group that is there, but what it was handed may end above it. What is above a base that was handed to this
    // user is another's.
    var steps = enabling(unified.isHandedDown ? unified.start : unified.mount)
    for depth in unified.base.components.indices where !unified.isHandedDown {
      let parts = unified.base.components.prefix(depth + 1).map(\.string)
      steps += enabling(unified.mount.appending(parts.joined(separator: "/")))
    }
    for parent in name.parents(below: unified.start) { steps += [.ensure(parent)] + enabling(parent) }
    return steps + [.make(name.path(below: unified.start))]
  }

  /// What changes the limits of a group that is there.
  ///
  /// - Parameter current: the text of a control file of the group, without the newline; nil when it has none by that name.
  package func update(
    _ resources: Resources, of group: String, current: (Path) -> String?
  ) throws(CgroupError) -> [CgroupStep] {
    if kind == .none { throw .notMounted }
    return try settings(for: resources, try GroupName(group)) { path, file in current(path.appending(file)) }
  }

  /// The steps by which the calling, single-threaded process enters a group that is there, as exec does. Where
  /// `intoCgroup` was used, v2 is done.
  ///
  /// - Parameter below: groups below it, by a controller of v1 whose hierarchy they are in; `""` is every other one.
  package func join(
    _ group: String, below: [String: String] = [:], includingUnified: Bool
  ) throws(CgroupError) -> [CgroupStep] {
    let name = try GroupName(group)
    let v1 = try hierarchies.map { (hierarchy) throws(CgroupError) in
      let named = (hierarchy.controllers + [hierarchy.name ?? ""]).first { below[$0] != nil } ?? ""
      let path = below[named].map { group + "/" + $0 } ?? group
      return CgroupStep.join(try GroupName(path).path(below: hierarchy.start), isV2: false)
    }
    guard includingUnified, let unified else { return v1 }
    return v1 + [.join(name.path(below: unified.start), isV2: true)]
  }

  // MARK: Controllers

  private func settings(
    for resources: Resources, _ name: GroupName, current: (Path, String) -> String?
  ) throws(CgroupError) -> [CgroupStep] {
    var steps: [CgroupStep] = []
    for controller in Controllers.all {
      guard let purpose = controller.purpose(in: resources) else { continue }
      let (start, version): (Path, CgroupVersion)
      switch home(of: controller) {
      case .v1(let hierarchy): (start, version) = (hierarchy.start, .v1)
      case .v2(let unified): (start, version) = (unified.start, .v2)
      case nil:
        if controller.nameInV2 == nil, kind == .v2 { throw .notInV2(purpose) }
        throw lacking(kind == .v2 ? controller.nameInV2 ?? "" : controller.nameInV1, for: purpose)
      }
      steps += try withoutActuallyEscaping(current) { current throws(CgroupError) in
        let path = name.path(below: start)
        let group = ControlGroup(
          path: path, version: version, hasSwapLimit: hasSwapLimit, current: { current(path, $0) })
        return try controller.settings(for: resources, of: group)
      }
    }
    return try steps + unifiedSettings(of: resources, name)
  }

  private func lacking(_ controller: String, for purpose: String) -> CgroupError {
    unified?.isHandedDown == true
      ? .notDelegated(controller, purpose: purpose) : .missingController(controller, purpose: purpose)
  }

  private func ignored(of resources: Resources) -> [String] {
    Controllers.all.flatMap { controller -> [String] in
      switch home(of: controller) {
      case .v1: controller.ignored(of: resources, in: .v1)
      case .v2: controller.ignored(of: resources, in: .v2)
      case nil: []
      }
    }
  }

  // MARK: v2 files by name

  private func unifiedControllers(of resources: Resources) -> [String] {
    resources.unified.compactMap { $0.file.string.split(separator: ".").first.map(String.init) }
      .filter { $0 != "cgroup" }
  }

  private func unifiedSettings(of resources: Resources, _ name: GroupName) throws(CgroupError) -> [CgroupStep] {
    guard !resources.unified.isEmpty else { return [] }
    guard let unified else { throw .onlyInV2("the setting \(resources.unified[0].file)") }
    var steps: [CgroupStep] = []
    for setting in resources.unified {
      let file = setting.file.string
      guard file.contains("."), file.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
        throw .badValue(
          of: "cgroup setting", value: "\"\(file)\"", allowed: "the name of a control file, such as memory.high")
      }
      let controller = String(file.prefix { $0 != "." })
      guard controller == "cgroup" || unified.controllers.contains(controller) else {
        throw lacking(controller, for: "the setting \(file)")
      }
      // Several keys of one file, such as io.max, come as lines, and the kernel takes one line a write.
      steps += setting.value.split(separator: "\n").map {
        .write(name.path(below: unified.start), file: setting.file, value: String($0))
      }
    }
    return steps
  }
}
