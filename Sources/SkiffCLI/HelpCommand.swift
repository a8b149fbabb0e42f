internal import Arguments

enum HelpCommand {
  static let entry = CommandEntry(
    "help", summary: "Show what a command does and takes", group: CommandGroup.other,
    .run(
      syntax: {
        Command(
          "help", summary: "Show what a command does and takes", usage: ["[COMMAND]"],
          positionals: Positionals(0, nil, first: .words(commandTable().filter { !$0.isHidden }.map(\.name))))
      },
      { parsed in
        if parsed.positionals.isEmpty { return try printProgramHelp() }
        return runCommandLine(parsed.positionals + ["--help"])
      }))
}
