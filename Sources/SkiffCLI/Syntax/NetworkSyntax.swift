internal import Arguments

enum NetworkCommand {
  static let summary = "Manage networks"

  static func entry(
    create: @escaping Perform, list: @escaping Perform, inspect: @escaping Perform, remove: @escaping Perform,
    connect: @escaping Perform, disconnect: @escaping Perform, prune: @escaping Perform,
    map: @escaping Perform
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
          CommandEntry(
            "connect", summary: "Connect a container to a network", .run(syntax: connectSyntax, connect)),
          CommandEntry(
            "disconnect", summary: "Disconnect a container from a network",
            .run(syntax: disconnectSyntax, disconnect)),
          CommandEntry("prune", summary: "Remove all unused networks", .run(syntax: pruneSyntax, prune)),
          CommandEntry(
            "map", summary: "Draw this host, its networks, containers and ports", .run(syntax: mapSyntax, map)),
        ]
      })
  }

  static func createSyntax() -> Command {
    Command(
      "network create", summary: "Create a network", usage: ["[OPTIONS] NETWORK"],
      options: [
        Option(
          "driver", short: "d", .value, help: "Driver to manage the Network: bridge or macvlan", initial: "bridge"),
        Option(
          "subnet", .repeated, value: "list",
          help: "Subnet in CIDR format that represents a network segment: one of IPv4, one of IPv6"),
        Option("gateway", .repeated, value: "list", help: "Gateway for a subnet, of IPv4 or IPv6"),
        Option("ip-range", .repeated, value: "list", help: "Allocate container IPs from a sub-range"),
        Option(
          "aux-address", .repeated, value: "map", help: "Addresses that no container gets: NAME=ADDRESS"),
        Option("ipv6", help: "Enable IPv6 networking: with a unique local prefix, unless a subnet is given"),
        Option("internal", help: "Restrict external access to the network"),
        Option("attachable", help: "Enable manual container attachment: all networks here have it"),
        Option("label", .repeated, value: "list", help: "Set metadata on a network"),
        Option(
          "opt", short: "o", .repeated, value: "map",
          help: "Set driver specific options: com.docker.network.*, parent, macvlan_mode"),
        Option("ipam-driver", .value, help: "IP Address Management Driver", initial: "default"),
        Option("scope", .value, help: "Control the network's scope: local"),
      ] + GlassBox.options + RefusedOptions.networkCreation, positionals: .exactly(1),
      examples: [.init("skiff network create --subnet 10.90.0.0/24 back", "A bridge with a subnet of its own")])
  }

  static func connectSyntax() -> Command {
    Command(
      "network connect", summary: "Connect a container to a network", usage: ["[OPTIONS] NETWORK CONTAINER"],
      options: [
        Option("ip", .value, help: "IPv4 address (e.g., 172.30.100.104)"),
        Option("ip6", .value, value: "ip", help: "IPv6 address (e.g., 2001:db8::33)"),
        Option("alias", .repeated, value: "list", help: "Add network-scoped alias for the container"),
        Option("link-local-ip", .repeated, value: "list", help: "Add a link-local address for the container"),
        Option("driver-opt", .repeated, value: "list", help: "driver options for the network"),
        Option(
          "gw-priority", .value, value: "int",
          help: "Highest gw-priority provides the default gateway. Accepts positive and negative values"),
      ] + [GlassBox.explain, GlassBox.dryRun, RefusedOptions.networkLink],
      positionals: Positionals(2, 2, first: .networks, rest: .containers),
      examples: [.init("skiff network connect --alias db back web", "While it runs, or for its next start")])
  }

  static func disconnectSyntax() -> Command {
    Command(
      "network disconnect", summary: "Disconnect a container from a network",
      usage: ["[OPTIONS] NETWORK CONTAINER"],
      options: [
        Option("force", short: "f", help: "Force the container to disconnect from a network"),
        GlassBox.explain, GlassBox.dryRun,
      ], positionals: Positionals(2, 2, first: .networks, rest: .containers))
  }

  static func pruneSyntax() -> Command {
    Command(
      "network prune", summary: "Remove all unused networks", usage: ["[OPTIONS]"],
      options: [
        Option("filter", .repeated, value: "filter", help: "Provide filter values (e.g. \"until=<timestamp>\")"),
        Option("force", short: "f", help: "Do not prompt for confirmation"),
      ])
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
          help: "Format output using a template: 'json', or text with {{.Field}} and {{json .}}"),
        RefusedOptions.networkVerbose,
      ], positionals: .atLeast(1, .networks))
  }

  static func mapSyntax() -> Command {
    Command(
      "network map", summary: "Draw this host, its networks, containers and ports", usage: ["[OPTIONS]"],
      options: [
        Option(
          "svg", .value, value: "file", help: "Draw an SVG picture into the file; - is standard output",
          completion: .files)
      ])
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
