internal import Kernel
internal import Steps

extension Explanation {
  init(of step: CgroupStep) {
    switch step {
    case .ensure(let path):
      self.init(
        name: "cgroup.ensure",
        sentence:
          "Make sure that the control group \(Trace.clean(path)) exists; containers have their own groups below it.",
        calls: [Trace.call("mkdirat", "AT_FDCWD", Trace.path(path), "0755")],
        shell: ["mkdir -p \(ShellWord(path))"])
    case .make(let path):
      self.init(
        name: "cgroup.make",
        sentence: "Make the container's own control group \(Trace.clean(path)): "
          + "the kernel counts and limits what the processes in it use (\(Self.controller(of: path))).",
        calls: [Trace.call("mkdirat", "AT_FDCWD", Trace.path(path), "0755")],
        shell: ["mkdir \(ShellWord(path))"])
    case .write(let group, let file, let value):
      let path = group.appending(file)
      self.init(
        name: "cgroup.write", sentence: Self.meaning(of: file, value: value), calls: Trace.write(path, value),
        shell: ["echo \(ShellWord(value)) > \(ShellWord(path))"])
    case .writeFirst(let group, let settings, let orNone):
      self.init(writingFirstOf: settings, in: group, orNone: orNone)
    case .enable(let group, let required, let wanted):
      self.init(enabling: required, wanted, below: group)
    case .allowDevices(let group, let rules):
      let names = rules.map { "\($0.allow ? "allow" : "deny") \($0)" }.joined(separator: ", ")
      self.init(
        name: "cgroup.allowDevices",
        sentence:
          "Attach a small program to the control group that the kernel asks before any device is opened or made: "
          + names + ".",
        calls: [
          Trace.call("bpf", "BPF_PROG_LOAD", "{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt=…, license=\"…\"}"),
          Trace.call("bpf", "BPF_PROG_ATTACH", "{target_fd=<\(Trace.clean(group))>, attach_type=BPF_CGROUP_DEVICE}"),
        ],
        shell: ["# no shell command compiles a device program; the rules: \(names)"])
    case .inheritCpuset(let group):
      self.init(
        name: "cgroup.inheritCpuset",
        sentence: "Give the new cpuset group the processors and memory nodes of its parent: "
          + "until it has some, no process may enter.",
        calls: ["cpuset.cpus", "cpuset.mems"].flatMap { file in
          [Trace.call("read", "<\(Trace.clean(group.parent.appending(file)))>", "…", "4096")]
            + [Trace.call("write", "<\(Trace.clean(group.appending(file)))>", "<what was read>", "…")]
        },
        shell: ["cpuset.cpus", "cpuset.mems"].map { file in
          "cat \(ShellWord(group.parent.appending(file))) > \(ShellWord(group.appending(file)))"
        })
    case .join(let group, let isV2):
      let path = group.appending(isV2 ? "cgroup.procs" : "tasks")
      self.init(
        name: "cgroup.join",
        sentence: "Enter the control group \(Trace.clean(group)): 0 means the process that writes it, "
          + "and its children are born where it is.",
        calls: Trace.write(path, "0"), shell: ["echo 0 > \(ShellWord(path))"])
    case .admit(let group, let isV2):
      let path = group.appending(isV2 ? "cgroup.procs" : "tasks")
      self.init(
        name: "cgroup.admit",
        sentence: "Put the container into the control group \(Trace.clean(group)): its own root may not write there.",
        calls: Trace.write(path, "<container>"), shell: ["echo \"$pid\" > \(ShellWord(path))"])
    case .startUnit(let unit, _): self.init(starting: unit)
    case .enterScope(let unit): self.init(entering: unit)
    case .vacate(let group, let leaf): self.init(vacating: group, into: leaf)
    case .setUnit(let unit): self.init(changing: unit)
    case .stopUnit(let name, let isUser, _):
      self.init(
        name: "cgroup.stopUnit",
        sentence: "Ask systemd to stop the scope \(Trace.clean(name)), and remove what is left of its groups.",
        calls: [Trace.call("StopUnit", Trace.string(name), "\"replace\"")],
        shell: ["systemctl \(isUser ? "--user " : "")stop \(ShellWord(name))"])
    case .remove(let path):
      self.init(
        name: "cgroup.remove", sentence: "Remove the control group \(Trace.clean(path)) when its last process is gone.",
        calls: [Trace.call("unlinkat", "AT_FDCWD", Trace.path(path), "AT_REMOVEDIR")],
        shell: ["rmdir \(ShellWord(path))"])
    }
  }

