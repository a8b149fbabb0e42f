package import Cgroups
internal import RuntimeSpec
internal import Steps
internal import Systemd

extension LaunchRequest {
  /// The cgroupfs driver: the group that the configuration names, made by our own hand. Where a relative path starts is the
  /// runtime's to say: at the top of each hierarchy, as in crun.
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

  /// The systemd driver: a scope, whose group systemd makes.
  ///
  /// - Parameter manager: the group of the user's own systemd; nil for the host's.
  package mutating func placeUnit(identifier: String, below manager: String?) throws(PlanningError) -> GroupPlace {
    let isUser = manager != nil
    if isUser, layout.kind != .v2 {
      throw PlanningError("linux.cgroupsPath", "a user's own systemd hands groups down on cgroup v2 only")
    }
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
