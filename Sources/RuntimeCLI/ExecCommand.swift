internal import Arguments
internal import Inside
internal import Kernel
internal import OCIRuntime
internal import RuntimeSpec

enum ExecCommand {
  static let entry = CommandEntry(
    "exec", summary: "Run one more program in a container", group: RuntimeGroup.inside, failureCode: 255,
    .run(
      syntax: {
        Command(
          "exec", summary: "Run one more program in a container",
          usage: ["[OPTIONS] CONTAINER COMMAND [ARG...]", "[OPTIONS] --process FILE CONTAINER"], options: options,
          positionals: .atLeast(1), stopsAtFirstPositional: true)
      }, perform))

  private static let options = [
    Option("process", short: "p", .value, value: "file", help: "A JSON file of the process; - is standard input"),
    Option("tty", short: "t", help: "Give it a pseudo terminal"),
    Option("detach", short: "d", help: "Do not wait for its end"),
    Option("user", short: "u", .value, value: "uid[:gid]", help: "Who it runs as, by numbers"),
    Option("additional-gids", short: "g", .repeated, value: "gid", help: "A supplementary group more"),
    Option("cwd", .value, value: "dir", help: "Its working directory in the container"),
    Option("env", short: "e", .repeated, value: "name=value", help: "A variable more"),
    Option("cap", short: "c", .repeated, value: "name", help: "A capability more"),
    Option("no-new-privs", help: "It and its children never gain privileges"),
    Option("apparmor", .value, value: "profile", help: "The AppArmor profile that it runs under"),
    Option("process-label", .value, value: "label", help: "The SELinux label that it runs under"),
    Option("cgroup", .repeated, value: "[controller:]path", help: "A group below the container's own"),
    Option("ignore-paused", help: "Also in a paused container, where it waits"),
    Option("console-socket", .value, value: "socket", help: "Send the pseudo terminal's master there"),
    Option("pidfd-socket", .value, value: "socket", help: "Send a pidfd of the process there"),
    Option("pid-file", .value, value: "file", help: "Write its number there"),
    Option("preserve-fds", .value, value: "number", help: "Descriptors from 3 on that it inherits", initial: "0"),
  ]

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let inherited = try preservedDescriptors(parsed)
    let executable = try sealExecutable(preserving: inherited)
    var runtime = try OCIRuntime(parsed)
    runtime.executable = executable
    let target = try runtime.openToExec(parsed.positionals[0], ignoresPaused: parsed.flag("ignore-paused"))
    let process = try process(parsed, runtime, target)
    var options = ExecOptions()
    options.consoleSocket = parsed.string("console-socket").map { Path($0) }
    options.pidfdSocket = parsed.string("pidfd-socket").map { Path($0) }
    options.pidFile = parsed.string("pid-file").map { Path($0) }
    options.preservedDescriptors = inherited
    options.subgroups = parsed.strings("cgroup")
    options.isDetached = parsed.flag("detach")
    if options.isDetached {
      _ = try runtime.execute(process, in: target, options, streams: .own)
      return 0
    }
    var foreground = try Foreground()
    var started = try runtime.execute(process, in: target, options, streams: .own)
    return try foreground.awaitEnd(of: started.pidfd.borrowed, terminal: started.terminal.take())
  }

  private static func process(
    _ parsed: ParsedArguments, _ runtime: OCIRuntime, _ target: borrowing ExecTarget
  ) throws -> Spec.Process {
    // crun reads `-` so too.
    if let file = parsed.string("process") { return try runtime.process(in: file == "-" ? "/dev/stdin" : Path(file)) }
    let words = Array(parsed.positionals.dropFirst())
    guard !words.isEmpty else { throw parsed.fail("requires a command, or --process") }
    var process = target.process
    process.args = words
    process.terminal = parsed.flag("tty")
    if let directory = parsed.string("cwd") { process.cwd = directory }
    process.env += parsed.strings("env")
    if let user = parsed.string("user") {
      let ids = user.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
      guard (1...2).contains(ids.count), let first = ids[0], ids.count == 1 || ids[1] != nil else {
        throw parsed.bad("user", user, "expected UID or UID:GID, by numbers")
      }
      process.user.uid = first
      if ids.count == 2, let group = ids[1] { process.user.gid = group }
    }
    for text in parsed.strings("additional-gids") {
      guard let group = UInt32(text) else { throw parsed.bad("additional-gids", text, "expected a number") }
      process.user.additionalGids.append(group)
    }
    if let profile = parsed.string("apparmor") { process.apparmorProfile = profile }
    if let label = parsed.string("process-label") { process.selinuxLabel = label }
    if let isOn = parsed.optionalFlag("no-new-privs") { process.noNewPrivileges = isOn }
    grant(parsed.strings("cap"), to: &process)
    return process
  }

  /// Not to the inheritable set (CVE-2022-29162).
  private static func grant(_ names: [String], to process: inout Spec.Process) {
    guard !names.isEmpty else { return }
    var lists = process.capabilities ?? Spec.CapabilityLists()
    lists.bounding += names
    lists.effective += names
    lists.permitted += names
    process.capabilities = lists
  }
}
