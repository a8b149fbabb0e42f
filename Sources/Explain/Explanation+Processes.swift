internal import Kernel
internal import Steps

extension Explanation {
  init(of step: ProcessStep) {
    switch step {
    case .clone, .unshare, .enterTimeNamespace, .joinNamespace, .joinNamespaces, .mapIdentifiers, .awaitParent:
      self.init(ofNamespaceStep: step)
    case .reportBuilt, .awaitBuilt, .runHook, .callRuntime, .findProgram, .awaitStart:
      self.init(ofLifecycleStep: step)
    case .set(let attribute):
      self.init(of: attribute)
    case .allowLimits(let limits):
      self.init(allowing: limits)
    case .limitCapabilities, .setUser, .setCapabilities, .loadFilter, .setNoNewPrivileges:
      self.init(ofPrivilegeStep: step)
    case .setHostname(let name):
      self.init(
        name: "process.setHostname", sentence: "Call the machine, as the container sees it, \(Trace.clean(name)).",
        calls: [Trace.call("sethostname", Trace.string(name), "\(name.utf8.count)")],
        shell: ["hostname \(ShellWord(name))"])
    case .setDomainName(let name):
      self.init(
        name: "process.setDomainName", sentence: "Set the NIS domain name to \(Trace.clean(name)).",
        calls: [Trace.call("setdomainname", Trace.string(name), "\(name.utf8.count)")],
        shell: ["domainname \(ShellWord(name))"])
    case .setSysctl(let key, let value):
      let path = Trace.sysctlPath(key)
      self.init(
        name: "process.setSysctl",
        sentence:
          "Set the kernel parameter \(Trace.clean(key)) to \(Trace.clean(value)), for this container's namespaces only.",
        calls: Trace.write(path, value), shell: ["sysctl -q -w \(ShellWord(key + "=" + value))"])
    case .setResourceLimit(let limit):
      self.init(limiting: limit)
    case .setOomScoreAdjustment(let value):
      self.init(
        name: "process.setOomScoreAdjustment",
        sentence:
          "When memory runs out, count this process as \(value < 0 ? "less" : "more") worth killing (\(value)).",
        calls: Trace.write("/proc/self/oom_score_adj", "\(value)"),
        shell: ["echo \(value) > /proc/self/oom_score_adj"])
    case .startSession:
      self.init(
        name: "process.startSession",
        sentence: "Start a session of its own, so that signals from the terminal of who started it do not reach it.",
        calls: ["setsid()"], shell: ["exec setsid \"$@\""])
    case .openTerminal(let rows, let columns):
      self.init(
        name: "process.openTerminal",
        sentence:
          "Open a new pseudo terminal, \(columns) by \(rows), as the controlling terminal and the standard streams.",
        calls: [
          Trace.call("openat", "</dev/pts>", "\"ptmx\"", "O_RDWR|O_NOCTTY|O_CLOEXEC"),
          Trace.call("ioctl", "<ptmx>", "TIOCGPTPEER", "O_RDWR|O_NOCTTY"),
          Trace.call("ioctl", "<ptmx>", "TIOCSWINSZ", "{ws_row=\(rows), ws_col=\(columns)}"),
          Trace.call("ioctl", "<pts>", "TIOCSCTTY", "0"), Trace.call("dup3", "<pts>", "0 and 1 and 2", "0"),
        ],
        shell: [
          "# a script has the terminal that it was started on",
          "if tty -s; then stty rows \(rows) columns \(columns); fi",
        ])
    case .ownStreams(let user):
      self.init(
        name: "process.ownStreams", sentence: "Give the standard streams to user \(user), who may open them anew then.",
        calls: [Trace.call("fchown", "0 and 1 and 2", "\(user)", "-1")],
        // Not in a script: its streams are those of whoever runs it, and one of them may be the host's /dev/null.
        shell: ["# the streams of a script stay whose they are"])
    case .changeRoot(let path):
      self.init(
        name: "process.changeRoot",
        sentence: "Make \(Trace.clean(path)) the root: every path of the process, and of its children, starts there.",
        calls: [Trace.call("chroot", Trace.path(path))], shell: ["exec chroot \(ShellWord(path)) \"$@\""])
    case .changeDirectory(let path):
      self.init(
        name: "process.changeDirectory",
        sentence: "Work in \(Trace.clean(path)), after checking that this is inside the root.",
        calls: [Trace.call("chdir", Trace.path(path)), Trace.call("getcwd", "…", "4096")],
        shell: ["cd \(ShellWord(path))"])
    case .setUmask(let mask):
      self.init(
        name: "process.setUmask",
        sentence: "New files are made without the permissions \(mask.octal).",
        calls: [Trace.call("umask", mask.octal)], shell: ["umask \(mask.octal)"])
    case .execute(let program, let arguments, let environment):
      self.init(executing: program, arguments, environment)
    }
  }

