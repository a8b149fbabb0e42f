internal import JSON
internal import Kernel
internal import Netlink
internal import Steps

/// `skiff network create`.
package struct NetworkOptions: Hashable, Sendable {
  package var name: String
  package var driver = Network.Driver.bridge
  /// One of each family at most; an IPv6 one makes the network one with IPv6.
  package var subnets: [String] = []
  /// Each in one of the subnets.
  package var gateways: [String] = []
  package var ranges: [String] = []
  package var auxiliary: [String: String] = [:]
  package var hasIPv6 = false
  package var isInternal = false
  package var labels: [String: String] = [:]
  package var options: [String: String] = [:]
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
    let pools = try AddressPools(request)
    let subnet =
      if let asked = pools.subnet {
        try askedSubnet(asked, driver: request.driver, replacing: replacing)
      } else { try chooseSubnet(replacing: replacing) }
    var network = Network(
      name: request.name, identifier: identifier, subnet: subnet,
      gateway: pools.gateway ?? IPv4Address(value: subnet.first.value + 1),
      bridge: request.name == Network.defaultName ? defaultBridge : bridge(identifier: identifier),
      isInternal: request.isInternal, isSubnetChosen: pools.subnet == nil, labels: request.labels, created: now())
    network.driver = request.driver
    network.options = request.options
    network.range = pools.range
    network.auxiliary = pools.auxiliary
    try network.checkOptions()
    if request.hasIPv6 || pools.subnet6 != nil {
      guard exists(forwarding6) else {
        throw NetworkError(
          .host, "this host's kernel has no IPv6", hint: "boot it without ipv6.disable=1, or leave --ipv6 out")
      }
      let subnet6 =
        if let asked = pools.subnet6 {
          try askedSubnet6(asked, driver: request.driver, replacing: replacing)
        } else { try chooseSubnet6(identifier, replacing: replacing) }
      network.subnet6 = subnet6
      network.gateway6 = pools.gateway6 ?? IPv6Address(value: subnet6.first.value + 1)
      network.range6 = pools.range6
      network.isSubnet6Chosen = pools.subnet6 == nil
    }
    switch request.driver {
    case .bridge: try nameBridge(of: &network, replacing: replacing)
    case .macvlan: try adopt(parentOf: &network)
    }
    return network
  }

  /// `-o com.docker.network.bridge.name`
  private func nameBridge(of network: inout Network, replacing: String?) throws(NetworkError) {
    guard let name = network.options[BridgeOption.name] else { return }
    network.bridge = name
    if let other = try all().first(where: { $0.bridge == name && $0.name != replacing }) {
      throw NetworkError(.conflict, "the bridge \(name) is network \(other.name)'s", hint: "choose another name")
    }
    guard replacing == nil, try bridge(of: network) != nil else { return }
    throw NetworkError(
      .conflict, "a link named \(name) is there already, and is not Skiff's",
      hint: "choose another name, or: ip link delete \(name)")
  }

  /// The parent is there, or can be made: a vlan of a link that is, or a link that leads nowhere.
  private func adopt(parentOf network: inout Network) throws(NetworkError) {
    network.bridge = ""
    let name = network.parent
    if let other = try all().first(where: { $0.driver == .macvlan && $0.parent == name }) {
      throw NetworkError(
        .conflict, "\(name) is the parent of network \(other.name) already", hint: "choose another parent")
    }
    guard try link(name) == nil else { return }
    network.isParentMade = true
    guard network.options[MacvlanOption.parent] != nil else { return }
    if let vlan = network.vlan, try link(vlan.link) != nil { return }
    throw NetworkError(
      .usage, "this host has no link \(name) that a macvlan could be on",
      hint: "`ip link` shows the links; LINK.NUMBER makes a vlan of one")
  }

  func link(_ name: String) throws(NetworkError) -> Link? {
    try describing("cannot look for the link \(name)") { () throws(Fault) in
      var socket = try RouteSocket()
      return try socket.link(name)
    }
  }

  private func askedSubnet(
    _ prefix: IPv4Prefix, driver: Network.Driver, replacing: String?
  ) throws(NetworkError) -> IPv4Prefix {
    // A macvlan's subnet is that of the network outside, which the host has a route to.
    let obstacles = try collisions(for: prefix, except: replacing, routes: driver == .bridge)
    guard let obstacle = obstacles.first else { return prefix }
    throw NetworkError(
      .conflict, "the subnet \(prefix) collides with \(obstacle.holder)",
      hint: "choose another, or leave --subnet out and a free one is found")
  }

  func collisions(
    for prefix: IPv4Prefix, except name: String?, routes: Bool = true
  ) throws(NetworkError) -> [TakenPrefix] {
    try taken(except: name, routes: routes).filter { $0.prefix.overlaps(prefix) }
  }

  private func chooseSubnet(replacing: String?) throws(NetworkError) -> IPv4Prefix {
    guard let subnet = freeSubnet(try taken(except: replacing)) else {
      throw NetworkError(
        .conflict, "no private /24 is free: routes of this host cover them all",
        hint: "see them with `ip route show table all`, and choose with --subnet")
    }
    return subnet
  }

  private func taken(except name: String?, routes: Bool = true) throws(NetworkError) -> [TakenPrefix] {
    let networks = try all().filter { $0.name != name }
    guard routes else { return networks.map { TakenPrefix(prefix: $0.subnet, holder: "network \($0.name)") } }
    let resolvers = (try? readText("/etc/resolv.conf", limit: 1 << 16)) ?? ""
    return try describing("cannot read the host's routes") { () throws(Fault) in
      try takenPrefixes(networks: networks, resolvConf: resolvers)
    }
  }

  private func askedSubnet6(
    _ prefix: IPv6Prefix, driver: Network.Driver, replacing: String?
  ) throws(NetworkError) -> IPv6Prefix {
    let obstacles = try taken6(except: replacing, routes: driver == .bridge)
    guard let obstacle = obstacles.first(where: { $0.prefix.overlaps(prefix) }) else { return prefix }
    throw NetworkError(
      .conflict, "the subnet \(prefix) collides with \(obstacle.holder)",
      hint: "choose another, or give --ipv6 alone and a free one is found")
  }

  /// A unique local prefix (RFC 4193): fd, 40 bits by chance, which are the identifier's first, and subnet 0 of it.
  func chooseSubnet6(_ identifier: String, replacing: String?) throws(NetworkError) -> IPv6Prefix {
    let taken = try taken6(except: replacing)
    for attempt in 0..<5 {
      let digits = identifier.dropFirst(attempt * 10).prefix(10)
      let global = UInt128(UInt64(digits, radix: 16) ?? 0)
      let prefix = IPv6Prefix(IPv6Address(value: 0xfd << 120 | global << 80), length: 64)
      guard let obstacle = taken.first(where: { $0.prefix.overlaps(prefix) }) else { return prefix }
      guard attempt == 4 else { continue }
      throw NetworkError(
        .conflict, "no unique local prefix is free: \(prefix) and others are covered by \(obstacle.holder)",
        hint: "see `ip -6 route show table all`, and choose with --subnet")
    }
    throw NetworkError(.conflict, "no unique local prefix is free")
  }

  func taken6(except name: String?, routes: Bool = true) throws(NetworkError) -> [TakenPrefix6] {
    let networks = try all().filter { $0.name != name }
    return try describing("cannot read the host's IPv6 routes") { () throws(Fault) in
      try takenPrefixes6(networks: networks, routes: routes)
    }
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
