internal import Arguments

enum NetworkCommand {
  static let summary = "Manage networks"

  static func entry(
    create: @escaping Perform, list: @escaping Perform, inspect: @escaping Perform, remove: @escaping Perform
  ) -> CommandEntry {
    CommandEntry(
      "network", summary: summary, group: CommandGroup.networks,
      .commands {
        [
          CommandEntry("create", summary: "Create a network", .run(syntax: createSyntax, create)),
          CommandEntry("ls", aliases: ["list"], summary: "List networks", .run(syntax: listSyntax, list)),
          CommandEntry(
            "inspect", summary: "Display detailed information on one or more networks",
            .run(syntax: inspectSyntax, inspect)),
          CommandEntry(
            "rm", aliases: ["remove"], summary: "Remove one or more networks", .run(syntax: removeSyntax, remove)),
        ]
      })
  }

  static func createSyntax() -> Command {
    Command(
      "network create", summary: "Create a network", usage: ["[OPTIONS] NETWORK"],
      options: [
        Option("driver", short: "d", .value, help: "Driver to manage the Network", initial: "bridge"),
        Option("subnet", .value, help: "Subnet in CIDR format that represents a network segment"),
        Option("gateway", .value, help: "IPv4 Gateway for the subnet"),
        Option("internal", help: "Restrict external access to the network"),
        Option("label", .repeated, value: "list", help: "Set metadata on a network"),
        Option("opt", short: "o", .repeated, value: "map", help: "Set driver specific options"),
      ] + GlassBox.options, positionals: .exactly(1),
      examples: [.init("skiff network create --subnet 10.90.0.0/24 back", "A bridge with a subnet of its own")])
  }

  static func listSyntax() -> Command {
    Command(
      "network ls", summary: "List networks", usage: ["[OPTIONS]"],
      options: [
        Option("filter", short: "f", .repeated, value: "filter", help: "Provide filter values (e.g. \"name=back\")"),
        FormatOption.templated, ProcessOptions.noTruncation,
        Option("quiet", short: "q", help: "Only display network IDs"),
      ])
  }

  static func inspectSyntax() -> Command {
    Command(
      "network inspect", summary: "Display detailed information on one or more networks",
      usage: ["[OPTIONS] NETWORK [NETWORK...]"],
      options: [
        Option(
          "format", short: "f", .value,
          help: "Format output using a template: 'json', or text with {{.Field}} and {{json .}}")
      ], positionals: .atLeast(1, .networks))
  }

  static func removeSyntax() -> Command {
    Command(
      "network rm", summary: "Remove one or more networks", usage: ["NETWORK [NETWORK...]"],
      options: [Option("force", short: "f", help: "Do not error if the network does not exist")],
      positionals: .atLeast(1, .networks))
  }
}

enum PortCommand {
  static let summary = "List port mappings or a specific mapping for the container"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("port", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "port", summary: summary, usage: ["CONTAINER [PORT[/PROTOCOL]]"],
      positionals: Positionals(1, 2, first: .containers))
  }
}
