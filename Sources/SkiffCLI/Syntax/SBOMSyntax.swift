internal import Arguments

enum SBOMCommand {
  static let summary = "Print the bill of materials of an image"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("sbom", summary: summary, group: CommandGroup.images, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "sbom", summary: summary, usage: ["[OPTIONS] IMAGE"],
      discussion: [
        "Every file with its checksums and the package that it came from, or \"unowned\". An image that was staged has it from"
          + " then, kept beside it as an artifact of type application/spdx+json; of any other image dpkg's database inside"
          + " is read."
      ],
      options: [
        Option(
          "format", .value, value: "format", help: "spdx-json, or table: package, version and path of each file",
          initial: "spdx-json")
      ], positionals: .exactly(1, .images),
      examples: [
        .init("skiff sbom web > web.spdx.json", "SPDX 2.3, as scanners read it"),
        .init("skiff sbom --format table web", "For people"),
      ])
  }
}
