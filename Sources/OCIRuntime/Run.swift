internal import Kernel
internal import Planning
internal import Launching
internal import RuntimeSpec
internal import Steps

extension OCIRuntime {
  /// The program runs: what `run` does next, before it waits.
  package func finishStart(_ container: borrowing CreatedContainer, of prepared: PreparedContainer) {
    callHooks(
      .poststart, of: prepared.bundle.spec.hooks, state: prepared.hookState, process: container.process)
    container.directory.unlock()
  }

  /// The container that this process ran has ended: nothing is left of it afterwards, whoever takes it away.
  package func deleteAfterRun(_ container: consuming CreatedContainer) throws(RuntimeFailure) {
    let (state, hooks) = (container.state, container.hooks)
    let directory = container.directory
    try told("cannot delete \(directory.id)") { () throws(Fault) in try directory.descriptor.borrowed.lock(.exclusive) }
    guard directory.isCurrent else { return }
    try takeAway(state, hooks: hooks, directory)
  }
}
