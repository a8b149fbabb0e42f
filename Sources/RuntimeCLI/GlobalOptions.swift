internal import Arguments
internal import Kernel
internal import OCIRuntime

/// The options that stand before the command, as runc has them.
let globalRuntimeOptions = [
  Option("root", .value, value: "dir", help: "Where the state of containers is kept", initial: "/run/skiff-runtime"),
  Option("log", .value, value: "file", help: "Write errors and warnings into a file", completion: .files),
  Option("log-format", .value, value: "format", help: "text or json", initial: "text"),
  Option("debug", help: "Log more than errors and warnings"),
  Option("systemd-cgroup", help: "Let systemd make the control groups: cgroupsPath is slice:prefix:name then"),
  Option("cgroup-manager", .value, value: "driver", help: "cgroupfs, systemd or disabled", initial: "cgroupfs"),
  Option(
    "rootless", .value, value: "mode", help: "Ignore faults of control groups: true, false or auto", initial: "auto"),
  Option("criu", .value, value: "program", help: "The criu to call for checkpoint and restore", initial: "criu"),
  Option("version", short: "v", help: "Print the version and exit"),
]

let globalSyntax = Command(
  "", summary: "", usage: ["[OPTIONS] COMMAND"], options: globalRuntimeOptions, positionals: .atLeast(0),
  stopsAtFirstPositional: true
).asRuntimes

extension OCIRuntime {
  /// As the options before the command describe it.
  init(_ parsed: ParsedArguments) throws {
    let log = try RuntimeLog(globals: parsed)
    // An empty variable of a script would be the working directory.
    if parsed.inherited("root") == "" {
      throw UsageError(command: "", "invalid argument \"\" for \"--root\": it is empty")
    }
    // The working directory will be the bundle's.
    self.init(
      root: try absolute(parsed.inherited("root") ?? OCIRuntime.defaultRoot), warn: { log.warning($0) },
      debug: { log.debug($0) })
    isTimed = parsed.inherited("debug") == "true"
    if parsed.inherited("systemd-cgroup") == "true" { driver = .systemd }
    if let name = parsed.inherited("cgroup-manager") {
      guard let known = CgroupDriver(rawValue: name) else {
        throw UsageError(
          command: "", "invalid argument \"\(name)\" for \"--cgroup-manager\": expected cgroupfs, systemd or disabled")
      }
      driver = known
    }
  }

  /// What dies with a boot; a user's own where that is not root.
  private static var defaultRoot: String {
    if effectiveUser() != 0, let directory = environment("XDG_RUNTIME_DIR"), directory.hasPrefix("/") {
      return directory + "/" + runtimeName
    }
    return "/run/" + runtimeName
  }
}
