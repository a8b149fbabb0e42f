internal import Arguments
internal import Engine
internal import Inside
internal import Kernel

extension DebugCommand {
  static let perform: Perform = { arguments in
    try sealExecutable()
    let engine = try arguments.engine
    let word = arguments.positionals[0]
    let request = try request(arguments)
    let glass = try Glass(arguments)
    if glass.isScript {
      throw Failure(
        .usage, "debug has no script: it takes away the root that a shell's own commands lie in",
        hint: "--explain shows each step with its command, --explain=json the same for programs")
    }
    let plan = try engine.debugPlan(request, in: word)
    if glass.isWanted {
      try glass.show(plan.process, title: "skiff debug, container \(word)", host: plan.hostSteps)
    }
    if glass.isRehearsal { return 0 }
    let session = try engine.beginSession(plan)
    let code: Int32
    do {
      let run = ProgramRun(
        engine: engine, word: word, plan: plan.process, glass: glass,
        command: "debug: " + plan.command.joined(separator: " "), toolbox: session.toolbox)
      code = try run.run(request.process, keys: nil)
    } catch {
      session.end()
      throw error
    }
    session.end()
    return code
  }

  private static func request(_ arguments: ParsedArguments) throws -> DebugRequest {
    var process = ExecRequest(command: Array(arguments.positionals.dropFirst()))
    process.environment = try arguments.containerEnvironment
    process.workingDirectory = arguments.string("workdir")
    process.user = arguments.string("user")
    let isAtTerminal = isTerminal(.standardInput) && isTerminal(.standardOutput)
    process.hasTerminal = arguments.isSet("tty") ? arguments.flag("tty") : isAtTerminal
    process.isInteractive = arguments.isSet("interactive") ? arguments.flag("interactive") : true
    process.isPrivileged = arguments.flag("privileged")
    if process.hasTerminal && process.isInteractive { try requireTerminal() }
    var request = DebugRequest(process)
    for list in arguments.strings("tools") {
      for name in list.split(separator: ",") { request.tools.append(Path(String(name))) }
    }
    request.paths = arguments.strings("path").map { Path($0) }
    request.searchPath = (environment("PATH") ?? "").split(separator: ":").map { Path(String($0)) }
    request.terminal = environment("TERM")
    return request
  }
}
