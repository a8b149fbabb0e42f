package import Kernel

/// Where an OCI configuration puts its container's group (runtime-spec, config-linux.md, "Cgroups Path"), found once, when the
/// container is made: a later command may run in another group and must find the same one.
package struct GroupPlace: Hashable, Sendable {
  /// The group's name: its last part is the container's own, those before it are shared and kept.
  package var group: String
  /// Where that name starts, below the top of each hierarchy, by the hierarchy's `key`; none for the top itself.
  package var bases: [String: String]

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
