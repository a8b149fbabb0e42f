internal import Arguments

enum ManCommand {
  static let entry = CommandEntry(
    "man", summary: "Print a manual page (man -l reads it)", group: CommandGroup.other,
    .run(
      syntax: {
        Command(
          "man", summary: "Print a manual page (man -l reads it)", usage: ["COMMAND"],
          positionals: .atLeast(1, .words(commandTable().filter { !$0.isHidden }.map(\.name))),
          examples: [.init("skiff man run | man -l -", "Read the page of run")])
      },
      { parsed in
        guard case .command(_, let command, _, _) = try dispatch(parsed.positionals, in: commandTable()) else {
          throw parsed.fail("\"\(parsed.positionals[0])\" has commands of its own: name one of them")
        }
        return try printing { $0.print(manPage(for: command, version: version)) }
      }))
}
