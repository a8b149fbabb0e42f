internal import Kernel
internal import Steps

extension Explanation {
  /// A scope of systemd: the call over the bus, and busctl(1)'s spelling of it.
  init(starting unit: SystemdUnit) {
    let name = Trace.clean(unit.name)
    let words = unit.busctlWords
    self.init(
      name: "cgroup.startUnit",
      sentence: "Ask systemd to make the scope \(name) with the container in it, delegated to it: "
        + unit.properties.map { Trace.clean($0.description) }.joined(separator: ", ") + ".",
      calls: [
        Trace.call(
          "StartTransientUnit", Trace.string(unit.name), "\"replace\"", "[\(unit.properties.count + 1) properties]")
      ],
      shell: [
        unit.busctlCall + "StartTransientUnit 'ssa(sv)a(sa(sv))' \(ShellWord(unit.name)) replace "
          + "\(words.count + 1) \((words + ["PIDs au 1 \"$pid\""]).joined(separator: " ")) 0"
      ])
  }

  /// The caller's own.
  init(entering unit: SystemdUnit) {
    let name = Trace.clean(unit.name)
    let words = unit.busctlWords
    self.init(
      name: "cgroup.enterScope",
      sentence: "Ask \(unit.isUser ? "this user's systemd" : "systemd") to make the scope \(name), delegated, with "
        + "whoever starts the container in it: "
        + unit.properties.map { Trace.clean($0.description) }.joined(separator: ", ")
        + ".",
      calls: [
        Trace.call(
          "StartTransientUnit", Trace.string(unit.name), "\"replace\"", "[\(unit.properties.count + 1) properties]")
      ],
      shell: [
        unit.busctlCall + "StartTransientUnit 'ssa(sv)a(sa(sv))' \(ShellWord(unit.name)) replace "
          + "\(words.count + 1) \((words + ["PIDs au 1 $$"]).joined(separator: " ")) 0"
      ])
  }

  init(vacating group: Path, into leaf: Path) {
    let members = leaf.appending("cgroup.procs")
    self.init(
      name: "cgroup.vacate",
      sentence: "Move who is in the control group \(Trace.clean(group)) itself into \(Trace.clean(leaf)): "
        + "a group that holds processes hands no controllers down.",
      calls: [Trace.call("mkdirat", "AT_FDCWD", Trace.path(leaf), "0755")] + Trace.write(members, "<each of them>"),
      shell: [
        "mkdir -p \(ShellWord(leaf)); while read -r process; do echo \"$process\" > \(ShellWord(members)); done "
          + "< \(ShellWord(group.appending("cgroup.procs")))"
      ])
  }

  /// New limits, which live as long as the scope.
  init(changing unit: SystemdUnit) {
    let words = unit.busctlWords
    self.init(
      name: "cgroup.setUnit",
      sentence: "Tell systemd the new limits of the scope \(Trace.clean(unit.name)): "
        + unit.properties.map { Trace.clean($0.description) }.joined(separator: ", ") + ".",
      calls: [
        Trace.call("SetUnitProperties", Trace.string(unit.name), "true", "[\(unit.properties.count) properties]")
      ],
      shell: [
        unit.busctlCall + "SetUnitProperties 'sba(sv)' \(ShellWord(unit.name)) true "
          + (["\(words.count)"] + words).joined(separator: " ")
      ])
  }
}

extension SystemdUnit {
  fileprivate var busctlCall: String {
    "busctl \(isUser ? "--user " : "")call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
      + "org.freedesktop.systemd1.Manager "
  }

  fileprivate var busctlWords: [String] { properties.map { "\(ShellWord($0.name)) \($0.value.busctlWords)" } }
}

extension UnitProperty.Value {
  /// The type and the value, as busctl(1) takes them.
  fileprivate var busctlWords: String {
    func word(_ text: String) -> String { "\(ShellWord(text))" }
    return switch self {
    case .flag(let value): "b \(value)"
    case .signed(let value): "i \(value)"
    case .number(let value): "t \(value)"
    case .text(let value): "s \(word(value))"
    case .texts(let values): (["as", "\(values.count)"] + values.map(word)).joined(separator: " ")
    case .bits(let bytes): (["ay", "\(bytes.count)"] + bytes.map { "\($0)" }).joined(separator: " ")
    case .devices(let devices):
      (["'a(ss)'", "\(devices.count)"] + devices.flatMap { [word($0.path), word($0.access)] }).joined(separator: " ")
    }
  }
}
