internal import Arguments

enum TourCommand {
  static let summary = "See what a container is made of, chapter by chapter, on this machine"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("tour", summary: summary, group: CommandGroup.tour, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "tour", summary: summary, usage: ["[OPTIONS] [CHAPTER...]"],
      discussion: [
        "Builds containers from this machine's own binaries, shows what each step did, and takes everything away again."
      ],
      options: [
        Option("list", short: "l", help: "List the chapters"),
        Option("keep", help: "Leave what was built for a closer look"),
      ], positionals: .atLeast(0),
      examples: [
        .init("sudo skiff tour", "All of it, in about a minute"),
        .init("sudo skiff tour 2 6", "Some chapters; what they build on comes along"),
      ])
  }
}
