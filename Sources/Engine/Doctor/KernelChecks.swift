internal import Kernel

extension HostCheck {
  static let kernelChecks = [
    HostCheck("kernel", kernel), HostCheck("namespaces", namespaces), HostCheck("seccomp", seccomp),
    HostCheck("overlay", overlay), HostCheck("clock", clock),
  ]

  /// openat2, mount_setattr, cgroup.kill: DESIGN's baseline.
  private static func kernel(_ facts: CheckedHost) -> HostFinding {
    guard let release = facts.text("/proc/sys/kernel/osrelease")?.split(separator: "\n").first.map(String.init) else {
      return .broken("/proc is not mounted", cure: "mount -t proc proc /proc")
    }
    let numbers = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
    guard numbers.count == 2, (numbers[0], numbers[1]) >= (5, 14) else {
      return .broken("Linux \(release), and Skiff needs 5.14", cure: "install a newer kernel, and boot it")
    }
    return .fine("Linux \(release)")
  }

  private static func namespaces(_ facts: CheckedHost) -> HostFinding {
    let kinds = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"]
    let missing = kinds.filter { !facts.exists(Path("/proc/self/ns/\($0)")) }
    if missing.isEmpty { return .fine("all of \(kinds.joined(separator: ", "))") }
    let words = missing.joined(separator: ", ")
    if missing == ["user"] {
      return .warning(
        "no user namespaces: no --userns, and nothing without root", cure: "boot a kernel with CONFIG_USER_NS=y")
    }
    return .broken("the kernel has no namespaces for \(words)", cure: "boot a kernel with CONFIG_NAMESPACES=y")
  }

  private static func seccomp(_ facts: CheckedHost) -> HostFinding {
    guard let actions = facts.text("/proc/sys/kernel/seccomp/actions_avail") else {
      return .broken("the kernel has no seccomp filters", cure: "boot a kernel with CONFIG_SECCOMP_FILTER=y")
    }
    return actions.split(whereSeparator: \.isWhitespace).contains("errno")
      ? .fine("filters")
      : .broken("seccomp filters cannot answer with an error", cure: "boot a newer kernel")
  }

  private static func overlay(_ facts: CheckedHost) -> HostFinding {
    facts.hasFileSystem("overlay")
      ? .fine("there")
      : .broken("the kernel has no overlay file system: images have nothing to stand on", cure: "modprobe overlay")
  }

  /// Certificates of registries are not valid yet for a clock that lost its battery.
  private static func clock(_ facts: CheckedHost) -> HostFinding {
    let time = facts.time()
    let text = String(time.rfc3339.prefix(19)) + "Z"
    return time < Timestamp(rfc3339: "2026-01-01")!
      ? .warning("it is \(text) here: registries will be refused", cure: "timedatectl set-ntp true") : .fine(text)
  }
}
