internal import Arguments
internal import Kernel

// The manual pages and completions of the runtime, from the table that its parser reads.

enum RuntimeManCommand {
  static let entry = CommandEntry(
    "man", summary: "Print a manual page (man -l reads it)", group: RuntimeGroup.other,
    .run(
      syntax: {
        Command(
          "man", summary: "Print a manual page (man -l reads it)", usage: ["[COMMAND]", "--all DIR"],
          options: [
            Option("all", .value, value: "dir", help: "Write every page into a directory", completion: .directories)
          ], positionals: Positionals(0, 1),
          examples: [.init("skiff-runtime man create | man -l -", "Read the page of create")])
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    if let directory = parsed.string("all") {
      for (name, text) in allPages() {
        try replaceFile(Path(directory).appending(Path(name)), with: Array(text.utf8), mode: 0o644, durable: false)
      }
      return 0
    }
    guard let word = parsed.positionals.first else { return say(programPage()) }
    guard case .command(_, let command, _, _) = try dispatch([word], in: runtimeCommandTable()) else { return 1 }
    return say(page(of: command))
  }

  /// Each page by its file's name.
  static func allPages() -> [(String, String)] {
    [("\(runtimeName).1", programPage())]
      + pages(runtimeCommandTable()).compactMap { name, entry in
        guard case .run(let syntax, _) = entry.action else { return nil }
        return ("\(runtimeName)-\(name).1", page(of: syntax()))
      }
  }

  private static func page(of command: Command) -> String {
    manPage(for: command, program: runtimeName, version: runtimeVersion)
  }

  private static func programPage() -> String {
    manPage(
      of: runtimeName, about: runtimeAbout, entries: runtimeCommandTable(), options: globalRuntimeOptions,
      version: runtimeVersion)
  }
}

enum RuntimeCompletionCommand {
  static let entry = CommandEntry(
    "completion", summary: "Print a completion script for a shell", group: RuntimeGroup.other,
    .run(
      syntax: {
        Command(
          "completion", summary: "Print a completion script for a shell", usage: ["bash|zsh|fish"],
          positionals: .exactly(1, .words(Shell.allCases.map(\.rawValue))))
      },
      { parsed in
        guard let shell = Shell(rawValue: parsed.positionals[0]) else {
          throw parsed.fail("no completion for \"\(parsed.positionals[0])\": expected bash, zsh or fish")
        }
        return say(
          completionScript(
            for: shell, commands: runtimeCommandTable(), globals: globalRuntimeOptions, program: runtimeName))
      }))
}
