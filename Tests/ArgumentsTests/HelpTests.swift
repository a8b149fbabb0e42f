import Arguments
import Foundation
import Testing

private let sample: [CommandEntry] = [
  CommandEntry(
    "run", summary: "Create and run a new container from an image", group: "Containers", failureCode: 125,
    .run(
      syntax: {
        Command(
          "run", summary: "Create and run a new container from an image", usage: ["[OPTIONS] IMAGE [COMMAND] [ARG...]"],
          options: [
            Option("detach", short: "d", help: "Run it in the background and print its id"),
            Option(
              "memory", short: "m", .value, value: "bytes", help: "Memory limit", initial: "none", group: "Limits"),
            Option("volume", short: "v", .repeated, value: "list", help: "It's a [bind]: mount", completion: .files),
            Option("explain", .optionalValue(given: "text"), value: "shell", help: "Show every step"),
            Option("secret", help: "hidden", isHidden: true),
          ], positionals: .atLeast(1, .images), stopsAtFirstPositional: true,
          examples: [.init("skiff run -it web bash", "A shell")])
      }, { _ in 0 })),
  CommandEntry(
    "network", summary: "Manage networks", group: "Networks",
    .commands {
      [
        CommandEntry(
          "create", summary: "Create a network",
          .run(
            syntax: {
              Command("network create", summary: "Create a network", usage: ["NAME"], positionals: .exactly(1))
            },
            { _ in 0 })),
        CommandEntry(
          "rm", aliases: ["remove"], summary: "Remove networks",
          .run(
            syntax: {
              Command("network rm", summary: "Remove", usage: ["NAME..."], positionals: .atLeast(1, .networks))
            }, { _ in 0 })),
      ]
    }),
  CommandEntry(
    "__complete", summary: "", isHidden: true, .run(syntax: { Command("", summary: "", usage: []) }, { _ in 0 })),
]

private func run(_ tool: String, _ words: [String], input: String) throws -> (code: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [tool] + words
  let (standardInput, output) = (Pipe(), Pipe())
  process.standardInput = standardInput
  process.standardOutput = output
  process.standardError = output
  try process.run()
  standardInput.fileHandleForWriting.write(Data(input.utf8))
  try standardInput.fileHandleForWriting.close()
  let bytes = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
}

private func has(_ tool: String) -> Bool {
  ["/bin/", "/usr/bin/", "/usr/local/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + tool) }
}

private func syntax(_ words: [String]) throws -> Command {
  guard case .command(_, let command, _, _) = try dispatch(words, in: sample) else { throw CancellationError() }
  return command
}

@Suite struct HelpTests {
  @Test func aCommandsHelp() throws {
    let text = help(for: try syntax(["run"]), aliases: ["container run"], columns: 80)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "Usage:  skiff run [OPTIONS] IMAGE [COMMAND] [ARG...]")
    #expect(text.contains("\nOptions:\n  -d, --detach"))
    #expect(text.contains("\nLimits:\n  -m, --memory bytes"))
    #expect(text.contains("--explain[=shell]"))
    #expect(text.contains("Memory limit (default none)"))
    #expect(text.contains("      --help"))
    #expect(text.contains("  # A shell\n  skiff run -it web bash\n"))
    #expect(!text.contains("secret"))
    #expect(lines.allSatisfy { $0.count <= 80 })
  }

  @Test func theProgramsHelpHidesWhatIsHidden() {
    let text = help(for: sample, about: "Containers", columns: 80)
    #expect(text.contains("Containers:\n  run       Create and run"))
    #expect(text.contains("Networks:\n  network   Manage networks"))
    #expect(!text.contains("__complete"))
  }

  @Test func dispatchFindsLevelsAndNearWords() throws {
    guard case .level("network", _, let entries) = try dispatch(["network"], in: sample) else {
      Issue.record("network alone is a level")
      return
    }
    #expect(entries.count == 2)
    guard case .command(let entry, _, let words, _) = try dispatch(["network", "remove", "a"], in: sample) else {
      Issue.record("an alias names the command")
      return
    }
    #expect(entry.name == "rm" && words == ["a"])
    let near = #expect(throws: UsageError.self) { try dispatch(["rnu"], in: sample) }
    #expect(near?.message == "unknown command \"rnu\"" && near?.suggestion == "did you mean 'run'?")
    let below = #expect(throws: UsageError.self) { try dispatch(["network", "creat"], in: sample) }
    #expect(below?.command == "network" && below?.hint() == "did you mean 'create'? see 'skiff network --help'")
  }
}

@Suite struct GeneratedTextTests {
  @Test func bashCompletesCommandsOptionsAndValues() throws {
    let script = completionScript(for: .bash, commands: sample, globals: [Option("root", .value, help: "x")])
    func complete(_ words: String...) throws -> Set<String> {
      let list = words.map { "'\($0)'" }.joined(separator: " ")
      let call = """

        skiff() { case "$1 $2" in 'images --format') echo web ;; 'network ls') echo front ;; esac; }
        COMP_WORDS=(\(list)); COMP_CWORD=\(words.count - 1); _skiff; printf '%s\\n' "${COMPREPLY[@]}"
        """
      let result = try run("bash", ["-s"], input: script + call)
      #expect(result.code == 0, "\(result.output)")
      return Set(result.output.split(separator: "\n").map(String.init))
    }
    #expect(try complete("skiff", "ru") == ["run"])
    #expect(try complete("skiff", "--root", "/x", "net") == ["network"])
    #expect(try complete("skiff", "run", "--me") == ["--memory"])
    #expect(try complete("skiff", "run", "w") == ["web"])
    #expect(try complete("skiff", "network", "cr") == ["create"])
    #expect(try complete("skiff", "network", "rm", "") == ["front"])
    #expect(try complete("skiff", "run", "-v", "/et").contains("/etc"))
  }

  @Test(.enabled(if: has("zsh"), "no zsh here")) func zshTakesTheScript() throws {
    let result = try run("zsh", ["-n"], input: completionScript(for: .zsh, commands: sample, globals: []))
    #expect(result.code == 0 && result.output.isEmpty, "\(result.output)")
  }

  @Test(.enabled(if: has("fish"), "no fish here")) func fishTakesTheScript() throws {
    let result = try run("fish", ["-n"], input: completionScript(for: .fish, commands: sample, globals: []))
    #expect(result.code == 0 && result.output.isEmpty, "\(result.output)")
  }

  @Test func aManPageNamesEveryOption() throws {
    let page = manPage(for: try syntax(["run"]), version: "0.1.0")
    #expect(page.hasPrefix(".TH \"SKIFF-RUN\" 1 "))
    #expect(page.contains("\\fB\\-m,\\fR \\fB\\-\\-memory\\fR \\fIbytes\\fR"))
    #expect(page.contains(".SH EXAMPLES") && !page.contains("secret"))
  }
}
