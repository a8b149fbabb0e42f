internal import Arguments

/// Docker's group of commands about the whole store.
enum SystemCommand {
  static let summary = "Manage Skiff: disk space, events, what there is"

  static func entry(diskUsage: @escaping Perform, prune: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "system", summary: summary, group: CommandGroup.other,
      .commands {
        [
          CommandEntry("df", summary: diskUsageSummary, .run(syntax: diskUsageSyntax, diskUsage)),
          CommandEntry("prune", summary: pruneSummary, .run(syntax: pruneSyntax, prune)),
          EventsCommand.entry(EventsCommand.perform).member(of: "system"),
          InfoCommand.entry(InfoCommand.perform).member(of: "system"),
        ]
      })
  }

  private static let diskUsageSummary = "Show what takes disk space, and what can be taken back"
  private static let pruneSummary = "Remove what nobody uses"

  static func diskUsageSyntax() -> Command {
    Command(
      "system df", summary: diskUsageSummary, usage: ["[OPTIONS]"],
      discussion: [
        "Sizes are the blocks that files hold on the disk, a file with several names once: together they are what du says "
          + "of the store. The layer cache are the unpacked layers, which are made again from the images when they are "
          + "wanted."
      ],
      options: [
        FormatOption.templated,
        Option("verbose", short: "v", help: "Show every image, container, volume and unpacked layer"),
      ])
  }

  static func pruneSyntax() -> Command {
    Command(
      "system prune", summary: pruneSummary, usage: ["[OPTIONS]"],
      discussion: [
        "Takes away stopped containers, networks without a container, images without a name and what killed commands left "
          + "half done. What a container or a mount stands on stays.",
        "The layer cache is made smaller by --keep-storage, those layers first that were not used for longest. With "
          + "$SKIFF_CACHE_SIZE every command sees to it.",
      ],
      options: [
        Option("all", short: "a", help: "Remove all unused images, not just dangling ones"),
        PruneOptions.filter, PruneOptions.force, PruneOptions.dryRun,
        Option(
          "keep-storage", .value, value: "bytes", help: "Make the layer cache as small as this, where nobody uses it",
          initial: "$SKIFF_CACHE_SIZE"),
        Option("volumes", help: "Remove anonymous volumes that no container has"),
      ],
      examples: [
        .init("skiff system prune -a --dry-run", "What would go, and how much the disk would have again"),
        .init("skiff system prune --keep-storage 5g", "Unpacked layers of at most 5 GiB"),
      ])
  }
}
