package import Kernel

/// One network, as its record on disk has it.
package struct Network: Hashable, Sendable {
  package enum Driver: String, Hashable, Sendable {
    /// A switch of its own on the host, with a way out through the host.
    case bridge
    /// Links on one of the host's own: to the network there, each container is one more machine.
    case macvlan
  }
  package var name: String
  /// 64 hexadecimal digits.
  package var identifier: String
  package var subnet: IPv4Prefix
  /// The bridge's own address: the way out.
  package var gateway: IPv4Address
  /// Where addresses are leased from; nil for the whole subnet.
  package var range: IPv4Prefix?
  /// Nil for a network without IPv6.
  package var subnet6: IPv6Prefix?
  package var gateway6: IPv6Address?
  package var range6: IPv6Prefix?
  /// Addresses that are never leased, by what their owner is called (`--aux-address`).
  package var auxiliary: [String: IPAddress] = [:]
  package var driver = Driver.bridge
  /// The name of the bridge device; empty where there is none.
  package var bridge: String
  /// The parent of a macvlan was made with it, and goes with it.
  package var isParentMade = false
  /// Nothing goes in or out but between its containers and the host.
  package var isInternal: Bool
  /// The subnet was chosen by us, so another one may be chosen when it collides after a boot.
  package var isSubnetChosen: Bool
  /// The same of the IPv6 subnet.
  package var isSubnet6Chosen = false
  /// `-o`, as given.
  package var options: [String: String] = [:]
  package var labels: [String: String]
  package var created: Timestamp

  package var gatewayPrefix: IPv4Prefix { IPv4Prefix(gateway, length: subnet.length) }
  package var gatewayPrefix6: IPv6Prefix? {
    gateway6.flatMap { gateway in subnet6.map { IPv6Prefix(gateway, length: $0.length) } }
  }
  /// Of the bridge: derived from its address as containers' are, so a neighbour's ARP entry survives a rebuild.
  package var mac: MacAddress { MacAddress(for: gateway) }

  /// The network of containers that name none.
  package static let defaultName = "bridge"
  package var isDefault: Bool { name == Network.defaultName }
}

/// Docker's rule for names, which also makes them safe in a path.
package func isValidNetworkName(_ name: String) -> Bool {
  func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
  guard let first = name.utf8.first, isAlphanumeric(first), (2...128).contains(name.utf8.count) else { return false }
  return name.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
}

/// Words that mean another kind of network than a bridge of ours.
let reservedNames = ["host", "none", "container", "default"]
