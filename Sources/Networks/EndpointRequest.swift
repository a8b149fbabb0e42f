package import Kernel
internal import Netlink

/// One network that a container is to be on, as it was asked for: `--network` and what belongs to it.
package struct EndpointRequest: Hashable, Sendable {
  package var network: String
  /// `--ip`, `--ip6`: leased exactly, or not at all.
  package var address: IPv4Address?
  package var address6: IPv6Address?
  package var mac: MacAddress?
  /// Other names for the container on this network alone.
  package var aliases: [String] = []
  /// `--link-local-ip`: further addresses of the link, which nobody leases.
  package var linkLocal: [IPAddress] = []
  /// What the link is called in the container; nil for `eth0` and on.
  package var interfaceName: String?
  /// `gw-priority`: the network with the highest gives the container its default route.
  package var gatewayPriority = 0

  package init(network: String) { self.network = network }
}

extension EndpointRequest {
  /// What docker refuses too, before anything is made.
  func check(on network: Network) throws(NetworkError) {
    if network.isDefault {
      guard address == nil, address6 == nil else {
        throw NetworkError(
          .usage, "an address is chosen on networks of one's own, not on \(network.name)",
          hint: "skiff network create --subnet 10.90.0.0/24 back, and --network back --ip 10.90.0.7")
      }
      guard aliases.isEmpty else {
        throw NetworkError(
          .usage, "aliases are known on networks of one's own, not on \(network.name)",
          hint: "skiff network create back, and --network back --network-alias \(aliases[0])")
      }
    }
    try checkAddress(on: network)
    try checkAddress6(on: network)
    for address in linkLocal where !address.isLinkLocal {
      throw NetworkError(
        .usage, "\(address) is no link-local address", hint: "one of 169.254.0.0/16 or fe80::/10")
    }
    if let mac, mac.isGroup || mac.value == 0 {
      throw NetworkError(
        .usage, "\(mac) is no hardware address of one link", hint: "its first byte is even: 02:42:0a:5a:00:07")
    }
  }

  private func checkAddress(on network: Network) throws(NetworkError) {
    guard let address else { return }
    guard !network.isSubnetChosen else {
      throw NetworkError(
        .usage, "network \(network.name) has a subnet that was chosen for it, so no address on it is yours to choose",
        hint: "create a network with --subnet")
    }
    guard network.subnet.contains(address) else {
      throw NetworkError(
        .usage, "\(address) is not in the subnet \(network.subnet) of network \(network.name)",
        hint: "choose one of \(network.subnet)")
    }
    guard network.isLeasable(.v4(address)) else {
      throw NetworkError(
        .conflict, "\(address) is not to be had on network \(network.name): \(network.owner(of: .v4(address)))",
        hint: "choose another of \(network.subnet)")
    }
  }

  private func checkAddress6(on network: Network) throws(NetworkError) {
    guard let address6 else { return }
    guard let subnet = network.subnet6 else {
      throw NetworkError(
        .usage, "network \(network.name) has no IPv6, so \(address6) is not to be had",
        hint: "skiff network create --ipv6 --subnet fd00:90::/64 NAME")
    }
    guard !network.isSubnet6Chosen else {
      throw NetworkError(
        .usage,
        "network \(network.name) has an IPv6 subnet that was chosen for it, so no address on it is yours to choose",
        hint: "create a network with --ipv6 and --subnet")
    }
    guard subnet.contains(address6) else {
      throw NetworkError(
        .usage, "\(address6) is not in the subnet \(subnet) of network \(network.name)",
        hint: "choose one of \(subnet)")
    }
    guard network.isLeasable(.v6(address6)) else {
      throw NetworkError(
        .conflict, "\(address6) is not to be had on network \(network.name): \(network.owner(of: .v6(address6)))",
        hint: "choose another of \(subnet)")
    }
  }
}

/// What a link in the container may be called: the kernel's rule.
package func isValidInterfaceName(_ name: String) -> Bool { isValidLinkName(name) }

extension IPAddress {
  package var isLinkLocal: Bool {
    switch self {
    case .v4(let address): address.value >> 16 == 0xa9fe
    case .v6(let address): address.isLinkLocal
    }
  }
}

extension MacAddress {
  /// A group's address or everybody's, which no link can have for its own.
  var isGroup: Bool { value >> 40 & 1 == 1 }
}

extension Network {
  /// Whether a container could have it: not the network's own, the broadcast's, the gateway's or somebody's by --aux-address.
  func isLeasable(_ address: IPAddress) -> Bool {
    guard !auxiliary.values.contains(address) else { return false }
    switch address {
    case .v4(let address): return address != subnet.first && address != subnet.last && address != gateway
    case .v6(let address):
      guard let subnet6 else { return false }
      return subnet6.contains(address) && address != subnet6.first && address != gateway6
    }
  }

  fileprivate func owner(of address: IPAddress) -> String {
    if address == .v4(gateway) || address.v6 != nil && address.v6 == gateway6 { return "it is the gateway's" }
    if let name = auxiliary.first(where: { $0.value == address })?.key {
      return "it is kept for \(name) (--aux-address)"
    }
    return "it is the network's own"
  }
}
