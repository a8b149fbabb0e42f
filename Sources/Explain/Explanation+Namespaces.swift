internal import Kernel
internal import Steps

extension Explanation {
  /// The steps by which a process gets its own view of the system.
  init(ofNamespaceStep step: ProcessStep) {
    switch step {
    case .clone(let namespaces, let cgroup):
      self.init(cloningInto: namespaces, cgroup: cgroup)
    case .unshare(let namespaces):
      self.init(
        name: "process.unshare",
        sentence: "Leave the namespaces it was born in for new ones: \(namespaces.meanings).",
        calls: [Trace.call("unshare", namespaces.flagNames)],
        shell: ["exec unshare \(namespaces.options()) \"$@\""])
    case .joinNamespace(let namespace, let path):
      self.init(
        name: "process.joinNamespace",
        sentence: "Enter a namespace that is already there, \(Trace.clean(path)): \(namespace.meanings).",
        calls: [
          Trace.call("openat", "AT_FDCWD", Trace.path(path), "O_RDONLY|O_CLOEXEC"),
          Trace.call("setns", "<\(Trace.clean(path))>", namespace.flagNames),
        ],
        shell: ["exec nsenter \(namespace.options(files: path)) \"$@\""])
    case .joinNamespaces(let namespaces, let process):
      self.init(
        name: "process.joinNamespaces",
        sentence: "Enter the namespaces of process \(process), all in one step: \(namespaces.meanings).",
        calls: [
          Trace.call("pidfd_open", "\(process)", "0"), Trace.call("setns", "<pidfd:\(process)>", namespaces.flagNames),
        ],
        // The root stays the host's, so that its tools are still there; the container's own is entered last.
        shell: ["exec nsenter --target \(process) \(namespaces.options()) --root=/ --wd=/ \"$@\""])
    case .enterTimeNamespace(let offsets):
      self.init(settingClocks: offsets)
    case .mapIdentifiers(let users, let groups, let writer):
      self.init(mapping: users, groups, by: writer)
    default:
      self.init(
        name: "process.awaitParent",
        sentence: "Wait until the host's side is done: limits, network, identities.",
        calls: [Trace.call("read", "<pipe>", "…", "1")], shell: ["read -r go < \"$work\"/go"])
    }
  }

  private init(cloningInto namespaces: Namespaces, cgroup: Path?) {
    let flags = ["CLONE_PIDFD", namespaces.flagNames, cgroup == nil ? "" : "CLONE_INTO_CGROUP"].filter { !$0.isEmpty }
    let target = cgroup.map { ", cgroup=<\(Trace.clean($0))>" } ?? ""
    var words = ["unshare", namespaces.options()]
    if namespaces.contains(.process) { words.append("--fork") }
    if namespaces.contains(.mount) { words.append("--propagation unchanged") }
    self.init(
      name: "process.clone",
      sentence: namespaces.isEmpty
        ? "Make a new process."
        : "Make a new process that sees its own, empty part of the system: \(namespaces.meanings).",
      calls: ["clone3({flags=\(flags.joined(separator: "|")), exit_signal=SIGCHLD\(target)}, 88)"],
      shell: (cgroup.map { ["echo 0 > \(ShellWord($0.appending("cgroup.procs")))"] } ?? [])
        + [namespaces.isEmpty ? "# a shell forks for every command" : words.joined(separator: " ") + " \"$@\" &"])
  }

