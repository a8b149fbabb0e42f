internal import Cgroups
internal import Kernel
internal import RuntimeSpec

extension OCIRuntime {
  /// Sends a signal to the first process; with `all` to every process of the container.
  package func kill(_ id: String, signal: Int32, all: Bool = false) throws(RuntimeFailure) {
    let view = try view(of: id)
    // The first process of a pid namespace takes all others with it. Without one of its own they have to be killed each,
    // and some may live on after the first (a shared namespace is what a pod has).
    if all || signal == 9 && !hasOwnProcessNamespace(view) {
      if try killAll(view, signal, isAsked: all) { return }
    }
    guard view.status != .stopped, let process = view.state.process, let pidfd = process.open() else {
      // With `all` nobody is left to be killed, which is what was wanted.
      if all { return }
      throw RuntimeFailure("container not running: \(id)")
    }
    do throws(Fault) { try sendSignal(signal, to: pidfd.borrowed) } catch {
      if error.errno == .noSuchProcess { throw RuntimeFailure("container not running: \(id)") }
      throw RuntimeFailure("unable to signal init of \(id)", error)
    }
    // A frozen group of v1 keeps even the killed until it thaws.
    if signal == 9, view.status == .paused { try? cgroup(of: view.state)?.thaw() }
  }

  private func hasOwnProcessNamespace(_ view: ContainerView) -> Bool {
    guard let directory = try? store.find(view.state.id), let spec = try? directory.spec(isBrief: true) else {
      return false
    }
    return spec.linux?.namespaces.contains { $0.type == .pid && $0.path == nil } ?? false
  }

  /// - Returns: whether there was a group to do it by.
  private func killAll(_ view: ContainerView, _ signal: Int32, isAsked: Bool) throws(RuntimeFailure) -> Bool {
    guard let group = try cgroup(of: view.state), group.exists else { return false }
    let hadProcesses = view.status != .stopped || ((try? group.processes()) ?? []).isEmpty == false
    if !isAsked, !hadProcesses { throw RuntimeFailure("container not running: \(view.state.id)") }
    try told("unable to signal all of \(view.state.id)") { () throws(Fault) in try group.send(signal) }
    return true
  }
}
