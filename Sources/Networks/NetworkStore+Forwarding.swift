internal import Kernel
internal import Netlink
internal import Steps

/// All links of the host together: the kernel asks no other before it passes an IPv6 packet on (ip6_forward).
let forwarding6: Path = "/proc/sys/net/ipv6/conf/all/forwarding"

extension NetworkStore {
  /// What has to be switched on for a network's containers to reach further than their neighbours.
  func forwardingStarts(_ network: Network) throws(Fault) -> (v4: Bool, v6: Bool) {
    guard !network.isInternal else { return (false, false) }
    return (
      try readText("/proc/sys/net/ipv4/ip_forward") != "1",
      network.subnet6 != nil ? try readText(forwarding6) != "1" : false
    )
  }

  func forwardingSteps(_ starts: (v4: Bool, v6: Bool), _ links: [String]) throws(Fault) -> [NetworkStep] {
    var steps: [NetworkStep] = []
    if starts.v4 { steps.append(.setSysctl(key: "net/ipv4/ip_forward", value: "1", before: "0")) }
    guard starts.v6 else { return steps }
    // A host that forwards believes no router advertisement any more, and would lose its own way out; 2 believes them all
    // the same (ip-sysctl, accept_ra).
    for link in links where (try? readText(Path("/proc/sys/net/ipv6/conf/\(link)/accept_ra"))) == "1" {
      steps.append(.setSysctl(key: "net/ipv6/conf/\(link)/accept_ra", value: "2", before: "1"))
    }
    steps.append(.setSysctl(key: "net/ipv6/conf/all/forwarding", value: "1", before: "0"))
    return steps
  }

  /// What takes that back with the last network: only where we did it, and no link came later that may count on it by now.
  /// Where it stays, so does the rule that keeps the host's own links apart.
  func forwardingEnds() throws(Fault) -> (v4: Bool, v6: Bool) {
    guard let frame = try readFirewallState()?.frame else { return (false, false) }
    let links = Set(try foreignLinks())
    func ends(_ uplinks: [String], _ file: Path) throws(Fault) -> Bool {
      guard !uplinks.isEmpty, links.isSubset(of: uplinks) else { return false }
      return try readText(file) == "1"
    }
    return (
      try ends(frame.uplinks, "/proc/sys/net/ipv4/ip_forward"), try ends(frame.uplinks6, forwarding6)
    )
  }

  func forwardingStops(_ ends: (v4: Bool, v6: Bool)) throws(Fault) -> [NetworkStep] {
    var steps: [NetworkStep] = []
    if ends.v4 { steps.append(.setSysctl(key: "net/ipv4/ip_forward", value: "0", before: "1")) }
    guard ends.v6 else { return steps }
    steps.append(.setSysctl(key: "net/ipv6/conf/all/forwarding", value: "0", before: "1"))
    for link in try foreignLinks() where (try? readText(Path("/proc/sys/net/ipv6/conf/\(link)/accept_ra"))) == "2" {
      steps.append(.setSysctl(key: "net/ipv6/conf/\(link)/accept_ra", value: "1", before: "2"))
    }
    return steps
  }

  /// The link that a macvlan's are on, made where it is missing.
  func parentSteps(_ network: Network) throws(NetworkError) -> [Step] {
    let name = network.parent
    if let link = try link(name) { return link.isUp ? [] : [.network(.setUp(LinkName(name)))] }
    guard network.isParentMade else {
      throw NetworkError(
        .host, "the link \(name) of network \(network.name) is gone", hint: "`ip link` shows the links that are there")
    }
    var steps: [NetworkStep] = []
    if network.options[MacvlanOption.parent] == nil {
      steps.append(.makeDummy(name: name))
    } else if let vlan = network.vlan {
      steps.append(.makeVlan(name: name, on: LinkName(vlan.link), identifier: vlan.identifier))
    }
    return (steps + [.setUp(LinkName(name))]).map(Step.network)
  }
}
