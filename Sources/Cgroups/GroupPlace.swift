package import Kernel

/// Where an OCI configuration puts its container's group (runtime-spec, config-linux.md, "Cgroups Path"), found once, when the
/// container is made: a later command may run in another group and must find the same one.
package struct GroupPlace: Hashable, Sendable {
  /// The group's name: its last part is the container's own, those before it are shared and kept.
  package var group: String
  /// Where that name starts, below the top of each hierarchy, by the hierarchy's `key`; none for the top itself.
  package var bases: [String: String]
  /// Where the hierarchies that it was made in were mounted then, in the layout's order; empty where that was not recorded.
  package var mounts: [HierarchyMount] = []

  package init(group: String, bases: [String: String] = [:]) {
    self.group = group
    self.bases = bases
  }

  /// The place in the hierarchies of `layout`, as runc's cgroupfs driver has it.
  ///
  /// - Parameter path: `cgroupsPath`. Absolute: below the top of each hierarchy that is mounted. Relative: below this
  ///   process's own group in v1, and beside it in v2, for in v2 a group that holds processes hands nothing down. Nil or
  ///   empty: the identifier, as a relative path.
  package init(cgroupsPath path: String?, identifier: String, in layout: CgroupLayout) throws(CgroupError) {
    let path = path.flatMap { $0.isEmpty ? nil : $0 } ?? identifier
    // One that would leave its hierarchy is refused, where runc takes `..` out by its text and goes on somewhere else.
    group = try GroupName(path).components.joined(separator: "/")
    bases = [:]
    guard !path.hasPrefix("/") else { return }
    for hierarchy in layout.hierarchies where !hierarchy.own.isEmpty { bases[hierarchy.key] = hierarchy.own.string }
    if let unified = layout.unified, !unified.own.parent.isEmpty { bases[""] = unified.own.parent.string }
  }
}

extension CgroupLayout.Hierarchy {
  /// What stands for the hierarchy in a record: `cpu,cpuacct`, `name=systemd`. v2 is the empty text, as in /proc/PID/cgroup.
  package var key: String { controllers.isEmpty ? "name=" + (name ?? "") : controllers.sorted().joined(separator: ",") }
}

/// Where a hierarchy is mounted.
package struct HierarchyMount: Hashable, Sendable {
  /// As in `GroupPlace.bases`.
  package var key: String
  package var point: String
  package init(key: String, point: String) {
    self.key = key
    self.point = point
  }
}

extension CgroupLayout {
  package var mounts: [HierarchyMount] {
    hierarchies.map { HierarchyMount(key: $0.key, point: $0.mount.string) }
      + (unified.map { [HierarchyMount(key: "", point: $0.mount.string)] } ?? [])
  }

  /// A layout as a record has it: enough to find groups and to join them, but not to limit them.
  init(recorded mounts: [HierarchyMount]) {
    self.init(unified: nil, hierarchies: [], hasSwapLimit: false)
    for mount in mounts {
      let point = Path(mount.point)
      if mount.key.isEmpty {
        unified = Unified(mount: point, own: "", controllers: [], isReadOnly: false)
        continue
      }
      let name = mount.key.hasPrefix("name=") ? String(mount.key.dropFirst(5)) : nil
      let controllers = name == nil ? mount.key.split(separator: ",").map(String.init) : []
      hierarchies.append(
        Hierarchy(mount: point, own: "", controllers: controllers, name: name, isReadOnly: false))
    }
  }
}

extension Cgroup {
  /// The group of a container where its record says that it was made, to be looked at and joined: that saves a reading of the
  /// mount table. Nil where the record does not say, or it is there no longer.
  package init?(recorded place: GroupPlace) {
    guard !place.mounts.isEmpty,
      let group = try? Cgroup(place, layout: CgroupLayout(recorded: place.mounts)),
      let first = group.paths.first, Kernel.exists(first)
    else { return nil }
    self = group
  }
}

extension CgroupLayout {
  /// The same layout with names of groups counted from where `place` has them start.
  package func placed(at place: GroupPlace) throws(CgroupError) -> CgroupLayout {
    var layout = self
    for index in hierarchies.indices {
      layout.hierarchies[index].base = try base(place.bases[hierarchies[index].key])
    }
    layout.unified?.base = try base(place.bases[""])
    return layout
  }

  /// A base comes back from a record on the disk, so it is read with the same eyes as a name.
  private func base(_ text: String?) throws(CgroupError) -> Path {
    guard let text, !text.isEmpty else { return "" }
    return Path(try GroupName(text).components.joined(separator: "/"))
  }
}

extension CgroupLayout.Unified {
  /// The directory where names of groups start.
  package var start: Path { base.isEmpty ? mount : mount.appending(base) }
}

extension CgroupLayout.Hierarchy {
  var start: Path { base.isEmpty ? mount : mount.appending(base) }
}
