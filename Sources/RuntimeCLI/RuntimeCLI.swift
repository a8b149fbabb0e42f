/// The command line of an OCI runtime, as runc has it: for engines, and for people who write bundles by hand.
///
/// It may know the words and what engines read of the answers; what they do is OCIRuntime's.

package import Arguments
internal import Inside
internal import Kernel
internal import OCIRuntime

/// The name that this program has as a runtime.
package let runtimeName = "skiff-runtime"

/// What the program is, in a line.
let runtimeAbout = "An OCI runtime: containers from bundles, for engines and by hand"

/// Headings of the help.
enum RuntimeGroup {
  static let life = "A container's life"
  static let inside = "While it lives"
  static let other = "More"
}

/// Every command; each entry's file holds its options.
package func runtimeCommandTable() -> [CommandEntry] {
  [
    CreateCommand.entry, StartCommand.entry, RunCommand.entry, StateCommand.entry, KillCommand.entry,
    DeleteCommand.entry, ListCommand.entry, SpecCommand.entry, ExecCommand.entry, PsCommand.entry, PauseCommand.entry,
    ResumeCommand.entry, UpdateCommand.entry, EventsCommand.entry, CheckpointCommand.entry, RestoreCommand.entry,
    FeaturesCommand.entry, RuntimeCompletionCommand.entry, RuntimeManCommand.entry,
  ]
}

/// Runs the words after the program's name, and answers with its exit code.
package func runtimeMain(_ words: [String]) -> Int32 {
  // A reader that has gone answers EPIPE then, which is an error with a name.
  try? ignoreSignal(Signal.pipe)
  var log = RuntimeLog.standardError
  var failureCode: Int32 = 1
  do {
    let globals = try globalSyntax.parse(words)
    if globals.flag("version") { return say("\(runtimeName) version \(runtimeVersion)\nspec: 1.3.0\n") }
    guard !globals.wantsHelp, !globals.positionals.isEmpty else { return printRuntimeHelp() }
    log = try RuntimeLog(globals)
    switch try dispatch(globals.positionals, in: runtimeCommandTable()) {
    case .level: return printRuntimeHelp()
    case .command(let entry, let named, let rest, let run):
      let command = named.asRuntimes
      var parsed = try command.parse(rest)
      if parsed.wantsHelp { return say(help(for: command, aliases: entry.aliases, program: runtimeName)) }
      parsed.inherit(globals)
      failureCode = entry.failureCode
      return try run(parsed)
    }
  } catch {
    report(error, in: log)
    return failureCode
  }
}

extension Command {
  /// As runc's words are read.
  var asRuntimes: Command {
    var command = self
    command.program = runtimeName
    command.takesOneDash = true
    return command
  }
}

private func printRuntimeHelp() -> Int32 {
  say(
    help(
      for: runtimeCommandTable(), about: runtimeAbout,
      options: globalRuntimeOptions + [Command.helpOption], program: runtimeName))
}

/// Prints, and answers with the exit code.
@discardableResult
func say(_ text: String) -> Int32 {
  do throws(Fault) {
    try BorrowedDescriptor.standardOutput.write(text)
    return 0
  } catch { return 1 }
}

/// Tells the log, and a person where the log is a file, what went wrong.
private func report(_ error: any Error, in log: RuntimeLog) {
  let message: String
  var hint: String?
  switch error {
  case let usage as UsageError: (message, hint) = (usage.description, usage.hint(program: runtimeName))
  case let failure as RuntimeFailure: (message, hint) = (failure.message, failure.hint)
  case let fault as Fault: (message, hint) = ("\(fault)", fault.hint)
  default: message = "\(error)"
  }
  log.error(message, hint: hint)
}
