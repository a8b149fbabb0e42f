package import Kernel
internal import Planning
internal import Launching
internal import RuntimeSpec
internal import Steps
internal import Terminals

extension OCIRuntime {
  /// The program runs: what `run` does next, before it waits.
  package func finishStart(_ container: borrowing CreatedContainer, of prepared: PreparedContainer) {
    callHooks(
      .poststart, of: prepared.bundle.spec.hooks, state: prepared.hookState, process: container.process)
    container.directory.unlock()
  }

  /// Waits for the end of a container that this process runs in the foreground, and passes signals on to it.
  ///
  /// - Returns: its exit code.
  package func awaitEnd(
    of container: borrowing CreatedContainer, signals: borrowing SignalDescriptor
  ) throws(RuntimeFailure) -> Int32 {
    do throws(Fault) {
      while true {
        let ready = try poll([(container.pidfd.borrowed, .readable), (signals.borrowed, .readable)])
        while let report = try signals.next() {
          // Children of this process are its own affair, and so is a resized window without a terminal.
          if report.signal == Signal.child || report.signal == Signal.windowChange { continue }
          try? sendSignal(report.signal, to: container.pidfd.borrowed)
        }
        if ready[0].isEmpty { continue }
        return try wait(for: .pidfd(container.pidfd.borrowed))?.status.code ?? 137
      }
    } catch { throw RuntimeFailure("cannot wait for the container", error) }
  }

  /// The container that this process ran has ended: nothing is left of it afterwards.
  package func deleteAfterRun(_ container: consuming CreatedContainer) throws(RuntimeFailure) {
    let directory = container.directory
    let state = try directory.state()
    try takeAway(state, directory)
  }
}
