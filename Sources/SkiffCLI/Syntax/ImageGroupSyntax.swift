internal import Arguments

/// Docker's group of commands about images.
enum ImageCommand {
  static let summary = "Manage images"

  /// A command in the group: under its name there, with the table that it has.
  struct Member: Sendable {
    var entry: CommandEntry

    /// - Parameter entry: perhaps a command of the program's own, which stands here under another name.
    init(_ name: String, aliases: [String] = [], _ entry: CommandEntry) {
      var member = entry
      member.name = name
      member.aliases = aliases
      member.group = ""
      if case .run(let syntax, let perform) = entry.action {
        member.action = .run(
          syntax: {
            var command = syntax()
            command.name = "image \(name)"
            return command
          }, perform)
      }
      self.entry = member
    }
  }

  static func entry(_ members: [Member]) -> CommandEntry {
    CommandEntry(
      "image", summary: summary, group: CommandGroup.images, .commands { members.map(\.entry) })
  }

  static func inspectEntry(_ perform: @escaping Perform) -> CommandEntry {
    let summary = "Display detailed information on one or more images"
    return CommandEntry(
      "inspect", summary: summary,
      .run(
        syntax: {
          Command(
            "image inspect", summary: summary, usage: ["[OPTIONS] IMAGE [IMAGE...]"],
            options: [
              Option(
                "format", short: "f", .value,
                help: "Format output using a template: 'json', or text with {{.Field}} and {{json .}}")
            ], positionals: .atLeast(1, .images))
        }, perform))
  }
}

/// Options that the prune commands share.
enum PruneOptions {
  static let filter = Option(
    "filter", .repeated, value: "filter", help: "Provide filter values (e.g. \"until=24h\", \"label=key=value\")")
  static let force = Option("force", short: "f", help: "Do not prompt for confirmation")
  static let dryRun = Option("dry-run", help: "Say what would be removed, and remove nothing")
}

enum ImagePrune {
  static let summary = "Remove unused images"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("prune", summary: summary, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "image prune", summary: summary, usage: ["[OPTIONS]"],
      discussion: [
        "Without --all only images without a name go. An image that a container was made from stays, whether the "
          + "container runs or not."
      ],
      options: [
        Option("all", short: "a", help: "Remove all unused images, not just dangling ones"), PruneOptions.filter,
        PruneOptions.force, PruneOptions.dryRun,
      ],
      examples: [.init("skiff image prune -a --filter until=24h", "What is older than a day and has no container")])
  }
}

enum ImageVerify {
  static let summary = "Compare every blob of images with its size and digest"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("verify", summary: summary, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "image verify", summary: summary, usage: ["[IMAGE...]"],
      discussion: [
        "Without an image, all. One line for each that is whole; what is wrong with another goes to standard error, and "
          + "the exit code is 1."
      ],
      positionals: .atLeast(0, .images))
  }
}
