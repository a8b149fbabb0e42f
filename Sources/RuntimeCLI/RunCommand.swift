internal import Arguments
internal import Inside
internal import Kernel
internal import OCIRuntime
internal import RuntimeSpec
internal import Terminals

enum RunCommand {
  static let entry = CommandEntry(
    "run", summary: "Make and start a container, and wait for its end", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "run", summary: "Make and start a container, and wait for its end", usage: ["[OPTIONS] CONTAINER"],
          options: bundleOptions + [
            Option("detach", short: "d", help: "Do not wait for its end"),
            Option("keep", help: "Do not delete it at its end"),
          ], positionals: .exactly(1))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let inherited = try preservedDescriptors(parsed)
    try sealExecutable()
    let runtime = try OCIRuntime(parsed)
    let bundle = try Bundle(at: Path(parsed.string("bundle") ?? "."))
    let isDetached = parsed.flag("detach")
    let prepared = try runtime.prepare(
      parsed.positionals[0], bundle, try createOptions(parsed, inherited), waitsForStart: false, isDetached: isDetached)
    if isDetached {
      let container = try runtime.create(prepared, streams: .own)
      runtime.finishStart(container, of: prepared)
      return 0
    }
    return try runInForeground(prepared, runtime, keeps: parsed.flag("keep"))
  }

  private static func runInForeground(
    _ prepared: PreparedContainer, _ runtime: OCIRuntime, keeps: Bool
  ) throws -> Int32 {
    // Blocked before there is anybody to pass them on to, so that none is lost.
    try setSignalMask(.block, .all)
    let signals = try SignalDescriptor(.all)
    var container = try runtime.create(prepared, streams: .own)
    runtime.finishStart(container, of: prepared)
    let code: Int32
    if let master = container.terminal.take() {
      code = try relay(master, container, runtime)
    } else {
      code = try runtime.awaitEnd(of: container, signals: signals)
    }
    if !keeps { try runtime.deleteAfterRun(container) }
    return code
  }

  /// The container's terminal on ours, until the container has ended.
  private static func relay(
    _ master: consuming Descriptor, _ container: borrowing CreatedContainer, _ runtime: OCIRuntime
  ) throws -> Int32 {
    let raw = isTerminal(.standardInput) ? try RawTerminal(.standardInput) : nil
    var relay = try TerminalRelay(
      input: .standardInput, output: .standardOutput, master: master.borrowed)
    while case .interrupted(let signal) = try relay.run() {
      try? sendSignal(signal, to: container.pidfd.borrowed)
    }
    try raw?.restore()
    return try wait(for: .pidfd(container.pidfd.borrowed))?.status.code ?? 137
  }
}
