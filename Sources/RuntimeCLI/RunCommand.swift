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
            Option("no-subreaper", help: "Does nothing: no subreaper is used", isHidden: true),
          ], positionals: .exactly(1))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let inherited = try preservedDescriptors(parsed)
    let executable = try sealExecutable(preserving: inherited)
    var runtime = try OCIRuntime(parsed)
    runtime.executable = executable
    let (options, log) = (try createOptions(parsed, inherited), try RuntimeLog(globals: parsed))
    let bundle = try Bundle(at: Path(parsed.string("bundle") ?? "."))
    let isDetached = parsed.flag("detach")
    let prepared = try runtime.prepare(
      parsed.positionals[0], bundle, options, waitsForStart: false, isDetached: isDetached)
    prepared.tell(log)
    if isDetached {
      let container = try runtime.create(prepared, streams: .own)
      prepared.tell(log, container.timings)
      runtime.finishStart(container, of: prepared)
      runtime.awaitReady(container)
      return 0
    }
    return try runInForeground(prepared, runtime, parsed, log)
  }

  private static func runInForeground(
    _ prepared: PreparedContainer, _ runtime: OCIRuntime, _ parsed: ParsedArguments, _ log: RuntimeLog
  ) throws -> Int32 {
    var foreground = try Foreground()
    var container = try runtime.create(prepared, streams: .own)
    prepared.tell(log, container.timings)
    runtime.finishStart(container, of: prepared)
    let code = try foreground.awaitEnd(
      of: container.pidfd.borrowed, terminal: container.terminal.take(), passing: container.relay.take())
    if !parsed.flag("keep") { try runtime.deleteAfterRun(container) }
    return code
  }
}
