package import Cgroups
internal import Kernel
internal import RuntimeSpec
internal import Steps
internal import Systemd

extension LaunchRequest {
  /// The cgroupfs driver: the group that the configuration names, made by our own hand.
  ///
  /// A relative path, and the container's name where there is none, starts at the top of each hierarchy, as in crun. The
  /// specification leaves the place to the runtime, but "the runtime MUST consistently attach to the same place in the cgroups
  /// hierarchy given the same value" (config-linux.md, "Cgroups Path"): below its own group, where runc puts it on v1, or
  /// beside it, on v2, it would be another place for each caller, and a group of v2 that has processes hands no controllers
  /// down. In a container the top is what its cgroup namespace shows it. Who may not write there is told so; an ordinary
  /// user starts at the own group, see `placeDelegatedGroup`.
  package mutating func placeGroup(identifier: String) throws(PlanningError) -> GroupPlace {
    let path = spec.linux?.cgroupsPath ?? ""
    do throws(CgroupError) {
      let place = try GroupPlace(
        cgroupsPath: "/" + (path.isEmpty ? identifier : path), identifier: identifier, in: layout)
      layout = try layout.placed(at: place)
      group = place.group
      return place
    } catch { throw PlanningError("linux.cgroupsPath", "\(error)", hint: error.hint) }
  }

  /// The same for who is not root of the host: the group where it was delegated, so a relative path starts at this process's
  /// own; none where nobody asked for one.
  package mutating func placeDelegatedGroup(identifier: String) throws(PlanningError) -> GroupPlace? {
    // Only root of the host decides about devices; the user namespace does without device nodes anyway.
    spec.linux?.resources?.devices = []
    let path = spec.linux?.cgroupsPath ?? ""
    let place: GroupPlace
    do throws(CgroupError) {
      place = try GroupPlace(cgroupsPath: path, identifier: identifier, in: layout)
      let usable = try layout.placed(at: place).delegated(for: place.group)
      if usable.kind != .none {
        (layout, group) = (usable, place.group)
        return place
      }
    } catch { throw PlanningError("linux.cgroupsPath", "\(error)", hint: error.hint) }
    guard path.isEmpty, try !Resources(spec.linux?.resources ?? Spec.Resources()).asksForControllers else {
      throw PlanningError(
        path.isEmpty ? "linux.resources" : "linux.cgroupsPath",
        "rootless needs no limits + no cgrouppath when no permission is granted for cgroups",
        hint: "let systemd delegate a group to this user, or leave limits and cgroupsPath out")
    }
    return nil
  }

  /// Whether the configuration has limits, which a group of the container's own is needed for. One that makes no sense has: it
  /// is refused when the plan is made.
  package var asksForLimits: Bool {
    (try? Resources(spec.linux?.resources ?? Spec.Resources()).asksForControllers) ?? true
  }

  /// The systemd driver: a scope, whose group systemd makes.
  ///
  /// - Parameter manager: the group of the user's own systemd; nil for the host's.
  package mutating func placeUnit(identifier: String, below manager: String?) throws(PlanningError) -> GroupPlace {
    let isUser = manager != nil
    if isUser, layout.kind != .v2 {
      throw PlanningError("linux.cgroupsPath", "a user's own systemd hands groups down on cgroup v2 only")
    }
    if let manager { layout = layout.handedDown(to: Path(manager)) }
    let resources = try Resources(spec.linux?.resources ?? Spec.Resources())
    do throws(UnitError) {
      let name = try UnitName(cgroupsPath: spec.linux?.cgroupsPath, identifier: identifier, isUser: isUser)
      unit = try SystemdUnit(
        name, identifier: identifier, isUser: isUser, resources: resources, version: layout.kind == .v2 ? .v2 : .v1,
        annotated: try UnitProperty.annotated(spec.annotations))
      let place = try name.place(below: manager ?? "")
      group = place.group
      return place
    } catch { throw PlanningError("", error.description, hint: error.hint) }
  }
}
