internal import Arguments
package import Kernel
package import Networks

/// What `--network` and the options beside it say together: the kind of network, and each that the container is to be on.
package struct EndpointOptions: Hashable, Sendable {
  /// `--network`, in the order given.
  package var networks: [String] = []
  /// `--ip`, `--ip6`, `--mac-address`, `--network-alias`, `--link-local-ip`: of the first network.
  package var address: String?
  package var address6: String?
  package var mac: String?
  package var aliases: [String] = []
  package var linkLocal: [String] = []

  package init() {}

  /// Docker's rules: several networks are all of one's own, each once; what belongs to an endpoint is said in one place.
  package func requests() throws(OptionError) -> (mode: NetworkRequest, endpoints: [EndpointRequest]) {
    var modes: [NetworkRequest] = []
    var endpoints: [EndpointRequest] = []
    for text in networks.isEmpty ? ["bridge"] : networks {
      let (mode, endpoint) = try Self.parse(text)
      if modes.contains(mode) { throw OptionError("network \(mode.networkName) is asked for twice") }
      modes.append(mode)
      endpoints.append(endpoint)
    }
    guard endpoints.count <= NetworkStore.mostInterfaces else {
      throw OptionError("a container is on \(NetworkStore.mostInterfaces) networks at most")
    }
    if modes.count > 1, let other = modes.first(where: { !$0.isNamed }) {
      throw OptionError(
        "\(other.word) does not go with other networks",
        suggestion:
          "name networks of your own only; the default one can be joined later: skiff network connect bridge NAME")
    }
    try complete(&endpoints[0])
    guard modes[0] == .bridge || modes[0].isNamed else {
      guard endpoints[0] == EndpointRequest(network: endpoints[0].network) else {
        throw OptionError("an address, an alias or a name of a link does not go with --network \(modes[0].word)")
      }
      return (modes[0], [])
    }
    return (modes[0], endpoints)
  }

  private func complete(_ endpoint: inout EndpointRequest) throws(OptionError) {
    func once(_ isTwice: Bool, _ option: String) throws(OptionError) {
      if isTwice { throw OptionError("--\(option) and the same in --network do not go together") }
    }
    if let address {
      try once(endpoint.address != nil, "ip")
      endpoint.address = try parseAddress4(address)
    }
    if let address6 {
      try once(endpoint.address6 != nil, "ip6")
      endpoint.address6 = try parseAddress6(address6)
    }
    if let mac {
      try once(endpoint.mac != nil, "mac-address")
      endpoint.mac = try parseMac(mac)
    }
    if !aliases.isEmpty {
      try once(!endpoint.aliases.isEmpty, "network-alias")
      for alias in aliases { endpoint.aliases.append(try parseAlias(alias)) }
    }
    if !linkLocal.isEmpty {
      try once(!endpoint.linkLocal.isEmpty, "link-local-ip")
      for address in linkLocal { endpoint.linkLocal.append(try parseLinkLocal(address)) }
    }
  }

  /// `NAME`, or `name=NAME,ip=…,alias=…`.
  private static func parse(_ text: String) throws(OptionError) -> (NetworkRequest, EndpointRequest) {
    guard text.contains("="), !text.hasPrefix("container:"), !text.hasPrefix("cni:"),
      !text.hasPrefix("slirp4netns:")
    else {
      let mode = try NetworkRequest(text)
      return (mode, EndpointRequest(network: mode.networkName))
    }
    var name: String?
    var endpoint = EndpointRequest(network: "")
    for field in try commaSeparated(text) {
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[1].isEmpty else { throw OptionError("\"\(field)\" is not KEY=VALUE") }
      let value = parts[1]
      switch parts[0].lowercased() {
      case "name": name = value
      case "ip": endpoint.address = try parseAddress4(value)
      case "ip6": endpoint.address6 = try parseAddress6(value)
      case "mac-address": endpoint.mac = try parseMac(value)
      case "alias": endpoint.aliases.append(try parseAlias(value))
      case "link-local-ip": endpoint.linkLocal.append(try parseLinkLocal(value))
      case "interface-name": endpoint.interfaceName = try parseInterface(value)
      case "gw-priority": endpoint.gatewayPriority = try parsePriority(value)
      case "driver-opt": try endpoint.take(driverOption: value)
      default:
        throw OptionError(
          "\"\(parts[0])\" is nothing that a network has",
          suggestion:
            "name, ip, ip6, mac-address, alias, link-local-ip, interface-name, gw-priority or driver-opt")
      }
    }
    guard let name else { throw OptionError("it needs name=NETWORK") }
    let mode = try NetworkRequest(name)
    endpoint.network = mode.networkName
    return (mode, endpoint)
  }
}

extension EndpointRequest {
  /// `--driver-opt` of an endpoint, as docker 28 has them.
  package mutating func take(driverOption text: String) throws(OptionError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch parts[0] {
    case "com.docker.network.endpoint.ifname": interfaceName = try parseInterface(parts.count > 1 ? parts[1] : "")
    default:
      throw OptionError(
        "\"\(parts[0])\" is no option of a container's place on a network",
        suggestion: "there is com.docker.network.endpoint.ifname")
    }
  }
}

package func parseAddress4(_ text: String) throws(OptionError) -> IPv4Address {
  guard let address = IPv4Address(text) else { throw OptionError("\"\(text)\" is no IPv4 address") }
  return address
}

package func parseAddress6(_ text: String) throws(OptionError) -> IPv6Address {
  guard let address = IPv6Address(text) else { throw OptionError("\"\(text)\" is no IPv6 address") }
  return address
}

package func parseLinkLocal(_ text: String) throws(OptionError) -> IPAddress {
  guard let address = IPAddress(text) else { throw OptionError("\"\(text)\" is no address") }
  guard address.isLinkLocal else {
    throw OptionError("\(address) is no link-local address: one of 169.254.0.0/16 or fe80::/10")
  }
  return address
}

/// An alias is a name of hosts files and of DNS.
package func parseAlias(_ text: String) throws(OptionError) -> String {
  do throws(OptionError) { return try parseHostname(text) } catch {
    throw OptionError("\"\(text)\" is no alias: letters, digits, - . and _, at most 64 of them")
  }
}

private func parseMac(_ text: String) throws(OptionError) -> MacAddress {
  guard let mac = MacAddress(text) else {
    throw OptionError("\"\(text)\" is no hardware address: six bytes such as 02:42:0a:5a:00:07")
  }
  return mac
}

private func parseInterface(_ text: String) throws(OptionError) -> String {
  guard isValidInterfaceName(text), text != "lo", text.utf8.allSatisfy({ $0 < 127 }) else {
    throw OptionError("\"\(text)\" is no name of a link: 1 to 15 bytes, without spaces, / and :, and not lo")
  }
  return text
}

private func parsePriority(_ text: String) throws(OptionError) -> Int {
  guard let number = Int32(text) else { throw OptionError("\"\(text)\" is no priority: a whole number") }
  return Int(number)
}

extension NetworkRequest {
  var isNamed: Bool { if case .named = self { true } else { false } }

  /// As it is written after --network.
  var word: String {
    switch self {
    case .bridge: "bridge"
    case .none: "none"
    case .host: "host"
    case .container(let name): "container:\(name)"
    case .named(let name): name
    case .plugins(let name): "cni:\(name)"
    }
  }
}
