internal import Arguments
internal import Inside
internal import Kernel
internal import OCIRuntime
internal import RuntimeSpec

enum RestoreCommand {
  static let entry = CommandEntry(
    "restore", summary: "Make a container again from a checkpoint", group: RuntimeGroup.other,
    .run(
      syntax: {
        Command(
          "restore", summary: "Make a container again from a checkpoint", usage: ["[OPTIONS] CONTAINER"],
          discussion: ["criu(8) does it, with the configuration of the bundle that the container had."],
          options: checkpointOptions + [
            Option("bundle", short: "b", .value, value: "dir", help: "The bundle", initial: "the working directory"),
            Option("console-socket", .value, value: "socket", help: "Refused: a terminal is not made again"),
            Option("detach", short: "d", help: "Do not wait for its end"),
            Option("pid-file", .value, value: "file", help: "Write the first process's number there"),
            Option("no-subreaper", help: "Does nothing: no subreaper is used", isHidden: true),
            Option("no-pivot", help: "Does nothing: criu enters the root", isHidden: true),
            Option("lsm-profile", .value, value: "type:name", help: "The AppArmor or SELinux profile to restore with"),
            Option("lsm-mount-context", .value, value: "context", help: "The SELinux context of mounts"),
          ], positionals: .exactly(1))
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let runtime = try OCIRuntime(parsed)
    var options = try checkpointOptions(parsed)
    options.securityProfile = parsed.string("lsm-profile")
    options.securityMountContext = parsed.string("lsm-mount-context")
    let pidFile = try parsed.string("pid-file").map(absolute)
    let bundle = try Bundle(at: Path(parsed.string("bundle") ?? "."))
    guard parsed.string("console-socket") == nil, bundle.spec.process?.terminal != true else {
      throw RuntimeFailure(
        "cannot restore a container with a terminal",
        hint: "criu hands a pseudo terminal back to programs that speak its protocol only")
    }
    try RuntimeLog(globals: parsed).tell(runtime.rootSteps(of: bundle), in: "criu")
    var foreground = try Foreground()
    let container = try runtime.restore(parsed.positionals[0], bundle, options, pidFile: pidFile)
    if parsed.flag("detach") {
      runtime.leaveWaiting(container)
      return 0
    }
    runtime.leaveWaiting(container)
    let code = try foreground.awaitEnd(of: container.pidfd.borrowed, terminal: nil)
    try runtime.deleteAfterRun(container)
    return code
  }
}
