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
    case .mapIdentifiers(let users, let groups):
      self.init(mapping: users, groups)
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

  private init(mapping users: [IdentifierMap], _ groups: [IdentifierMap]) {
    func lines(_ maps: [IdentifierMap]) -> String {
      maps.map { "\($0.container) \($0.host) \($0.count)" }.joined(separator: "\n")
    }
    func trace(_ file: String, _ text: String) -> [String] {
      [
        Trace.call("openat", "AT_FDCWD", Trace.string("/proc/PID/" + file), "O_WRONLY|O_CLOEXEC"),
        Trace.call("write", "</proc/PID/\(file)>", Trace.string(text + "\n"), "\(text.utf8.count + 1)"),
      ]
    }
    let examples = users.first.map { "user \($0.container) inside is user \($0.host) outside" } ?? "nobody is mapped"
    self.init(
      name: "process.mapIdentifiers",
      sentence:
        "Say who the users inside are on the host: \(examples), so that root in the container is nobody outside.",
      calls: trace("uid_map", lines(users)) + trace("gid_map", lines(groups)),
      shell: [
        "printf '%s\\n' \(ShellWord(lines(users))) > /proc/\"$pid\"/uid_map",
        "printf '%s\\n' \(ShellWord(lines(groups))) > /proc/\"$pid\"/gid_map",
      ])
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
