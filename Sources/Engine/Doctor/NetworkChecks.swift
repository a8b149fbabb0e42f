internal import Kernel

extension HostCheck {
  static let networkChecks = [
    HostCheck("nftables", firewall), HostCheck("IP forwarding", forwarding),
    HostCheck("reverse path filter", reversePath),
    HostCheck("low ports", lowPorts),
  ]

  private static func firewall(_ facts: CheckedHost) -> HostFinding {
    facts.hasFirewall()
      ? .fine("there")
      : .warning("the kernel has no nftables: no bridge networks and no published ports", cure: "modprobe nf_tables")
  }

  private static func forwarding(_ facts: CheckedHost) -> HostFinding {
    switch facts.number("/proc/sys/net/ipv4/ip_forward") {
    case 1: .fine("on")
    case 0 where facts.isRoot: .fine("off until the first bridge network turns it on")
    default:
      .warning("off: containers on a bridge reach nobody outside", cure: "sudo sysctl -w net.ipv4.ip_forward=1")
    }
  }

  /// 1 is strict (ip-sysctl): what comes in by another link than the answer would take is dropped.
  private static func reversePath(_ facts: CheckedHost) -> HostFinding {
    let value = facts.number("/proc/sys/net/ipv4/conf/all/rp_filter") ?? 0
    if value != 1 { return .fine(value == 0 ? "off" : "loose") }
    return .warning(
      "strict: with routes by several links, answers to published ports are dropped",
      cure: "sysctl -w net.ipv4.conf.all.rp_filter=2")
  }

  private static func lowPorts(_ facts: CheckedHost) -> HostFinding {
    let first = facts.number("/proc/sys/net/ipv4/ip_unprivileged_port_start") ?? 1024
    if facts.isRoot || first <= 80 { return .fine("can be published") }
    return .warning("ports below \(first) are root's", cure: "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80")
  }
}
