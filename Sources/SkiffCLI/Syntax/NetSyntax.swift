internal import Arguments

/// `skiff net …`: questions about networks, answered in words.
enum NetCommand {
  static let summary = "Ask how a network works"

  static func entry(trace: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "net", summary: summary, group: CommandGroup.networks,
      .commands {
        [CommandEntry("trace", summary: traceSummary, .run(syntax: traceSyntax, trace))]
      })
  }

  static let traceSummary = "Follow a question for a name: who is asked, who answers, and how long it takes"

  static func traceSyntax() -> Command {
    Command(
      "net trace", summary: traceSummary, usage: ["--container CONTAINER NAME", "--network NETWORK NAME"],
      options: [
        Option("container", short: "c", .value, help: "Ask as a program in this container", completion: .containers),
        Option("network", .value, help: "Ask as somebody on this network", completion: .networks),
        Option(
          "type", short: "t", .repeated, value: "type", help: "Kind of record (default A and AAAA; PTR for an address)"),
        Option(
          "format", .value, value: "text|json", help: "Print words or JSON", completion: .words(["text", "json"])),
      ], positionals: .exactly(1),
      examples: [.init("skiff net trace --container web db", "Where db comes from, as web sees it")])
  }
}
