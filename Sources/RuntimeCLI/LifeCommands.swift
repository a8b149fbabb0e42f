internal import Arguments
internal import Inside
internal import JSON
internal import Kernel
internal import OCIRuntime
internal import RuntimeSpec
internal import Terminals

// create, start, state, kill, delete: what the specification's runtime.md calls operations.

enum CreateCommand {
  static let entry = CommandEntry(
    "create", summary: "Make a container that waits to be started", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "create", summary: "Make a container that waits to be started", usage: ["[OPTIONS] CONTAINER"],
          options: bundleOptions, positionals: .exactly(1))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let inherited = try preservedDescriptors(parsed)
    let executable = try sealExecutable(preserving: inherited)
    var runtime = try OCIRuntime(parsed)
    runtime.executable = executable
    let (options, log) = (try createOptions(parsed, inherited), try RuntimeLog(globals: parsed))
    let bundle = try Bundle(at: Path(parsed.string("bundle") ?? "."))
    let prepared = try runtime.prepare(parsed.positionals[0], bundle, options, waitsForStart: true)
    prepared.tell(log)
    let container = try runtime.create(prepared, streams: .own)
    prepared.tell(log, container.timings)
    runtime.leaveWaiting(container)
    return 0
  }
}

extension StandardStreams {
  /// The container has the streams of who called: an engine has put there what it wants.
  static let own = StandardStreams(input: .standardInput, output: .standardOutput, errors: .standardError)
}

enum StartCommand {
  static let entry = CommandEntry(
    "start", summary: "Run the program of a container that was created", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "start", summary: "Run the program of a container that was created", usage: ["CONTAINER"],
          positionals: .exactly(1))
      },
      { parsed in
        try OCIRuntime(parsed).start(parsed.positionals[0])
        return 0
      }))
}

enum StateCommand {
  static let entry = CommandEntry(
    "state", summary: "Print the state of a container as JSON", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "state", summary: "Print the state of a container as JSON", usage: ["CONTAINER"], positionals: .exactly(1))
      },
      { parsed in
        let view = try OCIRuntime(parsed).view(of: parsed.positionals[0])
        return say(view.jsonString(.pretty))
      }))
}

enum KillCommand {
  static let entry = CommandEntry(
    "kill", summary: "Send a signal to a container's first process", group: RuntimeGroup.life,
    .run(
      syntax: {
        var command = Command(
          "kill", summary: "Send a signal to a container's first process", usage: ["CONTAINER [SIGNAL]"],
          discussion: [
            "SIGNAL is a name, with or without SIG and in any case, or a number; SIGTERM without it.",
            "SIGKILL ends every process of the container, also where it has no pid namespace of its own.",
          ],
          options: [
            // Engines still give it; a SIGKILL reaches all anyhow.
            Option("all", short: "a", help: "Send it to every process of the container", isHidden: true)
          ],
          positionals: Positionals(1, 2))
        // As kill(1) has it. To runc it is the number -9, to crun no signal: both refuse it.
        command.unknownFlagHint = "a signal has no dash: kill CONTAINER KILL, or 9"
        return command
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let word = parsed.positionals.count > 1 ? parsed.positionals[1] : "SIGTERM"
    // 0 asks whether it is there.
    guard let signal = word == "0" ? 0 : SignalName.number(word) else {
      throw RuntimeFailure(
        "unknown signal \"\(word)\"",
        hint: "it is a name such as TERM or SIGTERM, or a number from 0 to 64, without a dash")
    }
    try OCIRuntime(parsed).kill(parsed.positionals[0], signal: signal, all: parsed.flag("all"))
    return 0
  }
}

enum DeleteCommand {
  static let entry = CommandEntry(
    "delete", summary: "Take away what a container that has stopped left behind", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "delete", summary: "Take away what a container that has stopped left behind",
          usage: ["[OPTIONS] CONTAINER"],
          options: [
            Option("force", short: "f", help: "Kill it first, if it still runs; one that is not there is fine")
          ],
          positionals: .exactly(1))
      },
      { parsed in
        try OCIRuntime(parsed).delete(parsed.positionals[0], force: parsed.flag("force"))
        return 0
      }))
}
