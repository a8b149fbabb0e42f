internal import Arguments
internal import RuntimeCLI

/// `skiff oci …`: the OCI runtime without its other name.
enum OCICommand {
  static let name = "oci"

  /// For the help and the completions; the words after it are the runtime's own, options before commands included.
  static let entry = CommandEntry(
    name, summary: "The OCI runtime that engines call as \(runtimeName)", group: CommandGroup.other,
    .commands(runtimeCommandTable))
}
