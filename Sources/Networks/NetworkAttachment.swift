package import Kernel
package import Steps

/// A container's place on a network: all that its steps are made from.
package struct NetworkAttachment: Hashable, Sendable {
  package var network: String
  package var address: IPv4Prefix
  /// Nil on a network without IPv6.
  package var address6: IPv6Prefix?
  /// The way out; nil on an internal network.
  package var gateway: IPv4Address?
  package var gateway6: IPv6Address?
  /// Whether it is the container's default route: it has one for each family, whatever the number of its networks.
  package var isDefaultRoute = true
  package var isDefaultRoute6 = true
  package var gatewayPriority = 0
  package var linkLocal: [IPAddress] = []
  package var aliases: [String] = []
  /// Empty where there is none: on a macvlan.
  package var bridge: String
  /// Nil for a cable into the bridge.
  package var macvlan: MacvlanPlace?
  /// Its neighbours on the bridge do not reach it.
  package var isIsolated = false
  /// Nil for the kernel's, or the parent's.
  package var mtu: UInt32?
  /// The host's end of the cable; no link has the name on a macvlan.
  package var hostLink: String
  /// The container's end.
  package var name: String
  package var mac: MacAddress
  /// Which of the container's networks it is, from 0: part of the host link's name.
  package var interface: Int
  /// It has published ports.
  package var publishes = false

  package init(
    network: String, address: IPv4Prefix, gateway: IPv4Address?, bridge: String, hostLink: String,
    name: String? = nil, mac: MacAddress? = nil, interface: Int = 0
  ) {
    self.network = network
    self.address = address
    self.gateway = gateway
    self.bridge = bridge
    self.hostLink = hostLink
    self.interface = interface
    self.name = name ?? "eth\(interface)"
    // An address that is leased again then keeps its hardware address, so no neighbour's ARP entry points nowhere.
    self.mac = mac ?? MacAddress(for: address.address)
  }

  /// On the host, when the container's namespace is there.
  package var wiring: [NetworkStep] {
    if let macvlan {
      return [
        .makeMacvlan(MacvlanLink(parent: macvlan.parent, mode: macvlan.mode, name: name, mac: mac, mtu: mtu))
      ]
    }
    var steps = [
      NetworkStep.makeVeth(
        VethPair(
          host: hostLink, hostMac: MacAddress(ofCable: hostLink), bridge: bridge, peer: name, peerMac: mac, mtu: mtu))
    ]
    if exists("/proc/sys/net/ipv6/conf/default/disable_ipv6") {
      // A port of a bridge needs no address, and each of its routes is one more for the kernel to look through when the next
      // cable comes. Before the other end is up the kernel has made none. It goes with the link, so nothing is taken back.
      steps.append(.setSysctl(key: "net/ipv6/conf/\(hostLink)/disable_ipv6", value: "1", before: "1"))
    }
    if publishes { steps.append(.reflect(LinkName(hostLink))) }
    if isIsolated { steps.append(.isolate(LinkName(hostLink))) }
    return steps
  }

  /// In the container's namespace, after the wiring, while it has CAP_NET_ADMIN and a writable /proc/sys.
  package var inside: [NetworkStep] { addressing + addedRoutes }

  /// The same in a container that runs, where another network may have been the way out.
  package var joining: [NetworkStep] { addressing + routes }

  private var addressing: [NetworkStep] {
    let link = LinkName(name)
    var steps: [NetworkStep] = []
    let hasIPv6 = address6 != nil || linkLocal.contains { $0.v6 != nil }
    if exists("/proc/sys/net/ipv6/conf/default/disable_ipv6") {
      // Before the link is up: a forged router advertisement would give it an address and a route (CVE-2020-13401).
      steps.append(
        hasIPv6
          ? .setSysctl(key: "net/ipv6/conf/\(name)/accept_ra", value: "0", before: "1")
          : .setSysctl(key: "net/ipv6/conf/\(name)/disable_ipv6", value: "1", before: "0"))
    }
    steps.append(.addAddress(link, address))
    if let address6 { steps.append(.addAddress6(link, address6)) }
    for address in linkLocal {
      switch address {
      case .v4(let address): steps.append(.addAddress(link, IPv4Prefix(address, length: 16)))
      case .v6(let address): steps.append(.addAddress6(link, IPv6Prefix(address, length: 64)))
      }
    }
    steps.append(.setUp(link))
    return steps
  }

  /// At the container's start there is no other.
  private var addedRoutes: [NetworkStep] {
    let link = LinkName(name)
    var steps: [NetworkStep] = []
    if let gateway, isDefaultRoute { steps.append(.addDefaultRoute(gateway: gateway, link)) }
    if let gateway6, isDefaultRoute6 { steps.append(.addDefaultRoute6(gateway: gateway6, link)) }
    return steps
  }

  /// Which of a container's networks its packets for elsewhere leave by: the one with the highest priority, of equals the
  /// one whose name comes first, as docker has it. An internal network has no way out.
  package static func chooseDefaultRoutes(_ attachments: inout [NetworkAttachment]) {
    func best(_ has: (NetworkAttachment) -> Bool) -> String? {
      attachments.filter(has).min {
        $0.gatewayPriority == $1.gatewayPriority ? $0.network < $1.network : $0.gatewayPriority > $1.gatewayPriority
      }?.network
    }
    let (first, first6) = (best { $0.gateway != nil }, best { $0.gateway6 != nil })
    for index in attachments.indices {
      attachments[index].isDefaultRoute = attachments[index].network == first
      attachments[index].isDefaultRoute6 = attachments[index].network == first6
    }
  }
}

/// Where a macvlan's links are.
package struct MacvlanPlace: Hashable, Sendable {
  package var parent: String
  package var mode: MacvlanLink.Mode
  package init(parent: String, mode: MacvlanLink.Mode) {
    self.parent = parent
    self.mode = mode
  }
}
