internal import Containers
internal import Inside
package import Kernel
internal import Mounts
package import Planning
internal import Staging
package import Steps

// `debug`: a shell with the host's tools beside a container that has none.

/// What `debug` was asked for.
package struct DebugRequest: Sendable {
  /// An empty command is a shell.
  package var process: ExecRequest
  /// Beyond the usual ones; each must be on this machine.
  package var tools: [Path] = []
  /// Files and directories of the host that the tools want.
  package var paths: [Path] = []
  /// PATH of the caller.
  package var searchPath: [Path] = []
  /// TERM of the caller.
  package var terminal: String?
  package init(_ process: ExecRequest) { self.process = process }
}

/// What `debug` does: a toolbox, then one more program.
package struct DebugPlan: Sendable {
  package var process: ExecPlan
  /// As it was asked for, or the shell that was found.
  package var command: [String]
  /// The directory that the toolbox is mounted over, in a mount namespace of the command's own.
  var scratch: Path
  var toolbox: StagePlan
  /// What happens on the host.
  package var hostSteps: [Step] { [.mount(.mountScratch(scratch))] + toolbox.steps }
}

extension Engine {
  /// Plans a session beside a running container. Nothing is changed.
  package func debugPlan(_ request: DebugRequest, in word: String) throws(Failure) -> DebugPlan {
    // A container that does not run is told first, whatever else is wrong.
    let identifier = try find(word)
    _ = try runningProcess(of: identifier, named: word)
    try checkMoves(identifier, named: word)
    var request = request
    request.process.hasToolbox = true
    if request.process.command.isEmpty {
      let shell = programsOnHost(["bash", "sh"], searchPath: request.searchPath).first
      request.process.command = [shell?.string ?? "sh"]
    }
    let terminal = request.terminal.flatMap { $0.isEmpty || $0.contains("/") ? nil : $0 }
    request.process.environment.insert("TERM=\(terminal ?? "dumb")", at: 0)
    let toolbox = try toolbox(request)
    return DebugPlan(
      process: try execPlan(request.process, in: word), command: request.process.command, scratch: state.run,
      toolbox: toolbox)
  }

  /// Nothing but this is in the environment: what the image has in its own could name libraries to load, or a script to run.
  static func toolboxEnvironment(named name: String) -> [String] {
    [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp", "LANG=C.UTF-8",
      // Expanded by every POSIX shell.
      "PS1=\(name) (debug):$PWD> ",
    ]
  }

  private func toolbox(_ request: DebugRequest) throws(Failure) -> StagePlan {
    var tools = programsOnHost(usualTools, searchPath: request.searchPath) + request.tools
    // The container's own programs have their paths below its place; whatever else has a path is one of the toolbox.
    if let first = request.process.command.first, !first.contains("/"), !tools.contains(Path(first)) {
      tools.append(Path(first))
    }
    let directory = state.run.appending("toolbox")
    var stage = StageRequest(programs: tools, directory: directory)
    stage.paths = request.paths
    stage.searchPath = request.searchPath
    stage.extras = [.directories, .nameServices, .certificates, .terminal, .locale]
    stage.locale = "C.UTF-8"
    stage.terminal = request.terminal
    do throws(StageFailure) {
      var plan = try StagePlan(stage)
      plan.steps += Self.places(in: directory, for: plan)
      return plan
    } catch { throw Self.failure(error) }
  }

  /// What is mounted over, and so has to be there: of the host's users and names the container gets to see nothing.
  private static func places(in directory: Path, for plan: StagePlan) -> [Step] {
    let container = ExecPlan.containerPlace.lastComponent
    var steps: [Step] = [.file(.makeDirectory(directory.appending(container), mode: 0o755))]
    let written: [(Path, String)] = [
      ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
      ("/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n"), ("/etc/group", "root:x:0:\n"),
    ]
    let texts = written + ExecPlan.sharedFiles.filter { path in !written.contains { $0.0 == path } }.map { ($0, "") }
    for (path, text) in texts where !plan.files.contains(where: { $0.path == path }) {
      let place = directory.appending(Path(bytes: path.bytes.dropFirst()) ?? ".")
      steps.append(.file(.writeFile(place, contents: Array(text.utf8), mode: 0o644)))
    }
    return steps
  }

  private static func failure(_ failure: StageFailure) -> Failure {
    Failure(
      failure.kind == .notFound ? .programNotFound : .host, "the toolbox lacks something: \(failure.description)",
      hint: failure.hint)
  }

  /// Stages the toolbox, as a mount that is attached nowhere: it is gone with the last process that has it as its root, and
  /// nothing of it is ever in a directory of the host. The caller has one thread.
  func makeToolbox(_ plan: DebugPlan) throws(Failure) -> Descriptor {
    var failed: StageFailure?
    do throws(Fault) {
      return try inOwnMountNamespace { () throws(Fault) in
        var executor = MountExecutor()
        try executor.perform(.mountScratch(plan.scratch))
        do throws(StageFailure) { try plan.toolbox.perform() } catch {
          failed = error
          throw Fault("stage", .canceled)
        }
        let tree = try cloneMount(plan.toolbox.directory, recursive: false)
        try setMountAttributes(
          of: tree.borrowed, set: [.readOnly, .noSetUserId, .noDevices], recursive: false)
        return tree
      }
    } catch { throw failed.map(Self.failure) ?? Failure("cannot stage the toolbox", error) }
  }
}
