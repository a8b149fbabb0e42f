internal import Kernel
internal import Steps

/// A script for /bin/sh that, run as root, builds the same container with the tools of util-linux, iproute2 and nftables.
///
/// ```
///   the script:   host steps → unshare ─┬─ wiring ──→ "go" ─────┐            ┌→ pivot_root → "go" ─┐   ┌→ undo
///   inside:                             └─ building → waits ←───┘→ finishing ┴→ waits ←────────────┘→ the program
/// ```
/// The tools lie on the host, so everything that needs one comes before the pivot: masks and read-only paths are mounted below
/// `$root`, and the last shell, its privileges already dropped, waits for the pivot. Its root is the old one, so the kernel moves
/// it along (pivot_root(2)). The old root is then unmounted from outside, through /proc/PID/root.
struct ShellScript {
  private var lines: [String] = []
  private let run: ExplainedRun

  static func text(of run: ExplainedRun) -> String {
    let run = run.withoutBooks
    var script = ShellScript(run: run)
    script.writeHeader()
    if run.startsContainer {
      script.writeContainer()
    } else if let container = run.entering {
      script.writeEntering(container)
    } else {
      for step in run.host { script.writeCommands(of: step) }
      let entering = run.cgroup.map { [Step.cgroup(.join($0, isV2: true))] } ?? []
      script.lines += ProcessChain(entering + run.finishing).commands
    }
    return run.withVariables(script.lines.joined(separator: "\n") + "\n")
  }

  private init(run: ExplainedRun) { self.run = run }

  private mutating func writeHeader() {
    lines += [
      "#!/bin/sh",
      "# \(Trace.clean(run.title)): what Skiff would do, as commands. Run it as root.",
    ]
    if run.startsContainer || (!run.finishing.isEmpty && run.entering == nil) {
      lines += [
        "# Skiff opens every path inside the root by descriptor and so never leaves it; a shell follows links wherever they",
        "# lead. Run this on images that you trust.",
      ]
    }
    lines += ["set -eu", "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin"]
    if let identifier = run.identifier { lines += ["id=\(ShellWord(identifier))", "export id"] }
    lines.append("")
  }

  /// Its process is another one after each start, so the script asks for it.
  private mutating func writeEntering(_ container: String) {
    lines.append("pid=$(skiff inspect -f '{{.State.Pid}}' \(ShellWord(container)))")
    for step in run.host { writeCommands(of: step) }
    guard !run.finishing.isEmpty else { return }
    lines.append("nsenter -t \"$pid\" -n sh -eu <<'END'")
    for step in run.finishing { writeCommands(of: step) }
    lines.append("END")
  }

  /// A step with its sentence as a comment; `remembers` puts its undo on the list.
  private mutating func writeCommands(of step: Step, remembers: Bool = false) {
    let explanation = Explanation(of: step)
    lines.append("# " + explanation.sentence)
    guard remembers, let undo = step.undo else {
      lines += explanation.shell
      return
    }
    let taking = Self.undoCommands(of: undo).map { "undo \(ShellWord($0))" }
    if let already = explanation.already {
      lines += ["if ! \(already); then"] + (explanation.commands + taking).map { "  " + $0 } + ["fi"]
    } else {
      lines += explanation.commands + taking
    }
  }

  private static func undoCommands(of step: Step) -> [String] {
    switch step {
    case .cgroup(.remove(let path)): ["remove_group \(ShellWord(path))"]
    // A volume keeps what was written to it, and scratch directories go as a whole.
    case .file(.removeDirectory(let path)): ["rmdir --ignore-fail-on-non-empty \(ShellWord(path))"]
    default: Explanation(of: step).commands
    }
  }

  // MARK: - A container

  private mutating func writeContainer() {
    let inside = InsideScript(run)
    lines += Self.preamble
    lines += ["", "# --- " + "on the host, before the container is there", ""]
    for step in run.host { writeCommands(of: step, remembers: true) }
    writeInside(inside)
    writeLaunch()
    lines += ["", "# --- on the host, while the container builds itself", ""]
    for step in run.wiring where !step.isIdentifierMap { writeCommands(of: step, remembers: true) }
    lines += [
      "", "# --- both meet: go on inside", "", "echo go >&7", "read -r word rest <&6",
      "[ \"$word\" = ready ] || exit \"${rest:-1}\"",
    ]
    if inside.pivots { writePivot(rootPropagation: inside.rootPropagation) }
    lines += ["echo go >&7", "", "read -r word status <&6", "pid=", "exit \"$status\""]
  }

  /// The scratch directory, two pipes by name to talk through, and the list of what has to be taken back.
  private static let preamble = [
    "work=$(mktemp -d)",
    "root=$work/root",
    "export work root",
    "pid= holder= undone=",
    "undo() { undone=\"$1",
    "$undone\"; }",
    "# The kernel lets go of the last process of a group a moment after it was reaped.",
    "remove_group() { n=0; until rmdir \"$1\" 2>/dev/null || [ ! -d \"$1\" ] || [ $((n += 1)) -gt 100 ]; do sleep 0.05; done; }",
    "finish() {",
    "  status=$?",
    "  set +e",
    "  trap - EXIT",
    "  [ -z \"$pid$holder\" ] || kill -KILL $pid $holder 2>/dev/null",
    "  wait",
    "  eval \"$undone\"",
    "  rm -rf --one-file-system \"$work\"",
    "  exit \"$status\"",
    "}",
    "trap finish EXIT",
    "trap 'exit 129' HUP",
    "trap 'exit 130' INT",
    "trap 'exit 143' TERM",
    "chmod 0711 \"$work\"",
    "mkdir \"$root\"",
    "mkfifo \"$work\"/up \"$work\"/down",
    "exec 6<>\"$work\"/up 7<>\"$work\"/down 8<&0",
  ]

