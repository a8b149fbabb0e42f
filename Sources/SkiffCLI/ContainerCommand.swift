internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

extension RenameCommand {
  static let perform: Perform = { arguments in
    try arguments.engine.rename(arguments.positionals[0], to: arguments.positionals[1])
    return 0
  }
}

extension ContainerCommand {
  /// `skiff container …`: docker's group. What is also a command of its own is the same command.
  static let entry = CommandEntry(
    "container", summary: summary, group: CommandGroup.life,
    .commands {
      [
        RunCommand.entry(RunCommand.perform), CreateCommand.entry(CreateCommand.perform),
        StartCommand.entry(StartCommand.perform), StopCommand.entry(StopCommand.perform),
        RestartCommand.entry(RestartCommand.perform), KillCommand.entry(KillCommand.perform),
        PauseCommand.entry(PauseCommand.perform), UnpauseCommand.entry(UnpauseCommand.perform),
        WaitCommand.entry(WaitCommand.perform), AttachCommand.entry(AttachCommand.perform),
        ExecCommand.entry(ExecCommand.perform), DebugCommand.entry(DebugCommand.perform),
        LogsCommand.entry(LogsCommand.perform),
        TopCommand.entry(TopCommand.perform), StatsCommand.entry(StatsCommand.perform),
        DiffCommand.entry(DiffCommand.perform), ExportCommand.entry(ExportCommand.perform),
        CommitCommand.entry(CommitCommand.perform), RenameCommand.entry(RenameCommand.perform),
        UpdateCommand.entry(UpdateCommand.perform), PortCommand.entry(PortCommand.perform),
        CpCommand.entry(CpCommand.perform),
      ].map { $0.member(of: "container") } + [
        PsCommand.entry(PsCommand.perform).member(of: "container", "ls", aliases: ["list", "ps"]),
        RmCommand.entry(RmCommand.perform).member(of: "container", "rm", aliases: ["remove"]),
        CommandEntry("inspect", summary: inspectSummary, .run(syntax: inspectSyntax, inspect)),
        CommandEntry("prune", summary: pruneSummary, .run(syntax: pruneSyntax, prune)),
      ]
    })

  static let inspect: Perform = { arguments in
    let engine = try arguments.engine
    return try InspectCommand.show(arguments) { word in
      try InspectCommand.container(word, engine, withSize: arguments.flag("size"))
    }
  }

  static let prune: Perform = { arguments in
    for text in arguments.strings("filter") where text.hasPrefix("dangling") {
      throw arguments.bad("filter", text, "containers have no such filter; there are until, label and label!")
    }
    let filter = try PruneFilter(arguments)
    let isRehearsal = arguments.flag("dry-run")
    if !arguments.flag("force") && !isRehearsal {
      guard try confirm("This will remove all stopped containers.") else {
        throw Failure(.conflict, "container prune has been cancelled")
      }
    }
    let pruned = try arguments.engine.pruneContainers(isRehearsal: isRehearsal) {
      filter.takes(created: $0, labels: $1)
    }
    _ = try printing { out in
      if !pruned.containers.isEmpty {
        out.line(isRehearsal ? "Containers to delete:" : "Deleted Containers:")
        for identifier in pruned.containers { out.line(identifier.description) }
        out.line()
      }
      out.line("Total \(isRehearsal ? "reclaimable" : "reclaimed") space: \(humanSize(pruned.reclaimed))")
    }
    for failure in pruned.failures { complain(failure.message, hint: failure.hint) }
    return pruned.failures.isEmpty ? 0 : 1
  }
}
