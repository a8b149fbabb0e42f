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

  /// The container that this process ran has ended: nothing is left of it afterwards.
  package func deleteAfterRun(_ container: consuming CreatedContainer) throws(RuntimeFailure) {
    let directory = container.directory
    let state = try directory.state()
    try takeAway(state, directory)
  }
}
