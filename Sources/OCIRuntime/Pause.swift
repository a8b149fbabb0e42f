internal import Cgroups
internal import Kernel
internal import RuntimeSpec

extension OCIRuntime {
  /// Stops all processes of a container where they are.
  package func pause(_ id: String) throws(RuntimeFailure) {
    let view = try view(of: id)
    // Engines look for this phrase.
    guard view.status == .running || view.status == .created else {
      throw RuntimeFailure("container not running: \(id) is \(view.status.rawValue)")
    }
    let group = try ownGroup(of: view.state, "pause")
    try told("unable to freeze \(id)") { () throws(Fault) in try group.freeze() }
  }

  /// Lets them go on.
  package func resume(_ id: String) throws(RuntimeFailure) {
    let view = try view(of: id)
    guard view.status == .paused || view.status == .created && isFrozen(view.state) else {
      throw RuntimeFailure("container not paused: \(id) is \(view.status.rawValue)")
    }
    let group = try ownGroup(of: view.state, "resume")
    try told("unable to thaw \(id)") { () throws(Fault) in try group.thaw() }
  }

  func ownGroup(of state: RuntimeState, _ verb: String) throws(RuntimeFailure) -> Cgroup {
    guard let group = try cgroup(of: state) else {
      throw RuntimeFailure("cannot \(verb) \(state.id): it has no control group of its own")
    }
    return group
  }
}
