internal import Cgroups
internal import Kernel
internal import Planning
internal import RuntimeSpec
internal import Steps
internal import Systemd

// Where a container's control group is: thought out when the container is made, and read from its record afterwards.

extension OCIRuntime {
  /// Puts the container's group into the request. Nil where it gets none of its own.
  func place(of id: String, in request: inout LaunchRequest) throws(RuntimeFailure) -> GroupPlace? {
    if driver == .systemd, let obstacle = SystemdManager.obstacle {
      throw RuntimeFailure("cannot use the systemd driver: \(obstacle)", hint: "leave --systemd-cgroup out")
    }
    // Root of a user namespace, as podman calls a runtime for an ordinary user, is not root of the host.
    let isRoot = isRootOfHost()
    if isRoot { request.spec.allowDefaultDevices() }
    let manager = driver == .systemd ? try managersGroup() : nil
    do throws(PlanningError) {
      switch driver {
      case .cgroupfs where !isRoot: return try request.placeDelegatedGroup(identifier: id)
      case .disabled: return nil
      case .cgroupfs: return try request.placeGroup(identifier: id)
      case .systemd:
        // Only root of the host decides about devices, as with groups that were delegated.
        if !isRoot { request.spec.linux?.resources?.devices = [] }
        return try request.placeUnit(identifier: id, below: manager)
      }
    } catch { throw RuntimeFailure("config.json: \(error)", hint: error.hint) }
  }

  /// A user's own systemd makes groups below its own; nil where the host's is asked.
  private func managersGroup() throws(RuntimeFailure) -> String? {
    guard SystemdManager.isUsers else { return nil }
    return try told("cannot ask this user's own systemd for a control group") { () throws(Fault) in
      var manager = try SystemdManager(isUser: true)
      return try manager.controlGroup()
    }
  }

  /// The scope that the container's group is, where this user's own systemd made it.
  func ownScope(of state: RuntimeState) -> String? {
    for case .cgroup(.stopUnit(let name, isUser: true, _)) in state.undo.map(\.step) { return name }
    return nil
  }

  /// What tells systemd of these limits; nil where the container's group is no scope.
  func unitStep(
    for state: RuntimeState, _ limits: Spec.Resources, _ layout: CgroupLayout
  ) throws(RuntimeFailure) -> Step? {
    for case .cgroup(.stopUnit(let name, let isUser, _)) in state.undo.map(\.step) {
      do throws(PlanningError) {
        return .cgroup(.setUnit(try SystemdUnit(name, isUser: isUser, changedTo: limits, layout)))
      } catch { throw RuntimeFailure("cannot update \(state.id): \(error)", hint: error.hint) }
    }
    return nil
  }

  func hostLayout() throws(RuntimeFailure) -> CgroupLayout {
    try told("cannot read the control groups") { () throws(Fault) in try CgroupLayout.detect() }
  }

  /// The container's group, to be looked at and joined.
  func recordedGroup(of state: RuntimeState) -> Cgroup? {
    if let group = state.place.flatMap({ Cgroup(recorded: $0) }) { return group }
    return (try? cgroup(of: state)) ?? nil
  }

  /// The container's group; nil where it has none of its own.
  func cgroup(of state: RuntimeState) throws(RuntimeFailure) -> Cgroup? {
    guard let place = state.place else { return nil }
    let layout = try hostLayout()
    do throws(CgroupError) {
      let group = try Cgroup(place, layout: layout)
      return isRootOfHost() ? group : group.whereItIs()
    } catch {
      throw RuntimeFailure("the record of \(state.id): \(error)", hint: error.hint)
    }
  }
}
