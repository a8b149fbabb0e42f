internal import Kernel
internal import Steps

extension Explanation {
  /// The steps by which a container and those who look after it wait for one another.
  init(ofLifecycleStep step: ProcessStep) {
    switch step {
    case .reportBuilt:
      self.init(
        name: "process.reportBuilt", sentence: "Tell the parent that mounts and devices are there.",
        calls: [Trace.call("sendmsg", "<parent>", "…", "MSG_NOSIGNAL")], shell: ["echo built > \"$work\"/built"])
    case .awaitBuilt:
      self.init(
        name: "process.awaitBuilt", sentence: "Wait until the container's mounts and devices are there.",
        calls: [Trace.call("recvmsg", "<child>", "…", "0")], shell: ["read -r built < \"$work\"/built"])
    case .runHook(let hook): self.init(calling: hook)
    case .callRuntime(let call): self.init(calling: call)
    case .findProgram(let program, _):
      self.init(
        name: "process.findProgram", sentence: "Look whether \(Trace.clean(program)) is there and may be executed.",
        calls: [Trace.call("faccessat2", "AT_FDCWD", Trace.path(program), "X_OK", "AT_EACCESS")],
        shell: ["command -v \(ShellWord(program)) > /dev/null"])
    default:
      self.init(
        name: "process.awaitStart", sentence: "Wait until somebody starts the container.",
        calls: [Trace.call("accept4", "<start>", "NULL", "NULL", "SOCK_CLOEXEC")],
        shell: ["read -r start < \"$work\"/start"])
    }
  }

  /// What the other runtime does is its own affair: what is known here is the call.
  private init(calling call: RuntimeCall) {
    let words = call.arguments.map { Trace.path($0) }.joined(separator: ", ")
    let line = call.arguments.map { ShellWord($0).description }.joined(separator: " ")
    let meaning =
      switch call.command {
      case "create": "make the container, whose first process then waits"
      case "start": "start the program in it"
      case "exec": "start one more program in it"
      case "delete": "take the container away"
      default: Trace.clean(call.command)
      }
    self.init(
      name: "process.callRuntime",
      sentence: "Call \(Trace.clean(call.program)), another OCI runtime: \(meaning).",
      calls: [
        Trace.call("clone3", "{flags=CLONE_PIDFD, exit_signal=SIGCHLD}", "88"),
        Trace.call("execve", Trace.path(call.program), "[\(words)]", "/* 1 variable */"),
      ],
      shell: ["env -i \(RuntimeCall.environment.map { ShellWord($0).description }.joined(separator: " ")) \(line)"])
  }

  private init(calling hook: HookCall) {
    let words = hook.arguments.map { Trace.path($0) }.joined(separator: ", ")
    let variables = hook.environment.map { ShellWord($0).description }.joined(separator: " ")
    let line = ([hook.path] + hook.arguments.dropFirst()).map { ShellWord($0).description }.joined(separator: " ")
    let limit = hook.timeout.map { ", for at most \($0) s" } ?? ""
    self.init(
      name: "process.runHook",
      sentence: "Call \(Trace.clean(hook.path)) with the container's state (a \(hook.point.rawValue) hook)\(limit).",
      calls: [
        Trace.call("clone3", "{flags=CLONE_PIDFD, exit_signal=SIGCHLD}", "88"),
        Trace.call("execve", Trace.path(hook.path), "[\(words)]", "/* \(hook.environment.count) variables */"),
      ],
      shell: [
        [hook.timeout.map { "timeout \($0)" } ?? "", "env -i", variables, line].filter { !$0.isEmpty }.joined(
          separator: " ")
      ])
  }
}
