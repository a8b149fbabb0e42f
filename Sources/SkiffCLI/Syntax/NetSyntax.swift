internal import Arguments

/// `skiff net …`: questions about networks, answered in words.
enum NetCommand {
  static let summary = "Ask how a network works"

  static func entry(explain: @escaping Perform, verify: @escaping Perform, trace: @escaping Perform) -> CommandEntry {
    CommandEntry(
      "net", summary: summary, group: CommandGroup.networks,
      .commands {
        [
          CommandEntry("explain", summary: explainSummary, .run(syntax: explainSyntax, explain)),
          CommandEntry("verify", summary: verifySummary, .run(syntax: verifySyntax, verify)),
          CommandEntry("trace", summary: traceSummary, .run(syntax: traceSyntax, trace)),
        ]
      })
  }

  static let explainSummary = "Say who can reach a container or a port, and by which rule"

  static func explainSyntax() -> Command {
    Command(
      "net explain", summary: explainSummary, usage: ["CONTAINER|PORT"],
      positionals: Positionals(1, 1, first: .containers),
      examples: [
        .init("skiff net explain web", "Every port of web: from this host, other machines, containers"),
        .init("skiff net explain 8080", "Whose port 8080 of this host is, and who gets in there"),
      ])
  }

  static let verifySummary = "Try who can reach a container or a port, and compare with what explain says"

  static func verifySyntax() -> Command {
    Command(
      "net verify", summary: verifySummary, usage: ["[CONTAINER|PORT]"],
      positionals: Positionals(0, 1, first: .containers),
      examples: [
        .init("skiff net verify web", "Call web from this host, another machine, and containers made for it")
      ])
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
