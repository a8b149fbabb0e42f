internal import Arguments

enum VersionCommand {
  static let summary = "Show the version information"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "version", summary: summary, group: CommandGroup.other,
      .run(
        syntax: {
          Command(
            "version", summary: summary, usage: ["[OPTIONS]"], options: [InspectCommand.format],
            examples: [.init("skiff version --format '{{.Server.Version}}'", "The number alone")])
        }, perform))
  }
}

enum InfoCommand {
  static let summary = "Display system-wide information"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "info", summary: summary, group: CommandGroup.other,
      .run(
        syntax: {
          Command(
            "info", summary: summary, usage: ["[OPTIONS]"], options: [InspectCommand.format],
            examples: [.init("skiff info --format '{{.CgroupVersion}}'", "1 or 2")])
        }, perform))
  }
}
