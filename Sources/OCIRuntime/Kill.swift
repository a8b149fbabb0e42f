internal import Cgroups
internal import Kernel
internal import RuntimeSpec

extension OCIRuntime {
  /// Sends a signal to the first process; with `all` to every process of the container.
  package func kill(_ id: String, signal: Int32, all: Bool = false) throws(RuntimeFailure) {
    let view = try view(of: id)
    if all { return try killAll(view, signal) }
    guard view.status != .stopped, let process = view.state.process, let pidfd = process.open() else {
      throw RuntimeFailure("container not running: \(id)")
    }
    do throws(Fault) { try sendSignal(signal, to: pidfd.borrowed) } catch {
      if error.errno == .noSuchProcess { throw RuntimeFailure("container not running: \(id)") }
      throw RuntimeFailure("cannot signal \(id)", error)
    }
  }

  private func killAll(_ view: ContainerView, _ signal: Int32) throws(RuntimeFailure) {
    guard let group = try cgroup(of: view.state) else {
      throw RuntimeFailure("cannot signal all of \(view.state.id): it has no control group of its own")
    }
    try told("cannot signal all of \(view.state.id)") { () throws(Fault) in try group.send(signal) }
  }
}
