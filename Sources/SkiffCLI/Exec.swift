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
    let streams = StandardStreams(
      input: request.isInteractive && !isDetached ? .standardInput : null.borrowed,
      output: isDetached ? null.borrowed : .standardOutput, errors: isDetached ? null.borrowed : .standardError)
    let begin = monotonicNanoseconds()
    var process = try engine.execute(plan, streams: streams, in: word, isTimed: glass.isTimed)
    try glass.showTimings(process.timings, of: plan, total: monotonicNanoseconds() - begin)
    if isDetached { return 0 }
    if let terminal = process.terminal.take() {
      try relay(terminal, sendsInput: request.isInteractive, keys: try arguments.detachKeys)
    } else {
      try forwardSignals(to: process.pidfd.borrowed)
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

  /// Passes on what a shell or a script sends to this process, until the program ends.
  private static func forwardSignals(to pidfd: BorrowedDescriptor) throws {
    let passed = SignalSet(Signal.terminate, Signal.interrupt, Signal.hangUp, Signal.quit)
    try setSignalMask(.block, passed)
    let signals = try SignalDescriptor(passed)
    while true {
      let ready = try poll([(pidfd, .readable), (signals.borrowed, .readable)])
      while let report = try signals.next() { try? sendSignal(report.signal, to: pidfd) }
      if !ready[0].isEmpty { return }
    }
  }
}
