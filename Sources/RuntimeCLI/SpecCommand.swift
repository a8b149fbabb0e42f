internal import Arguments
internal import Kernel
internal import OCIRuntime

enum SpecCommand {
  static let entry = CommandEntry(
    "spec", summary: "Write a configuration to start from", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "spec", summary: "Write a configuration to start from", usage: ["[OPTIONS]"],
          discussion: [
            "Makes config.json, which runs sh in the directory rootfs. Edit process.args for another program."
          ],
          options: [
            Option(
              "bundle", short: "b", .value, value: "dir", help: "Where to write config.json",
              initial: "the working directory", completion: .directories),
            Option("rootless", help: "For somebody without privileges"),
          ],
          examples: [
            .init("mkdir -p web/rootfs && skiff-runtime spec -b web", "A bundle, but for its root file system")
          ])
      },
      { parsed in
        let bundle = parsed.string("bundle") ?? ""
        try writeExampleSpec(into: Path(bundle.isEmpty ? "." : bundle), isRootless: parsed.flag("rootless"))
        return 0
      }))
}
