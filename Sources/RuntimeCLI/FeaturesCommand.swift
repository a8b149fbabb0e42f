internal import Arguments
internal import JSON
internal import OCIRuntime

enum FeaturesCommand {
  static let entry = CommandEntry(
    "features", summary: "Print what this runtime understands, as JSON", group: RuntimeGroup.other,
    .run(
      syntax: {
        Command(
          "features", summary: "Print what this runtime understands, as JSON", usage: [""], positionals: .none)
      },
      { (_) throws in say(Features().jsonString(.pretty) + "\n") }))
}
