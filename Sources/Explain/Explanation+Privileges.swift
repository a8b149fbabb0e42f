internal import Kernel
internal import Steps

extension Explanation {
  /// The steps by which a process gives up what it could do.
  init(ofPrivilegeStep step: ProcessStep) {
    switch step {
    case .limitCapabilities(let bounding):
      self.init(
        name: "process.limitCapabilities",
        sentence:
          "Root is cut into \(CapabilitySet.allNames.count) capabilities: no program in here can ever have others than "
          + "\(bounding.shortNames).",
        calls: CapabilitySet.all.subtracting(bounding).names.map { Trace.call("prctl", "PR_CAPBSET_DROP", $0) },
        shell: ["exec setpriv --bounding-set=\(bounding.setprivList) \"$@\""])
    case .setUser(let user, let group, let supplementary):
      let list = supplementary.map { String($0) }.joined(separator: ",")
      self.init(
        name: "process.setUser",
        sentence: "Become user \(user), group \(group)"
          + (supplementary.isEmpty ? ", with no further groups." : ", also in the groups \(list)."),
        calls: [
          Trace.call("prctl", "PR_SET_KEEPCAPS", "1"),
          Trace.call(
            "setgroups", "\(supplementary.count)", "[\(supplementary.map { String($0) }.joined(separator: ", "))]"),
          Trace.call("setresgid", "\(group)", "\(group)", "\(group)"),
          Trace.call("setresuid", "\(user)", "\(user)", "\(user)"),
          Trace.call("prctl", "PR_SET_KEEPCAPS", "0"),
        ],
        shell: [
          command(
            "exec setpriv --reuid=\(user) --regid=\(group)", list.isEmpty ? "--clear-groups" : "--groups=\(list)",
            "\"$@\"")
        ])
    case .setCapabilities(let sets):
      self.init(setting: sets)
    case .loadFilter(let filter):
      self.init(
        name: "process.loadFilter",
        sentence: "Let the kernel refuse the system calls that a container does not need: \(Trace.clean(filter.name)), "
          + "a program of \(filter.instructions.count) instructions that runs before each call."
          + (filter.listener.map { " It leaves some to the agent at \(Trace.clean($0.path))." } ?? ""),
        calls: [
          Trace.call(
            "seccomp", "SECCOMP_SET_MODE_FILTER", filter.flags == 0 ? "0" : "0x\(String(filter.flags, radix: 16))",
            "{len=\(filter.instructions.count), filter=…}")
        ],
        shell: [
          "# no shell command loads a seccomp filter (\(Trace.clean(filter.name)), \(filter.instructions.count) instructions): "
            + "this part of the walls is missing from a script"
        ])
    default:
      self.init(
        name: "process.setNoNewPrivileges",
        sentence: "Promise that no program it runs gains privileges: set-user-id bits are ignored from here on.",
        calls: [Trace.call("prctl", "PR_SET_NO_NEW_PRIVS", "1", "0", "0", "0")],
        shell: ["exec setpriv --no-new-privs \"$@\""])
    }
  }

  private init(setting sets: Capabilities) {
    var calls = [
      Trace.call(
        "capset", "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}",
        "{effective=\(sets.effective), permitted=\(sets.permitted), inheritable=\(sets.inheritable)}"),
      Trace.call("prctl", "PR_CAP_AMBIENT", "PR_CAP_AMBIENT_CLEAR_ALL", "0", "0", "0"),
    ]
    calls += sets.ambient.names.map { Trace.call("prctl", "PR_CAP_AMBIENT", "PR_CAP_AMBIENT_RAISE", $0, "0", "0") }
    self.init(
      name: "process.setCapabilities",
      sentence:
        "Keep only the capabilities \(sets.permitted.shortNames), and hand none down to programs by inheritance.",
      calls: calls,
      // What root may do after execve is cut by the bounding set; another user keeps what is ambient.
      shell: [
        "exec setpriv --inh-caps=\(sets.inheritable.union(sets.ambient).setprivList) "
          + "--ambient-caps=\(sets.ambient.setprivList) \"$@\""
      ])
  }
}

extension CapabilitySet {
  /// `chown, kill`, or `none`.
  var shortNames: String {
    if isSuperset(of: .all) { return "all" }
    return isEmpty ? "none" : names.map(Self.short).joined(separator: ", ")
  }

  /// `-all,+chown,+kill`, as setpriv(1) takes a set.
  var setprivList: String {
    isSuperset(of: .all) ? "+all" : (["-all"] + names.map { "+" + Self.short($0) }).joined(separator: ",")
  }

  private static func short(_ name: String) -> String {
    name.hasPrefix("CAP_") ? name.dropFirst(4).lowercased() : "cap_" + name
  }
}