  private init(allowing limits: [ResourceLimit]) {
    self.init(
      name: "process.allowLimits",
      sentence: "Let the container have as much as it is to have, where that is more than it inherited ("
        + limits.map { Trace.clean($0.name) }.joined(separator: ", ")
        + "): in a user namespace nobody may raise a hard limit.",
      calls: limits.map {
        Trace.call("prlimit64", "<container>", $0.name, "{rlim_cur=…, rlim_max=\(Self.constant($0.hard))}", "NULL")
      },
      shell: limits.map { "prlimit --pid \"$pid\" --\(Self.option($0))=:\(Self.text($0.hard)) 2>/dev/null || :" })
  }

  private static func text(_ value: UInt64) -> String { value == .max ? "unlimited" : "\(value)" }
  private static func constant(_ value: UInt64) -> String { value == .max ? "RLIM64_INFINITY" : "\(value)" }
  /// `nofile`, as prlimit(1) has it.
  private static func option(_ limit: ResourceLimit) -> Substring {
    limit.name.lowercased()[...].drop { $0 != "_" }.dropFirst()
  }

  private init(limiting limit: ResourceLimit) {
    let (text, constant, option) = (Self.text, Self.constant, Self.option(limit))
    let command = "prlimit --pid $$ --\(option)=\(text(limit.soft)):\(text(limit.hard))"
    self.init(
      name: "process.setResourceLimit",
      sentence:
        "Limit \(Self.resources[limit.name] ?? Trace.clean(limit.name)) to \(text(limit.soft)), at most \(text(limit.hard))"
        + (limit.isDefault ? ", or what this host allows." : "."),
      calls: [
        Trace.call(
          "prlimit64", "0", limit.name, "{rlim_cur=\(constant(limit.soft)), rlim_max=\(constant(limit.hard))}", "NULL")
      ],
      shell: [limit.isDefault ? command + " 2>/dev/null || :" : command])
  }

  private static let resources = [
    "RLIMIT_NOFILE": "the number of open files", "RLIMIT_NPROC": "the number of processes of this user",
    "RLIMIT_CORE": "the size of core dumps", "RLIMIT_MEMLOCK": "locked memory", "RLIMIT_STACK": "the stack",
    "RLIMIT_AS": "address space", "RLIMIT_CPU": "seconds of processor time", "RLIMIT_FSIZE": "the size of a file",
    "RLIMIT_DATA": "the heap", "RLIMIT_NICE": "how high the priority may be raised",
    "RLIMIT_SIGPENDING": "signals waiting", "RLIMIT_MSGQUEUE": "bytes in message queues", "RLIMIT_LOCKS": "file locks",
    "RLIMIT_RTPRIO": "real-time priority", "RLIMIT_RTTIME": "real-time microseconds", "RLIMIT_RSS": "resident memory",
  ]

  private init(executing program: Path, _ arguments: [Path], _ environment: [Path]) {
    let words = arguments.map { Trace.path($0) }.joined(separator: ", ")
    let variables = environment.map { ShellWord($0).description }.joined(separator: " ")
    let line = ([program] + arguments.dropFirst()).map { ShellWord($0).description }.joined(separator: " ")
    self.init(
      name: "process.execute",
      sentence: "Become \(Trace.clean(program)): the same process, now with the program's code.",
      calls: [Trace.call("execve", Trace.path(program), "[\(words)]", "/* \(environment.count) variables */")],
      shell: [command("exec env -i", variables, line)])
  }
}
