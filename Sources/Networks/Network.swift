package import JSON
package import Kernel

/// One network, as its record on disk has it.
package struct Network: Hashable, Sendable {
  package var name: String
  /// 64 hexadecimal digits.
  package var identifier: String
  package var subnet: IPv4Prefix
  /// The bridge's own address: the way out.
  package var gateway: IPv4Address
  /// The name of the bridge device.
  package var bridge: String
  /// Nothing goes in or out but between its containers and the host.
  package var isInternal: Bool
  /// The subnet was chosen by us, so another one may be chosen when it collides after a boot.
  package var isSubnetChosen: Bool
  package var labels: [String: String]
  package var created: Timestamp

  package var driver: String { "bridge" }
  package var gatewayPrefix: IPv4Prefix { IPv4Prefix(gateway, length: subnet.length) }
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

// MARK: - On disk

extension Network: JSONWritable, JSONReadable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("name", name)
      $0.member("id", identifier)
      $0.member("driver", driver)
      $0.member("subnet", subnet.description)
      $0.member("gateway", gateway.description)
      $0.member("bridge", bridge)
      $0.member("internal", isInternal)
      $0.member("subnetChosen", isSubnetChosen)
      $0.member("labels", labels)
      $0.member("created", created.rfc3339)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    var (name, identifier, subnet, gateway, bridge, created) = ("", "", "", "", "", "")
    var (isInternal, isSubnetChosen) = (false, false)
    var labels: [String: String] = [:]
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name": name = try reader.string()
      case "id": identifier = try reader.string()
      case "subnet": subnet = try reader.string()
      case "gateway": gateway = try reader.string()
      case "bridge": bridge = try reader.string()
      case "created": created = try reader.string()
      case "internal": isInternal = try reader.bool()
      case "subnetChosen": isSubnetChosen = try reader.bool()
      case "labels": labels = try reader.stringMap()
      default: try reader.skip()
      }
    }
    guard isValidNetworkName(name) else { throw reader.error("\"\(name)\" is no name of a network") }
    guard let prefix = IPv4Prefix(subnet), !prefix.hasHostBits, let address = IPv4Address(gateway),
      prefix.contains(address)
    else { throw reader.error("subnet \"\(subnet)\" and gateway \"\(gateway)\" do not fit") }
    guard isBridgeName(bridge) else { throw reader.error("\"\(bridge)\" is no bridge of Skiff") }
    self.init(
      name: name, identifier: identifier, subnet: prefix, gateway: address, bridge: bridge, isInternal: isInternal,
      isSubnetChosen: isSubnetChosen, labels: labels,
      created: Timestamp(rfc3339: created) ?? Timestamp(seconds: 0, nanoseconds: 0))
  }
}

/// `skiff0`, or `sk`, letters and digits, a dash, letters and digits.
private func isBridgeName(_ name: String) -> Bool {
  name.hasPrefix("sk") && (4...15).contains(name.utf8.count)
    && name.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "-") }
}
