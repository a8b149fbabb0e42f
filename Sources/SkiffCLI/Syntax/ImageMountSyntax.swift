internal import Arguments

/// podman's commands to look into an image without a container.
enum ImageMountCommand {
  static let mountSummary = "Mount images read-only and print where"
  static let unmountSummary = "Unmount images"

  static func mountEntry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("mount", summary: mountSummary, .run(syntax: mountSyntax, perform))
  }

  static func unmountEntry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("unmount", aliases: ["umount"], summary: unmountSummary, .run(syntax: unmountSyntax, perform))
  }

  static func mountSyntax() -> Command {
    Command(
      "image mount", summary: mountSummary, usage: ["[OPTIONS] [IMAGE...]"],
      discussion: [
        "Without an image, lists what is mounted. An image that is mounted already keeps its place. What is mounted is "
          + "neither removed nor pruned, and is gone after a boot."
      ],
      options: [
        Option("all", short: "a", help: "Mount all images"),
        Option(
          "format", .value, help: "Print as 'json', or as text with {{.Field}} and {{json .}}",
          completion: .words(["json"])),
      ],
      positionals: .atLeast(0, .images),
      examples: [.init("ls $(skiff image mount web)/etc", "What an image has, without a container")])
  }

  static func unmountSyntax() -> Command {
    Command(
      "image unmount", summary: unmountSummary, usage: ["[OPTIONS] IMAGE [IMAGE...]", "--all"],
      options: [
        Option("all", short: "a", help: "Unmount all images"),
        Option("force", short: "f", help: "Also while somebody has files of it open, which go when they are closed"),
      ],
      positionals: .atLeast(0, .images))
  }
}
