package import Kernel
package import RuntimeSpec
internal import Cgroups

/// A container as it is now.
package struct ContainerView: Sendable {
  package var state: RuntimeState
  package var status: Spec.State.Status
  /// 0 when it is stopped.
  package var process: ProcessIdentifier { status == .stopped ? 0 : state.process?.process ?? 0 }
  /// Its group, where it was looked at on the way to the status: whether what runs is frozen.
  var group: Cgroup?
}

extension OCIRuntime {
  package func view(of id: String) throws(RuntimeFailure) -> ContainerView {
    let directory = try store.find(id)
    return try view(of: directory)
  }

  func view(of directory: borrowing ContainerDirectory) throws(RuntimeFailure) -> ContainerView {
    let state = try directory.state()
    guard let process = state.process else {
      return ContainerView(state: state, status: directory.isBusy ? .creating : .stopped)
    }
    guard process.isRunning else { return ContainerView(state: state, status: .stopped) }
    if directory.waitsForStart {
      return ContainerView(state: state, status: directory.isBusy ? .creating : .created)
    }
    let group = recordedGroup(of: state)
    return ContainerView(state: state, status: group?.isFrozen == true ? .paused : .running, group: group)
  }

  func isFrozen(_ state: RuntimeState) -> Bool { recordedGroup(of: state)?.isFrozen ?? false }
}
