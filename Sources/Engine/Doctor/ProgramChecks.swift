internal import Kernel

extension HostCheck {
  static let programChecks = [HostCheck("registry helper", registryHelper), HostCheck("id helpers", idHelpers)]

  private static func registryHelper(_ facts: CheckedHost) -> HostFinding {
    if let helper = facts.registryHelper { return .fine(helper.string) }
    return .warning(
      "skiff-registry is not installed: no pull, no push", cure: "make install")
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
