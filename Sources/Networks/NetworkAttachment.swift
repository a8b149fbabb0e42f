package import Kernel
package import Steps

/// A container's place on a network: all that its steps are made from.
package struct NetworkAttachment: Hashable, Sendable {
  package var network: String
  package var address: IPv4Prefix
  /// Nil on an internal network: there is no way out.
  package var gateway: IPv4Address?
  package var bridge: String
  /// The host's end of the cable.
  package var hostLink: String
  /// The container's end.
  package var name: String
  /// It has published ports.
  package var publishes = false

  package init(
    network: String, address: IPv4Prefix, gateway: IPv4Address?, bridge: String, hostLink: String, name: String = "eth0"
  ) {
    self.network = network
    self.address = address
    self.gateway = gateway
    self.bridge = bridge
    self.hostLink = hostLink
    self.name = name
  }

  package var mac: MacAddress { MacAddress(for: address.address) }

  /// On the host, when the container's namespace is there.
  package var wiring: [NetworkStep] {
    let cable = NetworkStep.makeVeth(VethPair(host: hostLink, bridge: bridge, peer: name, peerMac: mac))
    return publishes ? [cable, .reflect(LinkName(hostLink))] : [cable]
  }

  /// In the container's namespace, after the wiring, while it has CAP_NET_ADMIN and a writable /proc/sys.
  package var inside: [NetworkStep] {
    let link = LinkName(name)
    var steps: [NetworkStep] = [.setUp(.loopback)]
    // Off before the link is up: a forged router advertisement would give it an address and a route (CVE-2020-13401).
    if exists("/proc/sys/net/ipv6/conf/default/disable_ipv6") {
      steps.append(.setSysctl(key: "net/ipv6/conf/\(name)/disable_ipv6", value: "1", before: "0"))
    }
    steps += [.addAddress(link, address), .setUp(link)]
    if let gateway { steps.append(.addDefaultRoute(gateway: gateway, link)) }
    return steps
  }
}
