internal import Arguments
internal import OCIRuntime

enum PauseCommand {
  static let entry = CommandEntry(
    "pause", summary: "Stop all processes of a container where they are", group: RuntimeGroup.inside,
    .run(
      syntax: {
        Command(
          "pause", summary: "Stop all processes of a container where they are", usage: ["CONTAINER"],
          positionals: .exactly(1, .containers))
      },
      { parsed in
        try OCIRuntime(parsed).pause(parsed.positionals[0])
        return 0
      }))
}

enum ResumeCommand {
  static let entry = CommandEntry(
    "resume", summary: "Let the processes of a paused container go on", group: RuntimeGroup.inside,
    .run(
      syntax: {
        Command(
          "resume", summary: "Let the processes of a paused container go on", usage: ["CONTAINER"],
          positionals: .exactly(1, .containers))
      },
      { parsed in
        try OCIRuntime(parsed).resume(parsed.positionals[0])
        return 0
      }))
}
