import Arguments
import Testing

@testable import RuntimeCLI

@Suite struct WordsTests {
  @Test func longNamesMayHaveOneDash() throws {
    let parsed = try globalSyntax.parse(["-root", "/r", "-log=/l", "-debug", "list", "-root", "x"])
    #expect(parsed.string("root") == "/r")
    #expect(parsed.string("log") == "/l")
    #expect(parsed.flag("debug"))
    #expect(parsed.positionals == ["list", "-root", "x"])
  }

  @Test func everyCommandTakesOneDash() throws {
    for entry in runtimeCommandTable() {
      guard case .run(let syntax, _) = entry.action else { continue }
      let command = syntax().asRuntimes
      for option in command.options where option.takesValue {
        let id = command.positionals.minimum > 0 ? ["id"] : []
        let words = command.positionals.minimum > 1 ? id + ["word"] : id
        let parsed = try command.parse(["-" + option.name, "value"] + words)
        #expect(parsed.string(option.name) == "value", "\(entry.name) -\(option.name)")
      }
    }
  }

  @Test func whatIsNoLongNameIsALetter() throws {
    let command = syntax(of: ListCommand.entry)
    #expect(try command.parse(["-q", "-f", "json"]).string("format") == "json")
    #expect(throws: UsageError.self) { try command.parse(["-quite"]) }
  }

  @Test func usageNamesTheRuntime() {
    do {
      _ = try syntax(of: ListCommand.entry).parse(["one"])
      Issue.record("a word too many was taken")
    } catch {
      #expect(error.suggestion == "usage: skiff-runtime list [OPTIONS]")
      #expect(error.hint(program: runtimeName).hasSuffix("see 'skiff-runtime list --help'"))
    }
  }
}

/// What the command of that entry understands.
private func syntax(of entry: CommandEntry) -> Command {
  guard case .run(let syntax, _) = entry.action else { preconditionFailure("\(entry.name) is a command") }
  return syntax().asRuntimes
}

@Suite struct ProcessRowsTests {
  private let output = """
    UID        PID  PPID CMD
    root         1     0 init PID 7
    root         7     1 sh
    web         70     7 sleep 7

    """

  @Test func onlyRowsOfTheContainerStay() {
    #expect(
      processRows(output, of: [7, 70]) == """
        UID        PID  PPID CMD
        root         7     1 sh
        web         70     7 sleep 7

        """)
  }

  @Test func noneIsTheHeading() {
    #expect(processRows(output, of: []) == "UID        PID  PPID CMD\n")
  }

  @Test(arguments: ["", "USER CMD\nroot sh\n", "LPID\n1\n"]) func withoutTheColumnThereAreNone(text: String) {
    #expect(processRows(text, of: [1]) == nil)
  }

  @Test func numbersAsGoWritesThem() {
    #expect(processJSON([3, 14]) == "[3,14]\n")
    #expect(processJSON([]) == "null\n")
  }

  /// As kill(1) takes it, and runc does not.
  @Test(arguments: ["-9", "-KILL", "-SIGTERM"]) func aSignalWithADashIsToldOf(word: String) throws {
    let error = try #require(throws: UsageError.self) { try syntax(of: KillCommand.entry).parse(["id", word]) }
    #expect(error.suggestion == "a signal has no dash: kill CONTAINER KILL, or 9")
  }
}
