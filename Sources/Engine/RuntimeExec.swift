internal import Containers
internal import Inside
internal import JSON
internal import Kernel
internal import Launching
internal import Planning
internal import RuntimeSpec
internal import Steps

// `exec` in a container that another OCI runtime made: it knows how to get in.

extension Engine {
  /// - Parameter process: the program, as the specification has it.
  func execPlan(
    _ process: Spec.Process, in identifier: ContainerIdentifier, by runtime: RuntimeChoice
  ) throws(Failure) -> ExecPlan {
    let place = store.files(of: identifier).runtime
    // Several may be executed at once. The name is short: a socket's path has 107 bytes.
    let word = try newIdentifier().short.prefix(6)
    let own = place.directory.appending(Path("x\(word)"))
    let (file, number, console) = (own.appending("process.json"), own.appending("pid"), own.appending("c"))
    var words: [Path] = ["exec", "--process", file, "--detach", "--pid-file", number]
    if process.terminal { words += ["--console-socket", console] }
    let call = RuntimeCall(
      program: Path(runtime.program), root: place.state, log: own.appending("log"),
      words: words + [Path(identifier.description)])
    var plan = ExecPlan(
      joining: [
        .file(.makeDirectory(own, mode: 0o700)),
        .file(.writeFile(file, contents: process.jsonBytes(), mode: 0o600)),
      ], finishing: [.process(.callRuntime(call))], cgroup: nil, hasTerminal: process.terminal)
    plan.runtime = RuntimePlan(
      call: call, directory: own, processFile: number, console: process.terminal ? console : nil)
    return plan
  }

  /// Performs such a plan up to the running program.
  func execute(
    _ plan: ExecPlan, by runtime: RuntimePlan, streams: StandardStreams, in word: String
  ) throws(Failure) -> ExecutedProcess {
    do throws(PlanFailure) {
      let joined = try joinByRuntime(plan, runtime, streams: streams)
      return ExecutedProcess(pidfd: joined.pidfd, terminal: joined.terminal, timings: [])
    } catch {
      let identifier = try find(word)
      try checkRuns(identifier, named: word)
      throw failure("cannot execute in \(word)", error)
    }
  }
}
