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

/// A group of v2 that was handed to this user, in which containers may have theirs.
package struct HandedGroup: Hashable, Sendable {
  /// Below the top of what is mounted; empty for the top.
  package var base: Path
  /// Where whoever is in the group itself has to move.
  package var leaf: Path

  package init(base: Path, in unified: CgroupLayout.Unified) {
    self.base = base
    leaf = (base.isEmpty ? unified.mount : unified.mount.appending(base)).appending("skiff-leaf")
  }
}

extension CgroupLayout {
  /// Where this process may make groups and put processes, on v2 alone: on v1 a controller may be given away, but some of them
  /// let who has it harm the host (cgroups(7), "Cgroups v1 delegation" has none).
  ///
  /// Above this process's own group, or that itself: to move a process needs the right to write above both places, and none in
  /// the one that it leaves. Of those that are this user's the nearest that holds no process, for it can hand controllers
  /// down; where all hold some, the topmost, which has to be vacated.
  package func handedGroup() -> HandedGroup? {
    guard kind == .v2, let unified, !unified.isReadOnly else { return nil }
    var parts = unified.own.components.map(\.string)
    var found: Path?
    while true {
      let group = Path(parts.joined(separator: "/"))
      let directory = group.isEmpty ? unified.mount : unified.mount.appending(group)
      if isHandedOver(directory) {
        found = group
        if (try? readText(directory.appending("cgroup.procs")))?.isEmpty == true { break }
        // systemd's mark of what it delegated: what is above is its own.
        if isMarkedDelegated(directory) { break }
      } else if found != nil {
        break
      }
      if parts.isEmpty { break }
      parts.removeLast()
    }
    return found.map { HandedGroup(base: $0, in: unified) }
  }

  /// The group whose name begins so that this process is in, at any depth.
  package func enclosingGroup(_ isNamed: (String) -> Bool) -> HandedGroup? {
    guard let unified else { return nil }
    let parts = unified.own.components.map(\.string)
    guard let index = parts.firstIndex(where: isNamed) else { return nil }
    return HandedGroup(base: Path(parts[...index].joined(separator: "/")), in: unified)
  }

  private func isHandedOver(_ group: Path) -> Bool {
    (["", "cgroup.procs", "cgroup.subtree_control"] as [Path]).allSatisfy {
      mayWrite($0.isEmpty ? group : group.appending($0))
    }
  }

  private func isMarkedDelegated(_ group: Path) -> Bool {
    guard let directory = try? open(group, [.readOnly, .directory]) else { return false }
    return ((try? extendedAttribute("user.delegate", of: directory.borrowed)) ?? nil) == [UInt8(ascii: "1")]
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
