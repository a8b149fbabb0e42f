internal import Arguments

enum PsCommand {
  static let summary = "List containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("ps", aliases: ["ls"], summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "ps", summary: summary, usage: ["[OPTIONS]"],
      options: [
        Option("all", short: "a", help: "Show all containers (default shows just running)"),
        Option(
          "filter", short: "f", .repeated, value: "filter",
          help: "Filter output based on conditions: name=, id=, status=, label=, ancestor=, volume=, publish=, …"),
        FormatOption.templated,
        Option("last", short: "n", .value, value: "int", help: "Show n last created containers (includes all states)"),
        Option("latest", short: "l", help: "Show the latest created container (includes all states)"),
        ProcessOptions.noTruncation,
        Option("quiet", short: "q", help: "Only display container IDs"),
        Option("size", short: "s", help: "Display total file sizes"),
      ])
  }
}

enum LogsCommand {
  static let summary = "Fetch the logs of a container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("logs", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "logs", summary: summary, usage: ["[OPTIONS] CONTAINER"],
      options: [
        Option("details", help: "Show extra details provided to logs"),
        Option("follow", short: "f", help: "Follow log output"),
        Option(
          "since", .value,
          help: "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
        Option(
          "until", .value,
          help: "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)"),
        Option(
          "tail", short: "n", .value, help: "Number of lines to show from the end of the logs", initial: "all"),
        Option("timestamps", short: "t", help: "Show timestamps"),
      ], positionals: .exactly(1, .containers))
  }
}

enum StopCommand {
  static let summary = "Stop one or more running containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("stop", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "stop", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]", "--shutdown"],
      options: options + [
        Option("shutdown", help: "Stop all that runs, with the machine: 'skiff start --boot' starts it again")
      ], positionals: .atLeast(0, .containers))
  }

  static let options = [
    Option("signal", short: "s", .value, help: "Signal to send to the container"),
    Option(
      "timeout", short: "t", .value, value: "int", help: "Seconds to wait before killing the container",
      initial: "10"),
    Option("time", .value, value: "int", help: "", isHidden: true),
  ]
}

enum KillCommand {
  static let summary = "Kill one or more running containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("kill", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "kill", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]"],
      options: [
        Option("signal", short: "s", .value, help: "Signal to send to the container", initial: "KILL")
      ], positionals: .atLeast(1, .containers))
  }
}

enum WaitCommand {
  static let summary = "Block until one or more containers stop, then print their exit codes"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("wait", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "wait", summary: summary, usage: ["CONTAINER [CONTAINER...]"], positionals: .atLeast(1, .containers))
  }
}

enum RmCommand {
  static let summary = "Remove one or more containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("rm", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "rm", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]"],
      options: [
        Option("force", short: "f", help: "Force the removal of a running container (uses SIGKILL)"),
        Option("volumes", short: "v", help: "Remove anonymous volumes associated with the container"),
        RefusedOptions.removedLink,
      ], positionals: .atLeast(1, .containers))
  }
}

enum InspectCommand {
  static let format = Option(
    "format", short: "f", .value, help: "Format output using a Go template: 'json', or a TEMPLATE")

  static let summary = "Return low-level information on containers, images and networks"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("inspect", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "inspect", summary: summary, usage: ["[OPTIONS] NAME|ID [NAME|ID...]"],
      options: [
        format,
        Option("size", short: "s", help: "Display total file sizes if the type is container"),
        Option(
          "type", .value, help: "Return JSON for specified type: container, image, network",
          completion: .words(["container", "image", "network"])),
      ], positionals: .atLeast(1, .containers))
  }
}
