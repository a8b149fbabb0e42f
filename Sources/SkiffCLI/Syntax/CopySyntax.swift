internal import Arguments

enum CpCommand {
  static let summary = "Copy files/folders between a container and the local filesystem"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("cp", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "cp", summary: summary,
      usage: ["[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-", "[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"],
      discussion: [
        "The container may run, be paused, or not run. A directory goes into a directory that is there, or becomes one that"
          + " is not; DIR/. is what it holds without itself. '-' as the source reads a tar from standard input into a"
          + " directory; as the destination it writes one.",
        "What is copied in belongs to the container's root, and what is copied out to the user; -a keeps the numbers, and"
          + " outside also set-id bits, capabilities and devices.",
      ],
      options: [
        Option("archive", short: "a", help: "Archive mode (copy all uid/gid information)"),
        Option("follow-link", short: "L", help: "Always follow symbol link in SRC_PATH"),
        Option(
          "quiet", short: "q",
          help:
            "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached"
        ),
      ], positionals: .exactly(2, .files),
      examples: [
        .init("skiff cp web:/etc/nginx/nginx.conf .", "A file out of a container"),
        .init("skiff cp site/. web:/srv", "What a directory holds into one of a container"),
        .init("skiff cp web:/var/log - | tar t", "As a tar"),
      ])
  }
}
