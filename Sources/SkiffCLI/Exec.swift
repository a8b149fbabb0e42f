internal import Arguments
internal import Engine
internal import Inside
internal import Kernel
internal import Monitoring
internal import Terminals

extension ExecCommand {
  static let perform: Perform = { arguments in
    // What enters a container must not be a file that the container can write to (CVE-2019-5736).
    try sealExecutable()
    let engine = try arguments.engine
    let word = arguments.positionals[0]
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
    let null = try open("/dev/null", .readWrite)
    var streams = try StreamRelay(
      input: request.isInteractive && !isDetached && !request.hasTerminal ? .standardInput : null.borrowed,
      output: isDetached || request.hasTerminal ? null.borrowed : .standardOutput,
      errors: isDetached || request.hasTerminal ? null.borrowed : .standardError)
    let begin = monotonicNanoseconds()
    var process = try streams.withProgramStreams { (input, output, errors) throws(Failure) in
      try engine.execute(
        plan, streams: StandardStreams(input: input, output: output, errors: errors), in: word, isTimed: glass.isTimed)
    }
    try glass.showTimings(process.timings, of: plan, total: monotonicNanoseconds() - begin)
    if isDetached { return 0 }
    if let terminal = process.terminal.take() {
      try relay(terminal, sendsInput: request.isInteractive, keys: try arguments.detachKeys)
    } else {
      let passed = SignalSet(Signal.terminate, Signal.interrupt, Signal.hangUp, Signal.quit)
      try setSignalMask(.block, passed)
      try streams.run(until: process.pidfd.borrowed, passing: try SignalDescriptor(passed))
    }
    return process.exitCode()
  }

  private static func relay(_ terminal: consuming Descriptor, sendsInput: Bool, keys: DetachKeys?) throws {
    let raw = sendsInput ? try RawTerminal(.standardInput) : nil
    let none = try open("/dev/null", .readOnly)
    var relay = try TerminalRelay(
      input: sendsInput ? .standardInput : none.borrowed, output: .standardOutput, master: terminal.borrowed, keys: keys
    )
    _ = try relay.run()
    try raw?.restore()
  }
}
