internal import Arguments

enum ImagesCommand {
  static let summary = "List images"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("images", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "images", summary: summary, usage: ["[OPTIONS] [REPOSITORY[:TAG]]"],
      options: [
        Option("all", short: "a", help: "Show all images, those without a name too"),
        Option("digests", help: "Show digests"),
        Option("filter", short: "f", .repeated, value: "filter", help: "Filter output based on conditions provided"),
        FormatOption.templated, ProcessOptions.noTruncation,
        Option("quiet", short: "q", help: "Only show image IDs"), RefusedOptions.tree,
      ], positionals: Positionals(0, 1, first: .images))
  }
}

enum RmiCommand {
  static let summary = "Remove one or more images"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("rmi", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "rmi", summary: summary, usage: ["[OPTIONS] IMAGE [IMAGE...]"],
      options: [
        Option("force", short: "f", help: "Force removal of the image"),
        Option("no-prune", help: "Do not delete untagged parents"), RefusedOptions.platforms,
      ], positionals: .atLeast(1, .images))
  }
}

enum TagCommand {
  static let summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("tag", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "tag", summary: summary, usage: ["SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]"],
      discussion: ["An image that had the name goes on without it."],
      positionals: Positionals(2, 2, first: .images, rest: .images),
      examples: [.init("skiff tag web:patched web:latest", "web, without a tag, now means the patched one")])
  }
}

enum HistoryCommand {
  static let summary = "Show the history of an image"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("history", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "history", summary: summary, usage: ["[OPTIONS] IMAGE"],
      discussion: ["The newest step first. A size is that of the layer as it is kept: compressed, if it came so."],
      options: [
        FormatOption.templated,
        Option(
          "human", short: "H", help: "Print sizes and dates in human readable format (default true)"),
        ProcessOptions.noTruncation, Option("quiet", short: "q", help: "Only show image IDs"),
        RefusedOptions.platform,
      ], positionals: .exactly(1, .images))
  }
}

enum DiffCommand {
  static let summary = "Inspect changes to files or directories on a container's filesystem"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("diff", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "diff", summary: summary, usage: ["CONTAINER"],
      discussion: ["One line a path: A it was added, C changed, D deleted."], options: [FormatOption.json],
      positionals: .exactly(1, .containers))
  }
}

enum CommitCommand {
  static let summary = "Create a new image from a container's changes"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("commit", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "commit", summary: summary, usage: ["[OPTIONS] CONTAINER [REPOSITORY[:TAG]]"],
      options: [
        Option("author", short: "a", .value, help: "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
        Option(
          "change", short: "c", .repeated, value: "list", help: "Apply Dockerfile instruction to the created image"),
        Option("message", short: "m", .value, help: "Commit message"),
        Option("pause", short: "p", help: "Pause container during commit (default true)"),
      ], positionals: Positionals(1, 2, first: .containers, rest: .images),
      examples: [.init("skiff commit web web:patched", "Keep what changed in web as a new image")])
  }
}
