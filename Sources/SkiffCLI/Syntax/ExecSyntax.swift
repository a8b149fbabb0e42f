internal import Arguments

enum ExecCommand {
  static let summary = "Execute a command in a running container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "exec", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "exec", summary: summary, usage: ["[OPTIONS] CONTAINER COMMAND [ARG...]"],
      options: [
        Option("detach", short: "d", help: "Detached mode: run command in the background"),
        ProcessOptions.interactive, ProcessOptions.tty, ProcessOptions.environment, ProcessOptions.environmentFile,
        ProcessOptions.workingDirectory, ProcessOptions.user, ProcessOptions.privileged, ProcessOptions.detachKeys,
      ] + GlassBox.options,
      positionals: Positionals(2, nil, first: .containers), stopsAtFirstPositional: true,
      examples: [
        .init("skiff exec -it web bash", "A shell in a container that runs"),
        .init("skiff exec -u nobody web id", "Another user"),
      ])
  }
}

enum AttachCommand {
  static let summary = "Attach local standard input, output, and error streams to a running container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("attach", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "attach", summary: summary, usage: ["[OPTIONS] CONTAINER"],
      options: [
        ProcessOptions.detachKeys,
        Option("no-stdin", help: "Do not attach STDIN"),
        Option("sig-proxy", help: "Proxy all received signals to the process (default true)"),
      ], positionals: .exactly(1, .containers))
  }
}