  private mutating func writeInside(_ inside: InsideScript) {
    // A delimiter that no name in the script can forge.
    var delimiter = "INSIDE"
    while inside.lines.contains(where: { $0.split(separator: "\n").contains { $0 == delimiter } }) { delimiter += "_" }
    lines += ["", "# --- what runs inside, in stages: each `exec` goes on as the same process", ""]
    lines += ["cat > \"$work\"/inside <<'\(delimiter)'"] + inside.lines + [delimiter, "chmod 0644 \"$work\"/inside"]
  }

  private mutating func writeLaunch() {
    var rest = run.namespaces
    var prefix = ""
    lines += ["", "# --- the container's first process", ""]
    if rest.contains(.user) {
      rest.remove(.user)
      prefix = "nsenter --user=/proc/\"$holder\"/ns/user "
      writeUserNamespace()
    }
    let clone = Explanation(of: .process(.clone(rest, cgroup: nil)))
    lines.append("# " + Explanation(of: .process(.clone(run.namespaces, cgroup: run.cgroup))).sentence)
    let words = rest.isEmpty ? "" : clone.commands[0].replacingSuffix("\"$@\" &", by: "")
    lines += [
      "{",
      "  status=0",
      "  \(prefix)\(words)/bin/sh \"$work\"/inside 1 <&8 8<&- || status=$?",
      "  echo \"ended $status\" >&6",
      "} &",
      "read -r word pid <&6",
      "[ \"$word\" = pid ] || { status=$pid; pid=; exit \"$status\"; }",
    ]
    guard run.namespaces.contains(.user) else { return }
    lines += ["kill -KILL \"$holder\"", "holder=", "read -r word <&6"]
    if let cgroup = run.cgroup { writeCommands(of: .cgroup(.admit(cgroup, isV2: true))) }
  }

  /// The maps of a user namespace are written once, by someone outside, and nobody in it is anybody before that. So one
  /// process holds the namespace open until its maps are there, and the container is started from within.
  private mutating func writeUserNamespace() {
    lines += [
      "# Skiff opens what the container takes from the host; here its root, who is nobody, has to find the way by itself.",
      "chmod -f 0711 \"$work\"/own* || :",
      "{ unshare --user /bin/sh -c 'read -r pid rest < /proc/self/stat; echo \"held $pid\" >&6; exec sleep 60' "
        + "2>\"$work\"/fault || echo ended >&6; } &",
      "read -r word holder <&6",
      "[ \"$word\" = held ] || { cat \"$work\"/fault >&2; exit 1; }",
    ]
    for step in run.wiring where step.isIdentifierMap {
      let explanation = Explanation(of: step)
      lines.append("# " + explanation.sentence)
      lines += explanation.commands.map { "pid=$holder; \($0); pid=" }
    }
  }

  private mutating func writePivot(rootPropagation: Propagation?) {
    lines += [
      "# " + Explanation(of: .mount(.pivotRoot)).sentence,
      "nsenter --target \"$pid\" --mount /bin/sh -c 'cd \"$1\" && pivot_root . .' sh \"$root\"",
      "nsenter --target \"$pid\" --mount --root=/ --wd=/ umount -l --no-canonicalize /proc/\"$pid\"/root",
    ]
    guard let rootPropagation else { return }
    lines += [
      "# " + Explanation(of: .mount(.setRootPropagation(rootPropagation))).sentence,
      "nsenter --target \"$pid\" --mount --root=/ --wd=/ "
        + "mount --make-\(rootPropagation.name) --no-canonicalize /proc/\"$pid\"/root",
    ]
  }
}

extension Step {
  var isIdentifierMap: Bool {
    if case .process(.mapIdentifiers) = self { return true }
    return false
  }
}

extension String {
  fileprivate func replacingSuffix(_ suffix: String, by other: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) + other : self
  }
}

extension ExplainedRun {
  /// Without what only Skiff reads: its records, and the name that leads to them.
  fileprivate var withoutBooks: ExplainedRun {
    var run = self
    run.host.removeAll { step in
      switch step {
      case .file(.writeFile(let path, _, _)): path.name.hasSuffix(".json") && !ownDirectories.isEmpty
      case .file(.makeSymbolicLink(_, let target)): identifier == target.string
      default: false
      }
    }
    return run
  }

  /// The container's directories are scratch ones, and its identifier is a variable. Both are plain words of a path where
  /// they stand, never inside of quotes, unless the directories have names that need some.
  fileprivate func withVariables(_ text: String) -> String {
    var text = text
    guard ownDirectories.allSatisfy({ ShellWord($0).description == $0.string }) else { return text }
    for (index, directory) in ownDirectories.enumerated() {
      text = Trace.replace(directory.string, in: text, by: "\"$work\"/own\(index)")
    }
    return identifier.map { Trace.replace("/" + $0, in: text, by: "/$id") } ?? text
  }

  /// The plan as a script for /bin/sh.
  package var script: String { ShellScript.text(of: self) }
}
