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
      "image", summary: summary, group: CommandGroup.images,
      .commands { members.map(\.entry) + refusedBuilds.filter { $0.name == "build" } })
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
                help: "Format output using a template: 'json', or text with {{.Field}} and {{json .}}"),
              RefusedOptions.platform,
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
  static let summary = "Compare every blob and every unpacked layer with what it should be"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("verify", summary: summary, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "image verify", summary: summary, usage: ["[OPTIONS] [IMAGE...]"],
      discussion: [
        "Reads every blob, and unpacks each layer anew beside its tree to compare the two, file by file. Without an image "
          + "the whole store: the list of images, the file that makes it an OCI layout and the records of unpacked layers, "
          + "too. One line for each image that is whole; what is wrong goes to standard error with its cure.",
        "--repair makes anew what can be made of the rest: unpacked layers from blobs, blobs that were packed here from "
          + "unpacked layers, the list from the manifests in the blobs with the names that a copy and containers know. A "
          + "blob of the wrong bytes goes, so that a pull or load brings the right ones.",
        "The exit code is 0 when all is sound, or was made so, and 1 when damage is left.",
      ],
      options: [
        Option("repair", help: "Repair what can be repaired"),
        Option("remove-lost", help: "Remove images that nothing can repair and no container uses"),
      ],
      positionals: .atLeast(0, .images))
  }
}
