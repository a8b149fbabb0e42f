package import Kernel
package import RuntimeSpec
internal import Cgroups

/// A container as it is now.
package struct ContainerView: Sendable {
  package var state: RuntimeState
  package var status: Spec.State.Status
  /// 0 when it is stopped.
  package var process: ProcessIdentifier { status == .stopped ? 0 : state.process?.process ?? 0 }
}

extension OCIRuntime {
  package func view(of id: String) throws(RuntimeFailure) -> ContainerView {
    let directory = try store.find(id)
    return try view(of: directory)
  }

  func view(of directory: borrowing ContainerDirectory) throws(RuntimeFailure) -> ContainerView {
    let state = try directory.state()
    return ContainerView(state: state, status: status(of: state, directory))
  }

  private func status(of state: RuntimeState, _ directory: borrowing ContainerDirectory) -> Spec.State.Status {
    guard let process = state.process else { return directory.isBusy ? .creating : .stopped }
    guard isRunning(process) else { return .stopped }
    if directory.waitsForStart { return directory.isBusy ? .creating : .created }
    return isFrozen(state) ? .paused : .running
  }

  /// The number means the same process as ever, and that has not ended; a zombie that nobody has reaped yet has.
  func isRunning(_ process: ProcessIdentity) -> Bool { process.isAlive && Kernel.isRunning(process.process) }

  func isFrozen(_ state: RuntimeState) -> Bool { (try? cgroup(of: state))??.isFrozen ?? false }
}