  private init(writingFirstOf settings: [ControlSetting], in group: Path, orNone: Bool) {
    let first = settings.first
    let paths = settings.map { (word: ShellWord(group.appending($0.file)), value: ShellWord($0.value)) }
    var chain = paths.map { "if [ -e \($0.word) ]; then echo \($0.value) > \($0.word)" }.joined(separator: "; el")
    if !paths.isEmpty { chain += orNone ? "; fi" : "; else exit 1; fi" }
    self.init(
      name: "cgroup.writeFirst",
      sentence: (first.map { Self.meaning(of: $0.file, value: $0.value) } ?? "Nothing to write.")
        + (settings.count > 1 ? " Kernels name the file differently; the first that is there takes it." : ""),
      calls: settings.flatMap { Trace.write(group.appending($0.file), $0.value) },
      shell: chain.isEmpty ? [] : [chain])
  }

  private init(enabling required: [String], _ wanted: [String], below group: Path) {
    let path = group.appending("cgroup.subtree_control")
    let names = (required + wanted).joined(separator: ", ")
    self.init(
      name: "cgroup.enable",
      sentence: "Hand the controllers \(names) down to the groups below \(Trace.clean(group)).",
      calls: (required + wanted).flatMap { Trace.write(path, "+" + $0) },
      shell: required.map { "echo \(ShellWord("+" + $0)) > \(ShellWord(path))" }
        + wanted.map { "echo \(ShellWord("+" + $0)) > \(ShellWord(path)) 2>/dev/null || :" })
  }

  /// The controller that a v1 path belongs to, from the directory below /sys/fs/cgroup.
  private static func controller(of path: Path) -> String {
    let parts = path.components
    guard parts.count > 3, parts[0].string == "sys", parts[2].string == "cgroup" else {
      return "its own part of the tree"
    }
    switch parts[3].string {
    case "memory": return "here memory"
    case "cpu", "cpu,cpuacct": return "here processor time"
    case "cpuacct": return "here the count of processor time"
    case "cpuset": return "here which processors"
    case "pids": return "here the number of processes"
    case "blkio": return "here disk traffic"
    case "devices": return "here which devices"
    case "freezer": return "here pausing all at once"
    default: return "here \(Trace.clean(parts[3]))"
    }
  }

  /// What a control file means to someone who sees it for the first time.
  private static func meaning(of file: Path, value: String) -> String {
    let value = Trace.clean(value.trimmed)
    switch file.string {
    case "memory.limit_in_bytes", "memory.max":
      return "Limit memory to \(bytes(value)): whoever goes beyond it is killed."
    case "memory.memsw.limit_in_bytes": return "Limit memory and swap together to \(bytes(value))."
    case "memory.swap.max": return "Limit swap to \(bytes(value))."
    case "memory.high", "memory.soft_limit_in_bytes": return "Slow down and reclaim above \(bytes(value)) of memory."
    case "memory.low": return "Keep \(bytes(value)) of memory from being reclaimed while others have some to give."
    case "cpu.max", "cpu.cfs_quota_us":
      return "Limit processor time to \(value) microseconds of each period."
    case "cpu.cfs_period_us": return "Count processor time over periods of \(value) microseconds."
    case "cpu.weight", "cpu.shares": return "Weigh this container \(value) against others when processors are short."
    case "cpuset.cpus": return "Run on the processors \(value) only."
    case "cpuset.mems": return "Take memory from the nodes \(value) only."
    case "pids.max": return "Allow \(value) processes and threads: a fork bomb stops here."
    case "devices.deny" where value == "a": return "Forbid every device, then allow the few that a container needs."
    case "devices.deny": return "Forbid the device \(value)."
    case "devices.allow" where value == "a": return "Allow every device."
    case "devices.allow": return "Allow the device \(value) (kind, major:minor, read write mknod)."
    case "freezer.state", "cgroup.freeze": return "Set the freezer to \(value)."
    default: return "Set \(Trace.clean(file)) of the control group to \(value)."
    }
  }

  /// `67108864` → `64 MiB`; words such as `max` as they are.
  private static func bytes(_ text: String) -> String {
    guard var count = Int64(text), count > 0 else {
      return text == "-1" || text == "max" ? "as much as there is" : text
    }
    var unit = 0
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while count >= 1024, count % 1024 == 0, unit + 1 < units.count {
      count /= 1024
      unit += 1
    }
    return "\(count) \(units[unit])"
  }
}
