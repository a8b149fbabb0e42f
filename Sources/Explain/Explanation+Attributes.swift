internal import Kernel
internal import Steps

extension Explanation {
  init(of attribute: ProcessAttribute) {
    switch attribute {
    case .scheduler(let settings): self.init(scheduling: settings)
    case .ioPriority(let priority):
      self.init(
        name: "process.setIOPriority",
        sentence: "Let the disks serve it \(priority.class.meaning), at level \(priority.level) of 0 (first) to 7.",
        calls: [
          Trace.call(
            "ioprio_set", "IOPRIO_WHO_PROCESS", "0", "IOPRIO_PRIO_VALUE(\(priority.class.rawValue), \(priority.level))")
        ],
        shell: ["ionice --class \(priority.class.rawValue) --classdata \(priority.level) --pid $$"])
    case .processors(let list):
      self.init(
        name: "process.setProcessors",
        sentence: list == .all
          ? "Run on whichever processors the control group allows." : "Run on the processors \(list) only.",
        calls: [Trace.call("sched_setaffinity", "0", "\(list.words.count * 8)", "[\(list)]")],
        shell: ["taskset --pid --cpu-list \(list) $$ >/dev/null"])
    case .memoryPolicy(let policy): self.init(placing: policy)
    case .personality(let personality):
      self.init(
        name: "process.setPersonality",
        sentence: personality == .linux
          ? "Be told the truth about the machine." : "Be told that the machine is one of 32 bits.",
        calls: [Trace.call("personality", personality == .linux ? "PER_LINUX" : "PER_LINUX32")],
        shell: ["exec \(attribute.wrapper ?? "") \"$@\""])
    case .securityLabel(let label): self.init(labelling: label, wrapper: attribute.wrapper ?? "")
    case .keyring(let keyring):
      self.init(
        name: "process.joinKeyring",
        sentence:
          "Leave the keys of whoever started it behind, for a keyring of its own: \(Trace.clean(keyring.name)).",
        calls: [Trace.call("keyctl", "KEYCTL_JOIN_SESSION_KEYRING", Trace.string(keyring.name))]
          + (keyring.permissions == 0
            ? []
            : [Trace.call("keyctl", "KEYCTL_SETPERM", "<keyring>", "0x\(String(keyring.permissions, radix: 16))|…")]),
        shell: ["exec \(attribute.wrapper ?? "") \"$@\""])
    }
  }

  private init(scheduling settings: SchedulerSettings) {
    var fields = [
      "sched_policy=\(settings.policy.constant)", "sched_flags=0x\(String(settings.flags, radix: 16))",
      "sched_nice=\(settings.nice)", "sched_priority=\(settings.priority)",
    ]
    var times = ""
    if settings.policy == .deadline {
      fields += [
        "sched_runtime=\(settings.runtime)", "sched_deadline=\(settings.deadline)", "sched_period=\(settings.period)",
      ]
      times =
        " --sched-runtime \(settings.runtime) --sched-deadline \(settings.deadline) --sched-period \(settings.period)"
    }
    let reset = settings.flags & 1 == 0 ? "" : " --reset-on-fork"
    var shell = ["chrt\(reset) \(settings.policy.option)\(times) --pid \(settings.priority) $$"]
    if settings.nice != 0 { shell.append("renice -n \(settings.nice) -p $$ >/dev/null") }
    self.init(
      name: "process.setScheduler",
      sentence: "Be scheduled \(settings.policy.meaning)"
        + (settings.nice == 0 ? "." : ", with the nice value \(settings.nice)."),
      calls: [Trace.call("sched_setattr", "0", "{\(fields.joined(separator: ", "))}", "0")], shell: shell)
  }

  private init(placing policy: MemoryPolicy) {
    let nodes = policy.nodes.isEmpty ? "" : " of the memory nodes \(policy.nodes)"
    self.init(
      name: "process.setMemoryPolicy",
      sentence: "Take memory \(policy.mode.meaning)\(nodes).",
      calls: [
        Trace.call(
          "set_mempolicy", policy.mode.constant + (policy.flags == 0 ? "" : "|0x\(String(policy.flags, radix: 16))"),
          policy.nodes.isEmpty ? "NULL" : "[\(policy.nodes)]", "\(policy.nodes.words.count * 64)")
      ],
      shell: ["exec \(ProcessAttribute.memoryPolicy(policy).wrapper ?? "") \"$@\""])
  }

