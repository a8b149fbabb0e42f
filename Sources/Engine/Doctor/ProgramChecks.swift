internal import Kernel

extension HostCheck {
  static let programChecks = [
    HostCheck("registry helper", registryHelper), HostCheck("id helpers", idHelpers),
    HostCheck("pasta or slirp4netns", forwarder),
  ]

  private static func registryHelper(_ facts: CheckedHost) -> HostFinding {
    if let helper = facts.registryHelper { return .fine(helper.string) }
    return .warning(
      "skiff-registry is not installed: no pull, no push", cure: "make install")
  }

  /// The way out of whatever an ordinary user runs.
  private static func forwarder(_ facts: CheckedHost) -> HostFinding {
    if facts.isRoot { return .fine("root needs none") }
    guard let program = ForwarderProgram.allCases.first(where: { $0.places.contains(where: facts.exists) }) else {
      return .warning("not installed: no network but none and host", cure: "sudo apt-get install passt")
    }
    return facts.exists("/dev/net/tun")
      ? .fine(program.rawValue) : .warning("there is no /dev/net/tun for it", cure: "sudo modprobe tun")
  }

  /// Who is not root maps more than one id through them.
  private static func idHelpers(_ facts: CheckedHost) -> HostFinding {
    if facts.isRoot { return .fine("root needs none") }
    let missing = ["newuidmap", "newgidmap"].filter { name in
      !["/usr/bin", "/bin", "/usr/local/bin"].contains { facts.exists(Path("\($0)/\(name)")) }
    }
    if missing.isEmpty { return .fine("newuidmap, newgidmap") }
    return .warning("\(missing.joined(separator: " and ")) are not installed", cure: "sudo apt-get install uidmap")
  }
}
