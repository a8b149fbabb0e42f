internal import Arguments

enum VolumeCommand {
  static let summary = "Manage volumes"

  static func entry(
    create: @escaping Perform, list: @escaping Perform, inspect: @escaping Perform, remove: @escaping Perform,
    prune: @escaping Perform, export: @escaping Perform, import: @escaping Perform
  ) -> CommandEntry {
    CommandEntry(
      "volume", summary: summary, group: CommandGroup.other,
      .commands {
        [
          CommandEntry("create", summary: "Create a volume", .run(syntax: createSyntax, create)),
          CommandEntry("ls", aliases: ["list"], summary: "List volumes", .run(syntax: listSyntax, list)),
          CommandEntry(
            "inspect", summary: "Display detailed information on one or more volumes",
            .run(syntax: inspectSyntax, inspect)),
          CommandEntry(
            "rm", aliases: ["remove"], summary: "Remove one or more volumes", .run(syntax: removeSyntax, remove)),
          CommandEntry("prune", summary: "Remove unused local volumes", .run(syntax: pruneSyntax, prune)),
          RefusedOptions.volumeUpdate,
          CommandEntry("export", summary: "Export a volume as a tar archive", .run(syntax: exportSyntax, export)),
          CommandEntry("import", summary: "Import a tar archive into a volume", .run(syntax: importSyntax, `import`)),
        ]
      })
  }

  static func createSyntax() -> Command {
    Command(
      "volume create", summary: "Create a volume", usage: ["[OPTIONS] [VOLUME]"],
      discussion: [
        "Without options it is a directory of Skiff's. With a type and a device it is what mount(8) would mount of them: "
          + "mounted when the first container that has it starts, unmounted when the last one has ended."
      ],
      options: [
        Option("driver", short: "d", .value, help: "Specify volume driver name: local", initial: "local"),
        Option("label", .repeated, value: "list", help: "Set metadata for a volume"),
        Option(
          "opt", short: "o", .repeated, value: "map", help: "Set driver specific options: type, device, o (as mount -o)"
        ),
      ] + RefusedOptions.volumeCreation, positionals: Positionals(0, 1, first: .volumes),
      examples: [
        .init("skiff volume create data", "A directory that outlives containers"),
        .init(
          "skiff volume create -o type=nfs -o device=:/export -o o=addr=192.0.2.7,nfsvers=4 share",
          "What a server exports"),
        .init("skiff volume create -o type=none -o device=/srv/site -o o=bind site", "A directory of the host"),
      ])
  }

  static func listSyntax() -> Command {
    Command(
      "volume ls", summary: "List volumes", usage: ["[OPTIONS]"],
      options: [
        Option(
          "filter", short: "f", .repeated, value: "filter",
          help: "Provide filter values (e.g. \"dangling=true\"): dangling, driver, label, name"),
        FormatOption.templated,
        Option("quiet", short: "q", help: "Only display volume names"), RefusedOptions.clusterVolumes,
      ])
  }

  static func inspectSyntax() -> Command {
    Command(
      "volume inspect", summary: "Display detailed information on one or more volumes",
      usage: ["[OPTIONS] VOLUME [VOLUME...]"],
      options: [
        Option(
          "format", short: "f", .value,
          help: "Format output using a template: 'json', or text with {{.Field}} and {{json .}}")
      ], positionals: .atLeast(1, .volumes))
  }

  static func removeSyntax() -> Command {
    Command(
      "volume rm", summary: "Remove one or more volumes", usage: ["[OPTIONS] VOLUME [VOLUME...]"],
      discussion: ["What is in them is gone. A volume that a container has, running or not, stays."],
      options: [Option("force", short: "f", help: "Do not error if the volume does not exist")],
      positionals: .atLeast(1, .volumes))
  }

  static func exportSyntax() -> Command {
    Command(
      "volume export", summary: "Export a volume as a tar archive", usage: ["[OPTIONS] VOLUME"],
      options: [ArchiveOptions.output], positionals: .exactly(1, .volumes),
      examples: [.init("skiff volume export data | zstd >data.tar.zst", "A backup")])
  }

  static func importSyntax() -> Command {
    Command(
      "volume import", summary: "Import a tar archive into a volume", usage: ["VOLUME FILE|-"],
      discussion: [
        "Files of the archive replace those of the same name; all else in the volume stays. gzip and zstd are read as they are."
      ],
      positionals: Positionals(1, 2, first: .volumes, rest: .files),
      examples: [.init("skiff volume import data data.tar.zst", "A backup comes back")])
  }

  static func pruneSyntax() -> Command {
    Command(
      "volume prune", summary: "Remove unused local volumes", usage: ["[OPTIONS]"],
      options: [
        Option("all", short: "a", help: "Remove all unused volumes, not just anonymous ones"),
        Option(
          "filter", .repeated, value: "filter", help: "Provide filter values (e.g. \"label=<label>\", \"all=true\")"),
        Option("force", short: "f", help: "Do not prompt for confirmation"),
      ])
  }
}