  private init(settingClocks offsets: [ClockOffset]) {
    func seconds(_ offset: ClockOffset) -> String { "\(offset.clock) \(offset.seconds) \(offset.nanoseconds)" }
    let ahead = offsets.map { "\($0.clock) \($0.seconds) s ahead" }.joined(separator: ", ")
    let text = offsets.map { seconds($0) + "\n" }.joined()
    // unshare(1) knows whole seconds.
    let options = offsets.map { "--\($0.clock) \($0.seconds)" }.joined(separator: " ")
    self.init(
      name: "process.enterTimeNamespace",
      sentence: "Get clocks of its own"
        + (offsets.isEmpty ? "." : ", \(ahead) of the host's: as if it had run elsewhere."),
      calls: [Trace.call("unshare", "CLONE_NEWTIME")]
        + (offsets.isEmpty ? [] : Trace.write("/proc/self/timens_offsets", text))
        + [
          Trace.call("openat", "AT_FDCWD", "\"/proc/self/ns/time_for_children\"", "O_RDONLY|O_CLOEXEC"),
          Trace.call("setns", "</proc/self/ns/time_for_children>", "CLONE_NEWTIME"),
        ],
      shell: [command("exec unshare --time", options, "\"$@\"")])
  }

  private init(mapping users: [IdentifierMap], _ groups: [IdentifierMap], by writer: MapWriter) {
    let examples = users.first.map { "user \($0.container) inside is user \($0.host) outside" } ?? "nobody is mapped"
    var sentence =
      "Say who the users inside are on the host: \(examples), so that root in the container is nobody outside."
    switch writer {
    case .parent: break
    case .owner: sentence = "Say who the users inside are on the host: \(examples), and nobody else is anybody."
    case .helpers: sentence += " The host's own programs check that the ranges are this user's."
    }
    let denial = writer == .owner ? Self.map("setgroups", "deny") : ([], [])
    let (users, groups) = (Self.lines(users), Self.lines(groups))
    let maps =
      writer == .helpers
      ? (Self.helper("newuidmap", users), Self.helper("newgidmap", groups))
      : (Self.map("uid_map", users), Self.map("gid_map", groups))
    self.init(
      name: "process.mapIdentifiers", sentence: sentence, calls: maps.0.0 + denial.0 + maps.1.0,
      shell: maps.0.1 + denial.1 + maps.1.1)
  }

  private static func lines(_ maps: [IdentifierMap]) -> String {
    maps.map { "\($0.container) \($0.host) \($0.count)" }.joined(separator: "\n")
  }

  /// The calls and the command that write one file of the process.
  private static func map(_ file: String, _ text: String) -> ([String], [String]) {
    let calls = [
      Trace.call("openat", "AT_FDCWD", Trace.string("/proc/PID/" + file), "O_WRONLY|O_CLOEXEC"),
      Trace.call("write", "</proc/PID/\(file)>", Trace.string(text + "\n"), "\(text.utf8.count + 1)"),
    ]
    return (calls, ["printf '%s\\n' \(ShellWord(text)) > /proc/\"$pid\"/\(file)"])
  }

  private static func helper(_ name: String, _ maps: String) -> ([String], [String]) {
    let numbers = maps.split(whereSeparator: \.isWhitespace).map(String.init)
    let words = ([name, "PID"] + numbers).map { Trace.string($0) }.joined(separator: ", ")
    return (
      ["posix_spawn(\"\(name)\", [\(words)])"], ["\(name) \"$pid\" \(numbers.joined(separator: " "))"]
    )
  }
}

extension Namespaces {
  /// Options of unshare(1), or with a file those of nsenter(1).
  func options(files path: Path? = nil) -> String {
    Self.all.filter { contains($0.flag) }.map { $0.option + (path.map { "=\(ShellWord($0))" } ?? "") }
      .joined(separator: " ")
  }

  /// What each of them hides, in a few words.
  var meanings: String {
    let words: [(Namespaces, String)] = [
      (.user, "users (its root is not the host's)"), (.mount, "mounts (its own tree of file systems)"),
      (.uts, "names (its own hostname)"), (.ipc, "IPC (no shared memory with the host)"),
      (.process, "processes (it is number 1 and sees only its children)"),
      (.network, "network (no link but a loopback that is down)"),
      (.cgroup, "cgroups (its own group looks like the top)"),
      (.time, "clocks"),
    ]
    return words.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}
