internal import Arguments
internal import RuntimeCLI
internal import Kernel

/// The version of the program, and of what it writes to disk.
let version = runtimeVersion

enum VersionCommand {
  static let entry = CommandEntry(
    "version", summary: "Show the version", group: CommandGroup.other,
    .run(
      syntax: { Command("version", summary: "Show the version", usage: [""]) }, { _ in try printVersion() }))
}

func printVersion() throws -> Int32 {
  try printing { $0.line("skiff version \(version)") }
}
