internal import Arguments

enum RestartOptions {
  /// Of `update`: without it the policy stays.
  static let change = Option(
    "restart", .value, value: "policy",
    help: "Restart policy to apply when a container exits: no, on-failure[:COUNT], always, unless-stopped",
    completion: .words(["no", "on-failure", "always", "unless-stopped"]))
  static let policy = Option(
    "restart", .value, value: "policy",
    help: "Restart policy to apply when a container exits: no, on-failure[:COUNT], always, unless-stopped",
    initial: "no", completion: .words(["no", "on-failure", "always", "unless-stopped"]))
}

enum CreateCommand {
  static let summary = "Create a new container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("create", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "create", summary: summary,
      usage: ["[OPTIONS] IMAGE [COMMAND] [ARG...]", "[OPTIONS] --rootfs DIR [COMMAND] [ARG...]"],
      discussion: [
        "As run, but nothing of it runs before 'skiff start': its address and its ports are chosen then. The container ID"
          + " is printed."
      ],
      options: RunCommand.making + RunCommand.theContainer + [GlassBox.explain, GlassBox.dryRun]
        + RefusedRunOptions.all,
      positionals: Positionals(0, nil, first: .images, rest: .nothing), stopsAtFirstPositional: true,
      examples: [.init("skiff create --name db -p 5432 db", "A container to be started later")])
  }
}

enum StartCommand {
  static let summary = "Start one or more stopped containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("start", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "start", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]", "--boot"],
      options: [
        Option("attach", short: "a", help: "Attach STDOUT/STDERR and forward signals"),
        Option("interactive", short: "i", help: "Attach container's STDIN"),
        Option("sig-proxy", help: "Proxy received signals to the process (default true)"),
        ProcessOptions.detachKeys,
        Option("boot", help: "Start all that should run by its restart policy: for the service manager"),
        GlassBox.explain, GlassBox.dryRun,
      ] + RefusedOptions.checkpoints, positionals: .atLeast(0, .containers),
      examples: [
        .init("skiff start db", "One that was stopped, or made by 'skiff create'"),
        .init("skiff start -ai db", "With this terminal"),
      ])
  }
}

enum RestartCommand {
  static let summary = "Restart one or more containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("restart", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "restart", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]"], options: StopCommand.options,
      positionals: .atLeast(1, .containers))
  }
}

enum PauseCommand {
  static let summary = "Pause all processes within one or more containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("pause", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "pause", summary: summary, usage: ["CONTAINER [CONTAINER...]"], positionals: .atLeast(1, .containers))
  }
}

enum UnpauseCommand {
  static let summary = "Unpause all processes within one or more containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("unpause", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "unpause", summary: summary, usage: ["CONTAINER [CONTAINER...]"], positionals: .atLeast(1, .containers))
  }
}
