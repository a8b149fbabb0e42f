package import Kernel
internal import Netlink
package import Steps

// `-o`: what docker's drivers take and Skiff has. Another one is refused by its name, for what it asks for would not be so.

enum BridgeOption {
  static let name = "com.docker.network.bridge.name"
  static let traffic = "com.docker.network.bridge.enable_icc"
  static let masquerade = "com.docker.network.bridge.enable_ip_masquerade"
  static let hostBinding = "com.docker.network.bridge.host_binding_ipv4"
  static let mtu = "com.docker.network.driver.mtu"
  static let prefix = "com.docker.network.container_iface_prefix"
  static let all = [name, traffic, masquerade, hostBinding, mtu, prefix]
}

enum MacvlanOption {
  static let parent = "parent"
  static let mode = "macvlan_mode"
  static let all = [parent, mode, BridgeOption.mtu, BridgeOption.prefix]
}

extension Network {
  package var mtu: UInt32? { options[BridgeOption.mtu].flatMap { UInt32($0) } }
  /// Whether its containers reach each other.
  package var allowsTraffic: Bool { options[BridgeOption.traffic].flatMap(boolean) ?? true }
  /// Whether what leaves it takes the host's address.
  package var masquerades: Bool { options[BridgeOption.masquerade].flatMap(boolean) ?? true }
  /// The host's address for ports that are published without one.
  package var hostBinding: IPv4Address? {
    options[BridgeOption.hostBinding].flatMap { IPv4Address($0) }.flatMap { $0.value == 0 ? nil : $0 }
  }
  /// What links in the container are called, before their number.
  package var interfacePrefix: String { options[BridgeOption.prefix] ?? "eth" }
  /// The host's link that those of a macvlan are on.
  package var parent: String { options[MacvlanOption.parent] ?? "dm-\(identifier.prefix(12))" }
  package var macvlanMode: MacvlanLink.Mode {
    options[MacvlanOption.mode].flatMap { MacvlanLink.Mode(rawValue: $0) } ?? .bridge
  }
  /// `eth0.50`: the link and the number that a missing parent is made from.
  var vlan: (link: String, identifier: UInt16)? {
    guard let dot = parent.lastIndex(of: "."), let number = UInt16(parent[parent.index(after: dot)...]),
      (1...4094).contains(number), dot > parent.startIndex
    else { return nil }
    return (String(parent[..<dot]), number)
  }

  /// Whether the options are ones that its driver has, with values that mean something.
  func checkOptions() throws(NetworkError) {
    let known = driver == .bridge ? BridgeOption.all : MacvlanOption.all
    for (name, value) in options.sorted(by: { $0.key < $1.key }) {
      guard known.contains(name) else {
        throw NetworkError(
          .usage, "a \(driver.rawValue) network has no option \(name)",
          hint: "there are " + known.joined(separator: ", "))
      }
      if let reason = fault(of: name, value) {
        throw NetworkError(.usage, "\"\(value)\" is nothing for -o \(name)", hint: reason)
      }
    }
  }

  private func fault(of option: String, _ value: String) -> String? {
    switch option {
    case BridgeOption.traffic, BridgeOption.masquerade: boolean(value) == nil ? "true or false" : nil
    case BridgeOption.hostBinding: IPv4Address(value) == nil ? "an IPv4 address of this host" : nil
    case BridgeOption.mtu: (UInt32(value).map { (68...65_535).contains($0) } ?? false) ? nil : "from 68 to 65535 bytes"
    case BridgeOption.name, MacvlanOption.parent:
      isValidLinkName(value) && value.utf8.allSatisfy { $0 < 127 } && value != "lo"
        ? nil : "a link's name: 1 to 15 bytes, without spaces, / and :, and not lo"
    case BridgeOption.prefix:
      isValidLinkName(value) && value.utf8.count <= 12 && value != "lo" ? nil : "1 to 12 bytes, without spaces, / and :"
    case MacvlanOption.mode:
      MacvlanLink.Mode(rawValue: value) == nil
        ? MacvlanLink.Mode.allCases.map(\.rawValue).joined(separator: ", ") : nil
    default: nil
    }
  }
}

/// As Go's ParseBool reads it.
private func boolean(_ text: String) -> Bool? {
  switch text {
  case "1", "t", "T", "true", "TRUE", "True": true
  case "0", "f", "F", "false", "FALSE", "False": false
  default: nil
  }
}
