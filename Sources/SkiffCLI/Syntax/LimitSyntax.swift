internal import Arguments

/// The limits of a container: one table for `run`, which sets them, and `update`, which changes some.
enum LimitOptions {
  static let changeable = [
    Option("memory", short: "m", .value, value: "bytes", help: "Memory limit"),
    Option(
      "memory-swap", .value, value: "bytes",
      help: "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    Option("memory-reservation", .value, value: "bytes", help: "Memory soft limit"),
    Option("cpus", .value, value: "decimal", help: "Number of CPUs"),
    Option("cpu-shares", short: "c", .value, value: "int", help: "CPU shares (relative weight)"),
    Option("cpu-period", .value, value: "int", help: "Limit CPU CFS (Completely Fair Scheduler) period"),
    Option("cpu-quota", .value, value: "int", help: "Limit CPU CFS (Completely Fair Scheduler) quota"),
    Option("cpu-rt-period", .value, value: "int", help: "Limit CPU real-time period in microseconds, cgroup v1 only"),
    Option("cpu-rt-runtime", .value, value: "int", help: "Limit CPU real-time runtime in microseconds, cgroup v1 only"),
    Option("cpuset-cpus", .value, help: "CPUs in which to allow execution (0-3, 0,1)"),
    Option("cpuset-mems", .value, help: "MEMs in which to allow execution (0-3, 0,1)"),
    Option("pids-limit", .value, value: "int", help: "Tune container pids limit (set -1 for unlimited)"),
    Option(
      "blkio-weight", .value, value: "uint16",
      help: "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
  ]

  /// What only a new container can be given.
  static let lasting = [
    Option(
      "memory-swappiness", .value, value: "int", help: "Tune container memory swappiness (0 to 100), cgroup v1 only"),
    Option(
      "blkio-weight-device", .repeated, value: "list", help: "Block IO weight (relative device weight): /dev/sda:200"),
    Option(
      "device-read-bps", .repeated, value: "list",
      help: "Limit read rate (bytes per second) from a device: /dev/sda:1mb"),
    Option(
      "device-write-bps", .repeated, value: "list",
      help: "Limit write rate (bytes per second) to a device: /dev/sda:1mb"),
    Option(
      "device-read-iops", .repeated, value: "list",
      help: "Limit read rate (IO per second) from a device: /dev/sda:1000"),
    Option(
      "device-write-iops", .repeated, value: "list",
      help: "Limit write rate (IO per second) to a device: /dev/sda:1000"),
    Option("ulimit", .repeated, value: "ulimit", help: "Ulimit options: nofile=1024:2048"),
    Option("cgroup-parent", .value, help: "Optional parent cgroup for the container"),
    Option("oom-kill-disable", help: "Disable OOM Killer, cgroup v1 only"),
    Option("oom-score-adj", .value, value: "int", help: "Tune host's OOM preferences (-1000 to 1000)"),
  ]
}

enum StatsCommand {
  static let summary = "Display a live stream of container(s) resource usage statistics"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("stats", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "stats", summary: summary, usage: ["[OPTIONS] [CONTAINER...]"],
      options: [
        Option("all", short: "a", help: "Show all containers (default shows just running)"),
        FormatOption.templated,
        Option("no-stream", help: "Show one result: CPU % since the last call, up to a minute ago"),
        ProcessOptions.noTruncation,
      ], positionals: .atLeast(0, .containers))
  }
}

enum UpdateCommand {
  static let summary = "Update configuration of one or more containers"

  static func entry(_ perform: @escaping Perform) -> CommandEntry {
    CommandEntry("update", summary: summary, group: CommandGroup.life, .run(syntax: syntax, perform))
  }

  static func syntax() -> Command {
    Command(
      "update", summary: summary, usage: ["[OPTIONS] CONTAINER [CONTAINER...]"],
      options: LimitOptions.changeable + [RestartOptions.change, RefusedRunOptions.kernelMemory],
      positionals: .atLeast(1, .containers),
      examples: [.init("skiff update -m 512m --cpus 1.5 web", "More memory, and at most one and a half CPUs")])
  }
}
