internal import Kernel

extension HostCheck {
  static let userChecks = [
    HostCheck("user namespaces", userNamespaces), HostCheck("AppArmor", appArmor), HostCheck("subordinate ids", ranges),
    HostCheck("user session", session),
  ]

  /// Root needs them for --userns alone.
  private static func verdict(_ facts: CheckedHost, _ found: String, cure: String) -> HostFinding {
    facts.isRoot ? .warning(found, cure: cure) : .broken(found, cure: cure)
  }

  private static func userNamespaces(_ facts: CheckedHost) -> HostFinding {
    if facts.number("/proc/sys/user/max_user_namespaces") == 0 {
      return verdict(facts, "none may be made", cure: "sudo sysctl -w user.max_user_namespaces=65536")
    }
    // Debian's own switch.
    if facts.number("/proc/sys/kernel/unprivileged_userns_clone") == 0 {
      return verdict(facts, "root alone may make them", cure: "sudo sysctl -w kernel.unprivileged_userns_clone=1")
    }
    return .fine("may be made")
  }

  /// Ubuntu since 23.10.
  private static func appArmor(_ facts: CheckedHost) -> HostFinding {
    if facts.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 {
      if facts.isRoot { return .fine("user namespaces of ordinary users are restricted; root's are not") }
      return .broken(
        "user namespaces get no capabilities", cure: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    }
    return .fine(facts.exists("/sys/kernel/security/apparmor") ? "lets user namespaces be" : "not there")
  }

  private static func ranges(_ facts: CheckedHost) -> HostFinding {
    if facts.isRoot { return .fine("root needs none") }
    var missing: [String] = []
    for file in ["/etc/subuid", "/etc/subgid"] {
      var count = 0
      for line in (facts.text(Path(file)) ?? "").split(separator: "\n") {
        let fields = line.split(separator: ":").map(String.init)
        guard fields.count == 3, [facts.userName, String(facts.user)].contains(fields[0]) else { continue }
        count += Int(fields[2]) ?? 0
      }
      if count < 65_536 { missing.append(file) }
    }
    if missing.isEmpty { return .fine("65536 or more") }
    return .warning(
      "\(facts.userName) has no 65536 in \(missing.joined(separator: " and ")): a container has one user",
      cure: "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(facts.userName)")
  }

  /// Without one, limits cannot be set by who is not root, and what runs ends with the last terminal.
  private static func session(_ facts: CheckedHost) -> HostFinding {
    guard facts.exists("/run/systemd/system") else { return .fine("no systemd here") }
    if facts.isRoot { return .fine("root needs none") }
    if facts.exists(Path("/run/user/\(facts.user)/bus")) { return .fine("there") }
    return .warning("none of systemd's", cure: "sudo loginctl enable-linger \(facts.userName)")
  }
}
