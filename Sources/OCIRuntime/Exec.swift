package import Inside
package import Kernel
internal import Cgroups
internal import JSON
internal import Launching
internal import Planning
package import RuntimeSpec
internal import Steps

/// What `exec` is asked for, beyond the process.
package struct ExecOptions: Sendable {
  package var consoleSocket: Path?
  package var pidfdSocket: Path?
  package var pidFile: Path?
  package var preservedDescriptors = 0
  /// Groups below the container's own: `path`, or on v1 `controller,controller:path`.
  package var subgroups: [String] = []
  package var isDetached = false
  package init() {}
}

/// A container in which a process is to be started: as it was when it was looked up, and a hold on its first process, whose
/// number may come to mean another.
package struct ExecTarget: ~Copyable {
  let pidfd: Descriptor
  let view: ContainerView
  /// Without the rules of its filter where that was saved.
  let spec: Spec
  let savedFilter: SystemCallFilter?

  /// What the container was created with: what `exec` changes where it is asked to.
  package var process: Spec.Process { spec.process ?? Spec.Process() }
}

/// A process that `exec` started in a container; its parent is the caller.
package struct ExecutedProcess: ~Copyable {
  package let process: ProcessIdentifier
  package let pidfd: Descriptor
  /// The master of its pseudo terminal, when nobody else got it.
  package var terminal: Descriptor?
}

extension OCIRuntime {
  /// A process as a file describes it.
  package func process(in file: Path) throws(RuntimeFailure) -> Spec.Process {
    do { return try Spec.Process(parsing: try readFile(file, limit: 8 << 20)) } catch let fault as Fault {
      throw RuntimeFailure("cannot read the process", fault)
    } catch {
      throw RuntimeFailure("\(file): \(error)")
    }
  }

  /// Looks a container up in which a process is to be started.
  ///
  /// - Parameter ignoresPaused: the process of a paused container waits until that is resumed; asked for by name only.
  package func openToExec(_ id: String, ignoresPaused: Bool) throws(RuntimeFailure) -> ExecTarget {
    let directory = try store.find(id)
    let view = try view(of: directory)
    switch view.status {
    case .stopped: throw RuntimeFailure("cannot exec in a stopped container: \(id)")
    case .paused where !ignoresPaused:
      throw RuntimeFailure("cannot exec in a paused container (use --ignore-paused to override): \(id)")
    default: break
    }
    guard let identity = view.state.process, let pidfd = identity.open() else {
      throw RuntimeFailure("cannot exec in a stopped container: \(id)")
    }
    let filter = directory.filter()
    return ExecTarget(
      pidfd: pidfd, view: view, spec: try directory.spec(isBrief: filter != nil), savedFilter: filter)
  }

  /// Starts one more process in a container, and returns when its program runs.
  ///
  /// The caller is single-threaded and runs from a sealed executable.
  package func execute(
    _ process: Spec.Process, in target: borrowing ExecTarget, _ options: ExecOptions, streams: StandardStreams
  ) throws(RuntimeFailure) -> ExecutedProcess {
    try checkTerminal(process.terminal, options.consoleSocket, isDetached: options.isDetached)
    let plan = try plan(of: process, in: target, options)
    var joined: JoinedProcess
    do throws(PlanFailure) {
      joined = try join(plan, container: target.pidfd.borrowed, streams: streams, executable: executable)
    } catch {
      throw RuntimeFailure("exec failed in \(target.view.state.id)", error)
    }
    do throws(RuntimeFailure) {
      try hand(
        over: &joined.terminal, joined.process, joined.pidfd.borrowed, console: options.consoleSocket,
        pidfdSocket: options.pidfdSocket, pidFile: options.pidFile)
    } catch {
      try? sendSignal(9, to: joined.pidfd.borrowed)
      _ = try? wait(for: .pidfd(joined.pidfd.borrowed))
      throw error
    }
    let number = joined.process
    return ExecutedProcess(process: number, pidfd: joined.pidfd, terminal: joined.terminal)
  }

  private func plan(
    of process: Spec.Process, in target: borrowing ExecTarget, _ options: ExecOptions
  ) throws(RuntimeFailure) -> ExecPlan {
    let (state, spec, pid) = (target.view.state, target.spec, target.view.process)
    let own = if let group = target.view.group { group } else { try cgroup(of: state) }
    let layout = if let own { own.layout } else { try hostLayout() }
    let subgroups = try subgroups(options.subgroups, in: layout)
    var merged = spec
    merged.process = process
    let host = try facts(for: merged, state.id)
    try accept(validate(process, in: spec, on: host), of: "process")
    var containerState = state.hookState
    containerState.status = .running
    let filter = try filter(of: spec, containerState, container: pid, saved: target.savedFilter)
    var request = JoinRequest(process, in: spec, leader: pid, group: own?.group, layout: layout)
    request.subgroups = subgroups
    request.scope = ownScope(of: state)
    request.filter = filter
    request.newKeyring = state.keepsKeyring ? nil : keyring(of: state.id)
    request.limitsAreDefaults = false
    request.identifier = state.id
    request.host = host
    do throws(PlanningError) {
      var plan = try compileExec(request)
      plan.preservedDescriptors = options.preservedDescriptors
      return plan
    } catch { throw RuntimeFailure("exec failed: process: \(error)", hint: error.hint) }
  }

  /// By the controller that they are for; `""` for all.
  private func subgroups(_ words: [String], in layout: CgroupLayout) throws(RuntimeFailure) -> [String: String] {
    var found: [String: String] = [:]
    for word in words {
      let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let path = parts.last ?? ""
      guard !path.split(separator: "/").contains("..") else {
        throw RuntimeFailure("--cgroup: \"\(path)\" leads out of the container's own group")
      }
      let controllers = parts.count == 1 ? [""] : parts[0].split(separator: ",").map(String.init)
      for controller in controllers {
        let isKnown = layout.hierarchies.contains { $0.controllers.contains(controller) || $0.name == controller }
        guard controller.isEmpty || isKnown else {
          throw RuntimeFailure("--cgroup: \"\(controller)\" is no controller of cgroup v1 here")
        }
        found[controller] = path
      }
    }
    return found
  }
}
