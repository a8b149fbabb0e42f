package import JSON
internal import Kernel

extension NetworkStore {
  /// What `docker network inspect` shows of a network: the fields that ours has, under docker's names.
  package func inspection(of network: Network) throws(NetworkError) -> JSONValue {
    let members = try members(of: network)
    var containers = JSONObject()
    for lease in try leases(of: network) {
      let member = members.first { $0.container == lease.container }
      let name = member?.names.first ?? ""
      containers[lease.container] = [
        "Name": .string(name), "MacAddress": .string(MacAddress(for: lease.address).description),
        "IPv4Address": .string(IPv4Prefix(lease.address, length: network.subnet.length).description),
        "IPv6Address": .string(member?.address6.map { "\($0)/\(network.subnet6?.length ?? 64)" } ?? ""),
      ]
    }
    var labels = JSONObject()
    for (name, value) in network.labels.sorted(by: { $0.key < $1.key }) { labels[name] = .string(value) }
    return [
      "Name": .string(network.name), "Id": .string(network.identifier), "Created": .string(network.created.rfc3339),
      "Scope": "local", "Driver": .string(network.driver), "EnableIPv4": true, "EnableIPv6": false,
      "IPAM": [
        "Driver": "default",
        "Config": [["Subnet": .string(network.subnet.description), "Gateway": .string(network.gateway.description)]],
      ],
      "Internal": .bool(network.isInternal), "Attachable": false, "Ingress": false,
      "Containers": .object(containers),
      "Options": ["com.docker.network.bridge.name": .string(network.bridge)], "Labels": .object(labels),
    ]
  }
}
