internal import Arguments

extension CommandEntry {
  /// A command of the program's own as it stands in one of docker's groups, where it may have another name.
  func member(of group: String, _ name: String? = nil, aliases: [String] = []) -> CommandEntry {
    var member = self
    member.name = name ?? self.name
    member.aliases = aliases
    member.group = ""
    if case .run(let syntax, let perform) = action {
      let full = "\(group) \(member.name)"
      member.action = .run(
        syntax: {
          var command = syntax()
          command.name = full
          return command
        }, perform)
    }
    return member
  }
}

enum RenameCommand {
  static let summary = "Rename a container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "rename", summary: summary, group: CommandGroup.life,
      .run(
        syntax: {
          Command(
            "rename", summary: summary, usage: ["CONTAINER NEW_NAME"],
            discussion: ["A container that runs is found by its new name at once, by the other containers too."],
            positionals: Positionals(2, 2, first: .containers))
        }, perform))
  }
}

enum TopCommand {
  static let summary = "Display the running processes of a container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("top", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "top", summary: summary, usage: ["CONTAINER [ps OPTIONS]"],
      discussion: [
        "Of ps(1)'s options there are -e, -f, -l, aux, and -o with columns: "
          + ProcessColumn.all.map(\.name).joined(separator: ", ") + ". The numbers are the host's."
      ],
      positionals: Positionals(1, nil, first: .containers), stopsAtFirstPositional: true,
      examples: [
        .init("skiff top web", "Its processes"), .init("skiff top web -o pid,rss,args", "Columns of your own"),
      ])
  }
}

enum ContainerCommand {
  static let summary = "Manage containers"
  static let pruneSummary = "Remove all stopped containers"

  static func pruneSyntax() -> Command {
    Command(
      "container prune", summary: pruneSummary, usage: ["[OPTIONS]"],
      options: [PruneOptions.filter, PruneOptions.force, PruneOptions.dryRun],
      examples: [.init("skiff container prune -f --filter until=24h", "Those that were made more than a day ago")])
  }

  static let inspectSummary = "Display detailed information on one or more containers"

  static func inspectSyntax() -> Command {
    Command(
      "container inspect", summary: inspectSummary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]"],
      options: [
        InspectCommand.format, Option("size", short: "s", help: "Display total file sizes"),
      ], positionals: .atLeast(1, .containers))
  }
}
