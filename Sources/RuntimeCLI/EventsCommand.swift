internal import Arguments
internal import Kernel
internal import OCIRuntime

enum EventsCommand {
  static let entry = CommandEntry(
    "events", summary: "Print what a container uses, and when it runs out of memory", group: RuntimeGroup.inside,
    .run(
      syntax: {
        Command(
          "events", summary: "Print what a container uses, and when it runs out of memory",
          usage: ["[OPTIONS] CONTAINER"], discussion: ["A line of JSON each, until the container has ended."],
          options: [
            Option("interval", .value, value: "duration", help: "How often", initial: "5s"),
            Option("stats", help: "Print one line and end"),
          ], positionals: .exactly(1, .containers))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let interval = try parsed.duration("interval") ?? 5_000_000_000
    guard interval > 0 else { throw RuntimeFailure("duration interval must be greater than 0") }
    let runtime = try OCIRuntime(parsed)
    let id = parsed.positionals[0]
    if parsed.flag("stats") { return say(try runtime.statisticsLine(of: id)) }
    try runtime.watch(id, every: UInt64(interval)) { say($0) == 0 }
    return 0
  }
}
