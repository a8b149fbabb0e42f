internal import Arguments

enum CompletionCommand {
  static let entry = CommandEntry(
    "completion", summary: "Print a completion script for a shell", group: CommandGroup.other,
    .run(
      syntax: {
        Command(
          "completion", summary: "Print a completion script for a shell", usage: ["bash|zsh|fish"],
          positionals: .exactly(1, .words(Shell.allCases.map(\.rawValue))),
          examples: [
            .init("source <(skiff completion bash)", "In this shell"),
            .init("skiff completion fish > ~/.config/fish/completions/skiff.fish", "For every fish from now on"),
          ])
      },
      { parsed in
        guard let shell = Shell(rawValue: parsed.positionals[0]) else {
          throw parsed.fail("no completion for \"\(parsed.positionals[0])\": expected bash, zsh or fish")
        }
        return try printing {
          $0.print(completionScript(for: shell, commands: commandTable(), globals: globalOptions))
        }
      }))
}
