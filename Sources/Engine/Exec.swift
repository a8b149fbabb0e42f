internal import Cgroups
internal import Containers
package import Inside
internal import JSON
package import Kernel
internal import Launching
package import Planning
internal import Privileges
internal import RuntimeSpec
internal import Steps

/// What `exec` was asked for.
package struct ExecRequest: Sendable {
  package var command: [String]
  package var environment: [String] = []
  package var workingDirectory: String?
  package var user: String?
  package var hasTerminal = false
  package var isInteractive = false
  package var isPrivileged = false
  /// Beside the container's root, with the host's tools (`debug`).
  package var hasToolbox = false
  package init(command: [String]) { self.command = command }
}

/// A program that `exec` started.
package struct ExecutedProcess: ~Copyable {
  package let pidfd: Descriptor
  package var terminal: Descriptor?
  /// Lines of `--timings`.
  package let timings: [String]

  /// Waits for its end.
  package borrowing func exitCode() -> Int32 {
    ((try? wait(for: .pidfd(pidfd.borrowed))) ?? nil)?.status.code ?? 137
  }
}

extension Engine {
  /// The plan of one more program in a running container.
  package func execPlan(_ request: ExecRequest, in word: String) throws(Failure) -> ExecPlan {
    let identifier = try find(word)
    let running = try runningProcess(of: identifier, named: word)
    try checkMoves(identifier, named: word)
    let record = try record(of: identifier)
    let spec = try specification(of: record, store.files(of: identifier))
    var process = spec.process ?? Spec.Process()
    process.args = request.command
    process.terminal = request.hasTerminal
    if let directory = request.workingDirectory { process.cwd = directory }
    if request.hasToolbox { process.cwd = request.workingDirectory ?? ExecPlan.containerPlace.string }
    let pid = running.identity.process
    if let user = request.user {
      let resolved: ResolvedUser
      do throws(Failure) { resolved = try self.user(user, root: rootReader(of: record, process: pid)) } catch {
        // A process that is going has no root any more.
        try checkRuns(running, identifier, named: word)
        throw error
      }
      try checkIdentifiers(of: resolved)
      process.user = Spec.User(
        uid: resolved.user, gid: resolved.group, umask: process.user.umask, additionalGids: resolved.supplementary)
      set("HOME=\(resolved.home)", in: &process.env)
    }
    // What the image or the container says, LD_PRELOAD or BASH_ENV, is not for the host's tools.
    if request.hasToolbox { process.env = Self.toolboxEnvironment(named: record.name) }
    if request.hasTerminal { set("TERM=xterm", in: &process.env) }
    for entry in request.environment { set(entry, in: &process.env) }
    process.capabilities = capabilities(of: process, privileged: request.isPrivileged)
    if let runtime = record.options.runtime {
      if !request.hasToolbox { return try execPlan(process, in: identifier, by: runtime) }
      try requireVisible(record, "debug")
    }
    let host = try HostView()
    if host.isOrdinary, (try? IdentifierSpace())?.isSingle == true { process.leaveGroupsAlone() }
    let group = group(of: identifier, in: host.layout)
    var exec = JoinRequest(
      process, in: spec, leader: pid, group: group?.group, layout: group?.layout ?? host.layout)
    exec.filter = request.isPrivileged ? nil : try filter(of: record, spec, on: host)
    do throws(PlanningError) {
      var plan = try compileExec(exec)
      plan.scope = ownScope(of: identifier)
      if request.hasToolbox { plan.enterToolbox() } else { plan.stagingTarget = stagingTarget(of: record) }
      return plan
    } catch { throw Failure(.usage, "cannot execute in \(word): \(error)", hint: error.hint) }
  }

  /// Performs the plan up to the running program. The calling process runs from a sealed executable.
  package func execute(
    _ plan: ExecPlan, streams: StandardStreams, in word: String, isTimed: Bool = false, toolbox: Toolbox? = nil
  ) throws(Failure) -> ExecutedProcess {
    if let runtime = plan.runtime { return try execute(plan, by: runtime, streams: streams, in: word) }
    // Looked up once more, and held: a number that came to mean a process of the host since the plan was made would lead
    // the program into the host's namespaces.
    let container = try runningProcess(of: try find(word), named: word)
    let joined: JoinedProcess
    do throws(PlanFailure) {
      joined = try join(plan, container: container.pidfd.borrowed, streams: streams, isTimed: isTimed, toolbox: toolbox)
    } catch {
      if case .process(.execute) = error.step { throw failure("cannot execute in \(word)", error) }
      try checkRuns(container, try find(word), named: word)
      throw failure("cannot execute in \(word)", error)
    }
    let timings = joined.timings.map { line($0) }
    return ExecutedProcess(pidfd: joined.pidfd, terminal: joined.terminal, timings: timings)
  }

  /// That it has ended says more than the call on it that failed. The kernel takes a process's root and namespaces away a
  /// moment before it says that the process has ended, so that moment is waited for.
  private func checkRuns(
    _ process: borrowing RunningProcess, _ identifier: ContainerIdentifier, named word: String
  ) throws(Failure) {
    if (try? poll(process.pidfd.borrowed, .readable, milliseconds: 200))?.isEmpty == false {
      throw notRunning(nil, named: word)
    }
    try checkRuns(identifier, named: word)
  }

  /// Of another user, or with --privileged, the sets differ from those that the container was started with.
  private func capabilities(of process: Spec.Process, privileged: Bool) -> Spec.CapabilityLists {
    var lists = process.capabilities ?? Spec.CapabilityLists()
    if privileged { lists.bounding = boundingCapabilities().names }
    let granted = lists.bounding.reduce(into: CapabilitySet()) { $0.formUnion(CapabilitySet(name: $1) ?? []) }
    let sets = Capabilities(granted: granted, user: process.user.uid)
    lists.effective = sets.effective.names
    lists.permitted = sets.permitted.names
    return lists
  }

  private func set(_ entry: String, in environment: inout [String]) {
    let name = String(entry.prefix { $0 != "=" }) + "="
    environment.removeAll { $0.hasPrefix(name) }
    environment.append(entry)
  }

  func layout() throws(Failure) -> CgroupLayout {
    do throws(Fault) { return try .detect() } catch { throw Failure("cannot read the control groups", error) }
  }
}
