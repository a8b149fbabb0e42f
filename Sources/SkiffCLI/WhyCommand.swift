internal import Arguments
internal import Engine

enum WhyCommand {
  static let summary = "Say in words how a container ended, or why it does not run"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("why", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "why", summary: summary, usage: ["CONTAINER [CONTAINER...]"], positionals: .atLeast(1, .containers),
      examples: [.init("skiff why web", "Was it stopped, did it fail, was it killed, and by whom?")])
  }

  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    return forEach(arguments.positionals) { word in
      let told = try engine.why(word)
      _ = try printing { out in
        out.line(printable(told.headline))
        for detail in told.details { out.line("  " + printable(detail)) }
      }
    }
  }
}
