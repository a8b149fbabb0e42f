package import Kernel

// What an ordinary user, or the root of a user namespace, may do with control groups: what was delegated (cgroups(7),
// "Cgroups v2 delegation").

extension CgroupLayout {
  /// The hierarchies in which this process may make the group and put a process into it. The others are left alone.
  package func delegated(for group: String) throws(CgroupError) -> CgroupLayout {
    let name = try GroupName(group)
    var layout = self
    layout.hierarchies.removeAll { $0.isReadOnly || !isDelegated(name.path(below: $0.start), "tasks", $0.mount) }
    if let unified, unified.isReadOnly || !isDelegated(name.path(below: unified.start), "cgroup.procs", unified.mount) {
      layout.unified = nil
    }
    return layout
  }

  /// The directory that is there decides. In v2 the file of processes at the nearest group above both is written as well; it
  /// has the same owner where the tree was handed over as a whole.
  private func isDelegated(_ group: Path, _ members: Path, _ mount: Path) -> Bool {
    var above = group
    while !Kernel.exists(above), above.components.count > mount.components.count { above = above.parent }
    return mayWrite(above) && mayWrite(above.appending(members))
  }
}

extension CgroupLayout {
  /// The layout with the controllers of v2 that reach this group, a path below the start of names: what is made in it has no
  /// others (cgroup-v2.rst, "Top-down Constraint").
  package func handedDown(to group: Path) -> CgroupLayout {
    var layout = self
    guard let unified, let text = try? readText(unified.start.appending(group).appending("cgroup.controllers"))
    else { return layout }
    layout.unified?.controllers = text.split { $0 == " " || $0 == "\n" }.map(String.init)
    layout.unified?.isHandedDown = true
    return layout
  }
}

extension Cgroup {
  /// The group in the hierarchies where it was made, with the controllers that it has there: an ordinary user's is not in all
  /// of them.
  package func whereItIs() -> Cgroup {
    let own = Path(group)
    var layout = self.layout
    layout.hierarchies.removeAll { !Kernel.exists($0.start.appending(own)) }
    if let unified = layout.unified, !Kernel.exists(unified.start.appending(own)) { layout.unified = nil }
    return Cgroup(group: group, layout: layout.handedDown(to: own))
  }
}

extension Resources {
  /// Whether any controller is needed for them.
  package var asksForControllers: Bool {
    !unified.isEmpty || Controllers.all.contains { $0.purpose(in: self) != nil }
  }
}
