internal import Kernel
internal import Steps

/// The last commands of a process before it becomes its program: each a tool that changes the process and executes the next,
/// `setpriv … env -i … program`.
struct ProcessChain {
  private var statements: [String] = []
  private var notes: [String] = []
  private var entering: [String] = []
  private var privileges: [String] = []
  private var user: (name: UInt32, group: UInt32, others: [UInt32])?
  private var bounding: CapabilitySet?
  private var root: ShellWord?
  private var directory: Path?
  private var program: (path: Path, arguments: [Path], environment: [Path])?
  private let waitsForPivot: Bool

  /// - Parameter waitsForPivot: the last shell, with no privilege left, says that it is ready and waits: the pivot takes
  ///   the host's tools away.
  init(_ steps: [Step], waitsForPivot: Bool = false) {
    self.waitsForPivot = waitsForPivot
    for step in steps {
      if case .process(let process) = step, Self.takes(process) || Self.enters(process) {
        take(process)
      } else {
        let explanation = Explanation(of: step)
        statements += ["# " + explanation.sentence] + explanation.shell
      }
    }
  }

  /// Whether the step belongs to the very end, whatever stands between.
  static func takes(_ step: ProcessStep) -> Bool {
    switch step {
    case .set(let attribute): attribute.wrapper != nil
    case .setNoNewPrivileges, .limitCapabilities, .setUser, .setCapabilities, .loadFilter, .changeDirectory,
      .changeRoot,
      .execute:
      true
    default: false
    }
  }

  private static func enters(_ step: ProcessStep) -> Bool {
    switch step {
    case .unshare, .enterTimeNamespace, .joinNamespace, .joinNamespaces, .startSession, .awaitParent, .clone: true
    default: false
    }
  }

  private mutating func take(_ step: ProcessStep) {
    switch step {
    case .unshare(let namespaces): entering.append("unshare \(namespaces.options())")
    case .enterTimeNamespace(let offsets):
      entering.append((["unshare --time"] + offsets.map { "--\($0.clock) \($0.seconds)" }).joined(separator: " "))
    case .joinNamespace(let namespace, let path):
      let keepsTools = namespace.contains(.mount) ? " --root=/ --wd=/" : ""
      entering.append("nsenter \(namespace.options(files: path))\(keepsTools)")
    case .joinNamespaces(let namespaces, let process):
      entering.append("nsenter --target \(process) \(namespaces.options()) --root=/ --wd=/")
      if namespaces.contains(.mount) { root = ShellWord("/proc/\(process)/root") }
    case .startSession: entering.append("setsid")
    case .set(let attribute): entering += [attribute.wrapper].compactMap { $0 }
    case .setNoNewPrivileges: privileges.append("--no-new-privs")
    case .limitCapabilities(let set): bounding = set
    case .setUser(let name, let group, let others): user = (name, group, others)
    case .setCapabilities(let sets):
      privileges.append("--inh-caps=\(sets.inheritable.union(sets.ambient).setprivList)")
      privileges.append("--ambient-caps=\(sets.ambient.setprivList)")
    case .changeRoot(let path): root = ShellWord(path)
    case .changeDirectory(let path): directory = path
    case .execute(let path, let arguments, let environment): program = (path, arguments, environment)
    default: break
    }
    let explanation = Explanation(of: .process(step))
    notes.append("# " + explanation.sentence)
    if case .loadFilter = step { notes += explanation.shell }
  }

  /// What the shell does last, as lines; the final one does not return.
  var commands: [String] {
    var lines = statements + notes
    guard let program else { return lines }
    var words = ["exec"] + entering + setpriv(keepingUser: root != nil)
    words += ["env -i"] + program.environment.map { ShellWord($0).description }
    let command = ([program.path] + program.arguments.dropFirst()).map { ShellWord($0).description }
    if waitsForPivot {
      // A shell exports where it is and was; the program gets only what it is given.
      let names = ["PWD", "OLDPWD", "SHLVL"].filter { name in
        !program.environment.contains { $0.bytes.starts(with: (name + "=").utf8) }
      }
      let forgets = names.isEmpty ? "" : "unset \(names.joined(separator: " ")); "
      words += [
        "/bin/sh -c 'echo ready >&6; read -r go <&7; exec 6>&- 7<&-; cd \"$1\"; shift; \(forgets)exec \"$@\"' sh",
        ShellWord(directory ?? "/").description,
      ]
    } else if let root {
      words += changeRoot(to: root)
    } else if let directory {
      lines.append("cd \(ShellWord(directory))")
    }
    lines.append((words + command).joined(separator: " "))
    return lines
  }

  /// - Parameter keepingUser: chroot(2) needs CAP_SYS_CHROOT, so the tool that calls it changes the user afterwards.
  private func setpriv(keepingUser: Bool) -> [String] {
    var options = privileges
    if let bounding {
      let kept = keepingUser ? bounding.union(.changeRoot) : bounding
      options.insert("--bounding-set=\(kept.setprivList)", at: 0)
    }
    if let user, !keepingUser {
      options.append("--reuid=\(user.name) --regid=\(user.group)")
      options.append(Self.groups(user.others).map { "--groups=\($0)" } ?? "--clear-groups")
    }
    return options.isEmpty ? [] : ["setpriv"] + options
  }

  /// `env -i` has set the PATH of the container by now, so the tool is named by its place on the host.
  private func changeRoot(to root: ShellWord) -> [String] {
    if let directory, directory.string != "/" {
      var words = ["\"$(command -v unshare)\"", "--root=\(root) --wd=\(ShellWord(directory))"]
      if let user { words.append("--setgid=\(user.group) --setuid=\(user.name)") }
      return words
    }
    var words = ["\"$(command -v chroot)\""]
    if let user {
      words.append("--userspec=+\(user.name):+\(user.group)")
      words.append("--groups=\(Self.groups(user.others) ?? "")")
    }
    return words + [root.description]
  }

  private static func groups(_ groups: [UInt32]) -> String? {
    groups.isEmpty ? nil : groups.map { String($0) }.joined(separator: ",")
  }
}
