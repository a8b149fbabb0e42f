internal import JSON
internal import Kernel
package import RuntimeSpec
package import Steps

// Programs that the configuration wants called (runtime.md, "Lifecycle"; config.md, "POSIX-platform Hooks"):
//
//   prestart, createRuntime   in the parent, when the mounts are there and the root is not yet entered
//   createContainer           in the child's namespaces, at the same moment: the host's files are still there
//   startContainer            in the container, right before its program and with the rights of its program
//   poststart, poststop       in the runtime, when the program runs and when the container is deleted

extension PlanCompiler {
  /// The child says that its mounts are there only when somebody in the parent waits for it.
  func reportingToHooks() -> [Step] { hooksOfRuntime().isEmpty ? [] : [.process(.reportBuilt)] }

  func hooksOfRuntime() -> [Step] {
    let hooks = hooks(at: .prestart) + hooks(at: .createRuntime)
    return hooks.isEmpty ? [] : [.process(.awaitBuilt)] + hooks
  }

  func hooks(at point: HookCall.Point) -> [Step] {
    guard let state = request.state else { return [] }
    return hookCalls(at: point, of: spec.hooks, state: state).map { .process(.runHook($0)) }
  }
}

/// The calls of one point, in the order of the configuration.
///
/// - Parameter state: what the hooks are told; its status is the one that the point has.
package func hookCalls(at point: HookCall.Point, of hooks: Spec.Hooks, state: Spec.State) -> [HookCall] {
  let list = hooks[point]
  guard !list.isEmpty else { return [] }
  var state = state
  state.status = point.status
  state.process = nil
  let head = Array(state.jsonBytes().dropLast())
  return list.map { hook in
    HookCall(
      point: point, path: Path(hook.path), arguments: (hook.args.isEmpty ? [hook.path] : hook.args).map { Path($0) },
      environment: hook.env.map { Path($0) }, timeout: hook.timeout, state: head)
  }
}

extension Spec.Hooks {
  package subscript(point: HookCall.Point) -> [Spec.Hook] {
    switch point {
    case .prestart: prestart
    case .createRuntime: createRuntime
    case .createContainer: createContainer
    case .startContainer: startContainer
    case .poststart: poststart
    case .poststop: poststop
    }
  }
}

extension HookCall.Point {
  /// What the container is while the hooks of this point run.
  var status: Spec.State.Status {
    switch self {
    case .prestart, .createRuntime, .createContainer: .creating
    case .startContainer: .created
    case .poststart: .running
    case .poststop: .stopped
    }
  }
}
