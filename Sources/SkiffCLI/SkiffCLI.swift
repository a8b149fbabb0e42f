/// The commands, one file each: argv to a request, an answer to a screen.
internal import Arguments
internal import Kernel
internal import RuntimeCLI

/// The program: dispatches on its own name, then on the first word, and exits with the command's code.
public func skiffMain() -> Never {
  giveBackExceptionPool()
  fillStandardStreams()
  refuseRightsOfTheFile()
  let words = arguments()
  // The name it was called by comes first: a supervisor or a runtime is not a person's command.
  let name = Path(words.first ?? "skiff").name
  if let program = programs.first(where: { $0.name == name }) { exitNow(program.run(Array(words.dropFirst()))) }
  // A reader that has gone answers EPIPE then, which is an error with a name; no socket can kill the command either.
  if words.count > 1, words[1] == OCICommand.name { exitNow(runtimeMain(Array(words.dropFirst(2)))) }
  try? ignoreSignal(Signal.pipe)
  exitNow(runCommandLine(Array(words.dropFirst())))
}

/// A stream that the caller left closed would give its number to the first file that is opened, which the output then goes
/// into. What stands there instead can be read to its end, and refuses to be written.
private func fillStandardStreams() {
  while let null = try? open("/dev/null", .readOnly), null.rawValue <= 2 { _ = null.release() }
}

/// With the bit on this file, whoever may execute it would be root: `--rootfs /` is all that it takes.
private func refuseRightsOfTheFile() {
  guard hasRightsOfItsFile() else { return }
  let file = (try? readSymbolicLink("/proc/self/exe").string) ?? "skiff"
  complain(
    "\(file) is set-user-ID or set-group-ID: whoever may run it would have the rights of its owner",
    hint: "sudo chmod ug-s \(file); an ordinary user needs no rights for containers of his own")
  exitNow(125)
}

/// What the program is, in a line.
let about = "Containers for Linux, without a daemon, that show how they are made"

/// The options that stand before the command.
let globalOptions =
  [
    Option(
      "root", .value, value: "dir", help: "Where images and containers are kept",
      initial: "$SKIFF_ROOT, or /var/lib/skiff, or ~/.local/share/skiff",
      completion: .directories),
    Option(
      "state", .value, value: "dir", help: "What dies with a boot",
      initial: "$SKIFF_STATE, or /run/skiff, or $XDG_RUNTIME_DIR/skiff", completion: .directories),
    Option("version", short: "v", help: "Print the version and exit"),
  ] + refusedGlobalOptions

private let programSyntax = Command(
  "", summary: "", usage: ["[OPTIONS] COMMAND"], options: globalOptions, positionals: .atLeast(0),
  stopsAtFirstPositional: true)

/// Runs the command that the words name and answers with its exit code.
func runCommandLine(_ words: [String]) -> Int32 {
  // Docker's code for words that make no sense.
  var code: Int32 = 125
  do {
    let globals = try programSyntax.parse(words)
    if globals.wantsHelp { return try printProgramHelp() }
    if globals.flag("version") { return try printVersion() }
    if globals.positionals.isEmpty { return try printProgramHelp() }
    switch try dispatch(globals.positionals, in: commandTable()) {
    case .level(let name, let summary, let entries):
      return try printing { $0.print(help(for: entries, name: name, about: summary, columns: $0.columns)) }
    case .command(let entry, let command, let rest, let run):
      var parsed = try command.parse(rest)
      if parsed.wantsHelp {
        return try printing { $0.print(help(for: command, aliases: entry.aliases, columns: $0.columns)) }
      }
      parsed.inherit(globals)
      try Configuration.read().adopt(into: &parsed, of: command.name)
      code = entry.failureCode
      return try run(parsed)
    }
  } catch {
    return report(error, failureCode: code)
  }
}

func printProgramHelp() throws -> Int32 {
  try printing { out in
    out.print(
      help(
        for: commandTable(), about: about,
        options: globalOptions + [Command.helpOption], columns: out.columns))
  }
}
