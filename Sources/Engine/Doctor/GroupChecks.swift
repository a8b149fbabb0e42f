internal import Cgroups
internal import Kernel

extension HostCheck {
  static let groupChecks = [
    HostCheck("cgroups", layout), HostCheck("controllers", controllers), HostCheck("delegated groups", delegated),
  ]

  private static func layout(_ facts: CheckedHost) -> HostFinding {
    guard let layout = facts.groups(), layout.kind != .none else {
      return .broken("no control groups are mounted", cure: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    }
    if layout.unified?.isReadOnly ?? false, layout.hierarchies.allSatisfy(\.isReadOnly) {
      return .broken("the control groups are mounted read-only", cure: "mount -o remount,rw /sys/fs/cgroup")
    }
    return .fine("\(layout.kind.rawValue)")
  }

  private static func controllers(_ facts: CheckedHost) -> HostFinding {
    guard let layout = facts.groups() else {
      return .broken("no control groups are mounted", cure: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    }
    let wanted = ["memory", "cpu", "pids", "cpuset", "io"]
    let missing = wanted.filter { !layout.has($0) && !($0 == "io" && layout.has("blkio")) }
    if missing.isEmpty { return .fine(wanted.joined(separator: ", ")) }
    let cure =
      if !facts.isRoot {
        "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | "
          + "sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload"
      } else if missing == ["memory"] {
        "boot with cgroup_enable=memory on the kernel's command line"
      } else if let unified = layout.unified {
        "echo '\(missing.map { "+" + $0 }.joined(separator: " "))' > \(unified.mount)/cgroup.subtree_control"
      } else {
        "boot a kernel with these controllers"
      }
    return .warning("without \(missing.joined(separator: ", ")): their limits are refused", cure: cure)
  }
  /// What an ordinary user's limits need.
  private static func delegated(_ facts: CheckedHost) -> HostFinding {
    if facts.isRoot { return .fine("root needs none") }
    let delegation = facts.delegation()
    guard let layout = delegation.layout else {
      guard case .none(let reason, let cure) = delegation else { return .fine("there") }
      return .warning("\(reason): limits and pause are refused, stats are empty", cure: cure)
    }
    let wanted = ["memory", "cpu", "pids", "cpuset", "io"]
    let missing = wanted.filter { !layout.has($0) }
    let giver = if case .manager = delegation { "by this user's systemd" } else { "the group that this is in" }
    if missing.isEmpty { return .fine("\(wanted.joined(separator: ", ")), \(giver)") }
    return .warning(
      "without \(missing.joined(separator: ", ")), \(giver): their limits are refused",
      cure: delegation.cureForControllers)
  }
}