  private init(labelling label: SecurityLabel, wrapper: String) {
    let (module, text, file) =
      switch label {
      case .apparmor(let profile): ("AppArmor's profile", profile, Path("/proc/self/attr/apparmor/exec"))
      case .selinux(let label): ("SELinux's label", label, Path("/proc/self/attr/exec"))
      }
    var written = text
    if case .apparmor = label { written = "exec " + text }
    self.init(
      name: "process.setSecurityLabel",
      sentence: "From the program on, be ruled by \(module) \(Trace.clean(text)).", calls: Trace.write(file, written),
      shell: ["exec \(wrapper) \"$@\""])
  }
}

extension ProcessAttribute {
  /// The tool that executes a program with the attribute, for those that no command gives to the shell itself.
  var wrapper: String? {
    switch self {
    case .scheduler, .ioPriority, .processors: nil
    case .personality(let personality): personality == .linux ? "setarch linux64" : "setarch linux32"
    case .memoryPolicy(let policy): "numactl \(policy.option)"
    case .securityLabel(.apparmor(let profile)): "aa-exec -p \(ShellWord(profile)) --"
    case .securityLabel(.selinux(let label)): "runcon \(ShellWord(label))"
    case .keyring(let keyring): "keyctl session \(ShellWord(keyring.name))"
    }
  }
}

extension SchedulerSettings.Policy {
  fileprivate var constant: String {
    switch self {
    case .other: "SCHED_OTHER"
    case .fifo: "SCHED_FIFO"
    case .roundRobin: "SCHED_RR"
    case .batch: "SCHED_BATCH"
    case .idle: "SCHED_IDLE"
    case .deadline: "SCHED_DEADLINE"
    }
  }

  /// Of chrt(1).
  fileprivate var option: String {
    switch self {
    case .other: "--other"
    case .fifo: "--fifo"
    case .roundRobin: "--rr"
    case .batch: "--batch"
    case .idle: "--idle"
    case .deadline: "--deadline"
    }
  }

  fileprivate var meaning: String {
    switch self {
    case .other: "as every process is"
    case .fifo: "before all others, for as long as it wants"
    case .roundRobin: "before all others, in turns with its equals"
    case .batch: "as one that nobody waits for"
    case .idle: "when no other process wants to run"
    case .deadline: "so that it gets its time before each deadline"
    }
  }
}

extension IOPriority.Class {
  fileprivate var meaning: String {
    switch self {
    case .realTime: "before all others"
    case .bestEffort: "in turns with others"
    case .idle: "when no other process wants them"
    }
  }
}

extension MemoryPolicy {
  /// Of numactl(8).
  fileprivate var option: String {
    switch mode {
    case .default: "--all"
    case .preferred: nodes.isEmpty ? "--localalloc" : "--preferred=\(nodes)"
    case .bind: "--membind=\(nodes)"
    case .interleave: "--interleave=\(nodes)"
    case .local: "--localalloc"
    case .preferredMany: "--preferred-many=\(nodes)"
    case .weightedInterleave: "--weighted-interleave=\(nodes)"
    }
  }
}

extension MemoryPolicy.Mode {
  fileprivate var constant: String {
    switch self {
    case .default: "MPOL_DEFAULT"
    case .preferred: "MPOL_PREFERRED"
    case .bind: "MPOL_BIND"
    case .interleave: "MPOL_INTERLEAVE"
    case .local: "MPOL_LOCAL"
    case .preferredMany: "MPOL_PREFERRED_MANY"
    case .weightedInterleave: "MPOL_WEIGHTED_INTERLEAVE"
    }
  }

  fileprivate var meaning: String {
    switch self {
    case .default: "wherever the kernel does by default"
    case .preferred: "rather from the first"
    case .bind: "from no other than those"
    case .interleave: "in turns from each"
    case .local: "from the node that it runs on"
    case .preferredMany: "rather from some"
    case .weightedInterleave: "from each by its weight, in turns,"
    }
  }
}
