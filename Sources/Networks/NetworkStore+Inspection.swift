package import JSON
internal import Kernel

extension NetworkStore {
  /// What `docker network inspect` shows of a network: the fields that ours has, under docker's names.
  package func inspection(of network: Network) throws(NetworkError) -> JSONValue {
    let members = try members(of: network)
    var containers = JSONObject()
    for lease in try leases(of: network) {
      let member = members.first { $0.container == lease.container }
      let address6 = member?.address6.map { "\($0)/\(network.subnet6?.length ?? 64)" }
      containers[lease.container] = [
        "Name": .string(member?.names.first ?? ""), "EndpointID": .string(lease.container),
        "MacAddress": .string((member?.mac ?? MacAddress(for: lease.address)).description),
        "IPv4Address": .string(IPv4Prefix(lease.address, length: network.subnet.length).description),
        "IPv6Address": .string(address6 ?? ""),
      ]
    }
    var options = network.options
    if network.driver == .bridge { options[BridgeOption.name] = network.bridge }
    return [
      "Name": .string(network.name), "Id": .string(network.identifier), "Created": .string(network.created.rfc3339),
      "Scope": "local", "Driver": .string(network.driver.rawValue), "EnableIPv4": true,
      "EnableIPv6": .bool(network.subnet6 != nil),
      "IPAM": ["Driver": "default", "Options": [:], "Config": .array(configurations(of: network))],
      "Internal": .bool(network.isInternal), "Attachable": false, "Ingress": false, "ConfigFrom": ["Network": ""],
      "ConfigOnly": false, "Containers": .object(containers), "Options": .object(object(options)),
      "Labels": .object(object(network.labels)),
    ]
  }

  /// One for each subnet.
  private func configurations(of network: Network) -> [JSONValue] {
    func configuration(
      _ subnet: String, _ range: String?, _ gateway: String, _ isOurs: (IPAddress) -> Bool
    ) -> JSONValue {
      var object = JSONObject()
      object["Subnet"] = .string(subnet)
      if let range { object["IPRange"] = .string(range) }
      object["Gateway"] = .string(gateway)
      let kept = network.auxiliary.filter { isOurs($0.value) }.mapValues(\.description)
      if !kept.isEmpty { object["AuxiliaryAddresses"] = .object(self.object(kept)) }
      return .object(object)
    }
    var list = [
      configuration(network.subnet.description, network.range?.description, network.gateway.description) {
        $0.v4 != nil
      }
    ]
    if let subnet6 = network.subnet6, let gateway6 = network.gateway6 {
      list.append(
        configuration(subnet6.description, network.range6?.description, gateway6.description) { $0.v6 != nil })
    }
    return list
  }

  private func object(_ map: [String: String]) -> JSONObject {
    var object = JSONObject()
    for (name, value) in map.sorted(by: { $0.key < $1.key }) { object[name] = .string(value) }
    return object
  }
}
