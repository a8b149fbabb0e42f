internal import JSON
internal import Kernel
internal import Steps

/// `skiff network create`.
package struct NetworkOptions: Hashable, Sendable {
  package var name: String
  package var subnet: String?
  package var gateway: String?
  package var isInternal = false
  package var labels: [String: String] = [:]
  package init(name: String) { self.name = name }
}

extension NetworkStore {
  /// Thinks a new network through and holds the lock meanwhile: whatever can be refused is refused here.
  package func prepareCreation(of request: NetworkOptions) throws(NetworkError) -> NetworkPreparation {
    try refuseName(request.name)
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    if try read(request.name) != nil {
      throw NetworkError(
        .conflict, "network \(request.name) exists already",
        hint: "choose another name, or: skiff network rm \(request.name)")
    }
    let network = try newNetwork(request)
    return try preparation(of: network, recording: recordSteps(network), lock: lock)
  }

  private func refuseName(_ name: String) throws(NetworkError) {
    guard isValidNetworkName(name) else {
      throw NetworkError(
        .usage, "\"\(name)\" is no name for a network",
        hint: "letters, digits, _ . and -, starting with a letter or digit, 2 to 128 of them")
    }
    if reservedNames.contains(name) || name == Network.defaultName {
      throw NetworkError(
        .conflict, "\(name) is a network that is always there", hint: "choose another name")
    }
  }

  func newNetwork(_ request: NetworkOptions, replacing: String? = nil) throws(NetworkError) -> Network {
    let bytes = try describing("cannot make an identifier") { () throws(Fault) in try randomBytes(32) }
    let identifier = bytes.map { hexadecimal(UInt64($0), digits: 2) }.joined()
    let chosen: IPv4Prefix
    if let text = request.subnet {
      chosen = try askedSubnet(text, replacing: replacing)
    } else {
      chosen = try chooseSubnet(replacing: replacing)
    }
    return Network(
      name: request.name, identifier: identifier, subnet: chosen, gateway: try gateway(request.gateway, in: chosen),
      bridge: request.name == Network.defaultName ? defaultBridge : bridge(identifier: identifier),
      isInternal: request.isInternal, isSubnetChosen: request.subnet == nil, labels: request.labels, created: now())
  }

  private func askedSubnet(_ text: String, replacing: String?) throws(NetworkError) -> IPv4Prefix {
    guard let prefix = IPv4Prefix(text) else {
      throw NetworkError(
        .usage, "\"\(text)\" is no IPv4 subnet", hint: "an address and the length of its network part: 10.90.0.0/24")
    }
    guard !prefix.hasHostBits else {
      throw NetworkError(
        .usage, "\(prefix) has bits behind its length", hint: "the network itself is \(prefix.network)")
    }
    guard (8...29).contains(prefix.length) else {
      throw NetworkError(
        .usage, "a subnet of /\(prefix.length) is no use here", hint: "from /8 to /29: /24 has room for 253")
    }
    guard !prefix.address.isUnusableForHosts, !prefix.address.isLoopback else {
      throw NetworkError(
        .usage, "no host can have an address of \(prefix)",
        hint: "a private one: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16")
    }
    if let obstacle = try collisions(for: prefix, except: replacing).first {
      throw NetworkError(
        .conflict, "the subnet \(prefix) collides with \(obstacle.holder)",
        hint: "choose another, or leave --subnet out and a free one is found")
    }
    return prefix
  }

  func collisions(for prefix: IPv4Prefix, except name: String?) throws(NetworkError) -> [TakenPrefix] {
    try taken(except: name).filter { $0.prefix.overlaps(prefix) }
  }

  private func chooseSubnet(replacing: String?) throws(NetworkError) -> IPv4Prefix {
    guard let subnet = freeSubnet(try taken(except: replacing)) else {
      throw NetworkError(
        .conflict, "no private /24 is free: routes of this host cover them all",
        hint: "see them with `ip route show table all`, and choose with --subnet")
    }
    return subnet
  }

  private func taken(except name: String?) throws(NetworkError) -> [TakenPrefix] {
    let networks = try all().filter { $0.name != name }
    let resolvers = (try? readText("/etc/resolv.conf", limit: 1 << 16)) ?? ""
    return try describing("cannot read the host's routes") { () throws(Fault) in
      try takenPrefixes(networks: networks, resolvConf: resolvers)
    }
  }

  private func gateway(_ text: String?, in subnet: IPv4Prefix) throws(NetworkError) -> IPv4Address {
    guard let text else { return IPv4Address(value: subnet.first.value + 1) }
    guard let address = IPv4Address(text) else {
      throw NetworkError(
        .usage, "\"\(text)\" is no IPv4 address", hint: "four numbers: \(IPv4Address(value: subnet.first.value + 1))")
    }
    guard subnet.contains(address), address != subnet.first, address != subnet.last else {
      throw NetworkError(
        .usage, "the gateway \(address) is no host of \(subnet)",
        hint: "from \(IPv4Address(value: subnet.first.value + 1)) to \(IPv4Address(value: subnet.last.value - 1))")
    }
    return address
  }

  func recordSteps(_ network: Network) -> [Step] {
    var writer = JSONWriter(.pretty)
    network.write(to: &writer)
    var steps: [Step] = []
    for directory in [root, run] {
      var missing: [Path] = []
      var path = directory
      while !path.isEmpty && !exists(path) {
        missing.append(path)
        path = path.parent
      }
      steps += missing.reversed().map { .file(.makeDirectory($0, mode: 0o700)) }
    }
    return steps + [.file(.writeFile(record(network.name), contents: writer.finish(), mode: 0o600))]
  }
}
