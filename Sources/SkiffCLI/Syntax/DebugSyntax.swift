internal import Arguments

enum DebugCommand {
  static let summary = "A shell with this machine's tools beside a running container that has none"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("debug", summary: summary, group: CommandGroup.life, failureCode: 125, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "debug", summary: summary, usage: ["[OPTIONS] CONTAINER [COMMAND [ARG...]]"],
      discussion: [
        "The program is in the container's process, network, IPC and user namespaces and under its limits, with the rights of"
          + " exec. Its root is a toolbox of this machine's own programs, read-only and in memory; the container's root is"
          + " at /container. The container never sees the toolbox and nothing is written into its root; all that the session"
          + " started ends with it.",
        "COMMAND is a shell when there is none. A command that is not among the usual tools is brought along too, if this"
          + " machine has it. See docs/debug.md.",
      ],
      options: [
        Option(
          "tools", .repeated, value: "name,…", help: "More programs of this machine, beside the usual ones",
          completion: .commands),
        Option(
          "path", .repeated, value: "path", help: "A file or directory of this machine that a tool wants",
          completion: .files),
        Option("interactive", short: "i", help: "Pass standard input on (default true)"),
        Option("tty", short: "t", help: "Allocate a pseudo-TTY (default: if there is one here)"),
        ProcessOptions.environment, ProcessOptions.environmentFile,
        Option("workdir", short: "w", .value, help: "Working directory (default /container)"),
        ProcessOptions.user, ProcessOptions.privileged,
        Option(
          "explain", .optionalValue(given: "text"), value: "text|json",
          help: "Show every step: the sentence, the system call, the shell command", group: GlassBox.group,
          completion: .words(["text", "json"])), GlassBox.dryRun, GlassBox.timings,
      ],
      positionals: Positionals(1, nil, first: .containers), stopsAtFirstPositional: true,
      examples: [
        .init("skiff debug web", "A shell: ps, ss -tlnp, ls /container"),
        .init("skiff debug web tcpdump -ni eth0", "One tool, in the container's network"),
        .init("skiff debug --privileged web strace -fp 2", "What needs ptrace"),
      ])
  }
}
