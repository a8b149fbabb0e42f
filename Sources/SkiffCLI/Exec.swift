internal import Arguments
internal import Containers
internal import Engine
internal import Inside
internal import Journal
internal import Kernel
internal import Monitoring
internal import Planning
internal import Terminals

extension ExecCommand {
  static let perform: Perform = { arguments in
    // What enters a container must not be a file that the container can write to (CVE-2019-5736).
    try sealExecutable()
    let engine = try arguments.unhealedEngine
    let word = arguments.positionals[0]
    engine.heal(for: word)
    var request = ExecRequest(command: Array(arguments.positionals.dropFirst()))
    request.environment = try arguments.containerEnvironment
    request.workingDirectory = arguments.string("workdir")
    request.user = arguments.string("user")
    request.hasTerminal = arguments.flag("tty")
    request.isInteractive = arguments.flag("interactive")
    request.isPrivileged = arguments.flag("privileged")
    let isDetached = arguments.flag("detach")
    if request.hasTerminal && request.isInteractive && !isDetached { try requireTerminal() }
    let plan = try engine.execPlan(request, in: word)
    let glass = try Glass(arguments)
    if glass.isWanted { try glass.show(plan, title: "skiff exec, container \(word)") }
    if glass.isRehearsal { return 0 }
    let command = request.command.joined(separator: " ")
    return try ProgramRun(engine: engine, word: word, plan: plan, glass: glass, command: command).run(
      request, keys: try arguments.detachKeys, isDetached: isDetached)
  }
}

/// One more program in a container, which `exec` and `debug` start, connected to this command's streams.
struct ProgramRun {
  let engine: Engine
  let word: String
  let plan: ExecPlan
  let glass: Glass
  /// For who reads the events.
  let command: String
  var toolbox: Toolbox?

  /// - Parameter keys: that leave the program running; nil where nothing may.
  /// - Returns: its exit code.
  func run(_ request: ExecRequest, keys: DetachKeys?, isDetached: Bool = false) throws -> Int32 {
    let begin = monotonicNanoseconds()
    // By it docker's readers know which of many has ended.
    let execution = try engine.newIdentifier().description
    let named = ["execID": execution]
    engine.note(.execCreate, word, detail: command, named)
    engine.note(.execStart, word, detail: command, named)
    if isDetached {
      let timings = try engine.executeDetached(plan, in: word, named: execution, isTimed: glass.isTimed)
      try glass.showTimings(timings, of: plan, total: monotonicNanoseconds() - begin)
      return 0
    }
    let sendsInput = request.isInteractive
    if request.hasTerminal {
      let session = try engine.executeWithTerminal(
        plan, in: word, named: execution, isTimed: glass.isTimed, toolbox: toolbox)
      try glass.showTimings(session.timings, of: plan, total: monotonicNanoseconds() - begin)
      let code = try use(session, keys, sendsInput: sendsInput) {
        engine.note($0, word, named.merging($1) { $1 })
      }
      return code
    }
    let null = try open("/dev/null", .readWrite)
    var streams = try StreamRelay(
      input: sendsInput ? .standardInput : null.borrowed, output: .standardOutput, errors: .standardError)
    let process = try streams.withProgramStreams { (input, output, errors) throws(Failure) in
      try engine.execute(
        plan, streams: StandardStreams(input: input, output: output, errors: errors), in: word, isTimed: glass.isTimed,
        toolbox: toolbox)
    }
    try glass.showTimings(process.timings, of: plan, total: monotonicNanoseconds() - begin)
    let passed = SignalSet(Signal.terminate, Signal.interrupt, Signal.hangUp, Signal.quit)
    try setSignalMask(.block, passed)
    try streams.run(until: process.pidfd.borrowed, passing: try SignalDescriptor(passed))
    let code = process.exitCode()
    engine.note(.execDie, word, named.merging(["exitCode": "\(code)"]) { $1 })
    return code
  }

  private func use(
    _ session: consuming TerminalSession, _ keys: DetachKeys?, sendsInput: Bool,
    note: (JournalEvent.Action, [String: String]) -> Void
  ) throws -> Int32 {
    switch try relay(session.master.borrowed, keys, sendsInput: sendsInput) {
    case .closed:
      let code = session.exitCode()
      note(.execDie, ["exitCode": "\(code)"])
      return code
    case .interrupted(let signal): return 128 + signal
    case .detached:
      session.detach()
      note(.execDetach, [:])
      endLine()
      return 0
    }
  }

  private func relay(
    _ master: BorrowedDescriptor, _ keys: DetachKeys?, sendsInput: Bool
  ) throws -> TerminalRelay.End {
    let none = try open("/dev/null", .readOnly)
    // First what keeps a signal from ending this process, then what must be given back on every way out of this scope.
    var relay = try TerminalRelay(
      input: sendsInput ? .standardInput : none.borrowed, output: .standardOutput, master: master, keys: keys)
    let raw = sendsInput ? try RawTerminal(.standardInput) : nil
    let end = try relay.run()
    try raw?.restore()
    return end
  }
}
