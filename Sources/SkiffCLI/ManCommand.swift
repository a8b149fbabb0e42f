internal import Arguments
internal import Kernel

enum ManCommand {
  static let entry = CommandEntry(
    "man", summary: "Print a manual page (man -l reads it)", group: CommandGroup.other, .run(syntax: syntax, perform))

  private static func syntax() -> Command {
    Command(
      "man", summary: "Print a manual page (man -l reads it)", usage: ["[COMMAND]", "--all DIR"],
      options: [
        Option("all", .value, value: "dir", help: "Write every page into a directory", completion: .directories)
      ],
      positionals: Positionals(0, nil, first: .words(commandTable().filter { !$0.isHidden }.map(\.name))),
      examples: [.init("skiff man run | man -l -", "Read the page of run")])
  }

  private static let perform: Perform = { parsed in
    if let directory = parsed.string("all") {
      try writeAll(into: Path(directory))
      return 0
    }
    if parsed.positionals.isEmpty { return try printing { $0.print(programPage()) } }
    guard case .command(_, let command, _, _) = try dispatch(parsed.positionals, in: commandTable()) else {
      throw parsed.fail("\"\(parsed.positionals[0])\" has commands of its own: name one of them")
    }
    return try printing { $0.print(manPage(for: command, version: version)) }
  }

  private static func programPage() -> String {
    manPage(of: "skiff", about: about, entries: commandTable(), options: globalOptions, version: version)
  }

  private static func writeAll(into directory: Path) throws(Fault) {
    func write(_ name: String, _ text: String) throws(Fault) {
      try replaceFile(directory.appending(name), with: Array(text.utf8), mode: 0o644, durable: false)
    }
    try write("skiff.1", programPage())
    for (page, entry) in pages(commandTable()) {
      guard case .run(let syntax, _) = entry.action else { continue }
      try write("skiff-\(page).1", manPage(for: syntax(), version: version))
    }
  }
}
