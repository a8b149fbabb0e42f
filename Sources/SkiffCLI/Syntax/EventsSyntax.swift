internal import Arguments

enum EventsCommand {
  static let summary = "Get real time events"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("events", summary: summary, group: CommandGroup.other, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "events", summary: summary, usage: ["[OPTIONS]"],
      discussion: [
        "Whoever does something to a container, an image, a network or a volume writes a line of it into a file, and this "
          + "command reads that file: what was, with --since, and what comes."
      ],
      options: [
        Option(
          "filter", short: "f", .repeated, value: "filter",
          help:
            "Filter output based on conditions: type=, event=, container=, image=, network=, volume=, label=, scope="),
        Option("format", .value, help: "Format output using a Go template: 'json', or a TEMPLATE"),
        Option("since", .value, help: "Show all events created since timestamp"),
        Option("until", .value, help: "Stream events until this timestamp"),
      ],
      examples: [
        .init("skiff events --since 1h --until 0s", "What happened within the last hour"),
        .init("skiff events -f type=container -f event=die --format '{{.Actor.Attributes.name}}'", "Who ends"),
      ])
  }
}
