internal import Firewall
internal import Kernel
internal import Launching
internal import Netlink
package import Steps

/// What has to be made so that a network's containers can be wired: nothing, nearly always.
package struct NetworkPreparation: ~Copyable {
  package var network: Network
  /// In order. They outlive the container that they are made for.
  package var steps: [Step]
  /// What the firewall will be, when a step changes it.
  var update: FirewallUpdate?
  /// Held until the steps are performed; nil when there are none.
  fileprivate var lock: Descriptor?
}

extension NetworkStore {
  /// The network by its name, ready for a container: bridge, firewall and forwarding are made where they are missing.
  package func ready(_ word: String, observe: (Step) -> Void = { _ in }) throws(NetworkError) -> Network {
    if let network = try existing(word), try isReady(network) { return network }
    return try perform(prepare(word), observe: observe)
  }

  /// Nil for the default network that was never used.
  private func existing(_ word: String) throws(NetworkError) -> Network? {
    word == Network.defaultName || word == "default" ? try read(Network.defaultName) : try find(word)
  }

  /// The quick look: three short questions to the kernel and two small files.
  func isReady(_ network: Network) throws(NetworkError) -> Bool {
    try describing("cannot look at network \(network.name)") { () throws(Fault) in
      guard network.driver == .bridge else {
        var socket = try RouteSocket()
        return try socket.link(network.parent)?.isUp == true
      }
      guard try bridgeIsReady(network) else { return false }
      if !network.isInternal {
        guard try readText("/proc/sys/net/ipv4/ip_forward") == "1" else { return false }
        if network.subnet6 != nil, try readText(forwarding6) != "1" { return false }
      }
      return try firewallHolds(for: network)
    }
  }

  private func bridgeIsReady(_ network: Network) throws(Fault) -> Bool {
    var socket = try RouteSocket()
    guard let link = try socket.link(network.bridge), link.kind == "bridge", link.isUp else { return false }
    if let prefix = network.gatewayPrefix6 {
      guard try socket.addresses6(of: link.index).contains(where: { $0.prefix == prefix }) else { return false }
    }
    return try socket.addresses(of: link.index).contains { $0.prefix == network.gatewayPrefix }
  }

  /// What is missing, as steps; performed by `perform`. Nothing is changed here.
  package func prepare(_ word: String) throws(NetworkError) -> NetworkPreparation {
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    var network: Network
    var steps: [Step] = []
    if let found = try existing(word) {
      network = found
    } else {
      network = try newNetwork(NetworkOptions(name: Network.defaultName))
      steps = recordSteps(network)
    }
    try refuseCollision(&network, &steps)
    return try preparation(of: network, recording: steps, lock: lock)
  }

  /// After a boot the host may have other routes than when the subnets were chosen.
  private func refuseCollision(_ network: inout Network, _ steps: inout [Step]) throws(NetworkError) {
    guard network.driver == .bridge, steps.isEmpty, try bridge(of: network) == nil,
      try renamedBridge(of: network) == nil
    else { return }
    let obstacle = try collisions(for: network.subnet, except: network.name).first
    let obstacle6 = try network.subnet6.flatMap { subnet throws(NetworkError) in
      try taken6(except: network.name).first { $0.prefix.overlaps(subnet) }
    }
    guard obstacle != nil || obstacle6 != nil else { return }
    // Containers that run keep their addresses, so only an empty network may move.
    let isEmpty = try leases(of: network).isEmpty
    if let obstacle, !network.isSubnetChosen || !isEmpty {
      throw taken(network, "\(network.subnet)", by: obstacle.holder)
    }
    if let obstacle6, !network.isSubnet6Chosen || !isEmpty {
      throw taken(network, network.subnet6?.description ?? "", by: obstacle6.holder)
    }
    if obstacle != nil {
      let other = try newNetwork(NetworkOptions(name: network.name), replacing: network.name)
      network.subnet = other.subnet
      network.gateway = other.gateway
    }
    if obstacle6 != nil {
      let subnet6 = try chooseSubnet6(network.identifier, replacing: network.name)
      network.subnet6 = subnet6
      network.gateway6 = IPv6Address(value: subnet6.first.value + 1)
    }
    steps = recordSteps(network)
  }

  private func taken(_ network: Network, _ subnet: String, by holder: String) -> NetworkError {
    NetworkError(
      .conflict, "the subnet \(subnet) of network \(network.name) is taken by now by \(holder)",
      hint: "skiff network rm \(network.name), and create it again with another --subnet")
  }

  func bridge(of network: Network) throws(NetworkError) -> Link? {
    try describing("cannot look at network \(network.name)") { () throws(Fault) in
      var socket = try RouteSocket()
      return try socket.link(network.bridge)
    }
  }

  func preparation(
    of network: Network, recording: [Step], lock: consuming Descriptor
  ) throws(NetworkError) -> NetworkPreparation {
    var steps = recording
    guard network.driver == .bridge else {
      steps += try parentSteps(network)
      return NetworkPreparation(network: network, steps: steps, update: nil, lock: consume lock)
    }
    let others = try all().filter { $0.name != network.name }
    let (update, forwarding): (FirewallUpdate?, [NetworkStep])
    do throws(Fault) {
      let starts = try forwardingStarts(network)
      let links = starts.v4 || starts.v6 ? try foreignLinks() : []
      forwarding = try forwardingSteps(starts, links)
      update = try firewallUpdate(
        for: others, adding: network, uplinks: starts.v4 ? links : nil, uplinks6: starts.v6 ? links : nil)
    } catch { throw NetworkError("cannot look at the firewall", error) }
    // The rules come first: no packet passes before they are there.
    if let update { steps += update.steps.map(Step.network) }
    steps += try bridgeSteps(network)
    steps += forwarding.map(Step.network)
    return NetworkPreparation(network: network, steps: steps, update: update, lock: consume lock)
  }

  private func bridgeSteps(_ network: Network) throws(NetworkError) -> [Step] {
    if let link = try bridge(of: network) { return try completion(of: link, network).map(Step.network) }
    if let link = try renamedBridge(of: network) {
      let back = NetworkStep.rename(LinkName(link.name, index: link.index), to: network.bridge)
      return try ([back] + completion(of: link, network)).map(Step.network)
    }
    return try (creation(of: network) + reconnection(to: network)).map(Step.network)
  }

  /// What a bridge that is there lacks.
  private func completion(of link: Link, _ network: Network) throws(NetworkError) -> [NetworkStep] {
    guard link.kind == "bridge" else {
      throw NetworkError(
        .conflict, "a link named \(network.bridge) is there and is no bridge",
        hint: "ip link delete \(network.bridge)")
    }
    let name = LinkName(network.bridge)
    return try describing("cannot look at network \(network.name)") { () throws(Fault) in
      var steps: [NetworkStep] = []
      var socket = try RouteSocket()
      if try !socket.addresses(of: link.index).contains(where: { $0.prefix == network.gatewayPrefix }) {
        steps.append(.addAddress(name, network.gatewayPrefix))
      }
      if let prefix = network.gatewayPrefix6,
        try !socket.addresses6(of: link.index).contains(where: { $0.prefix == prefix })
      {
        steps.append(.addAddress6(name, prefix))
      }
      if !link.isUp { steps.append(.setUp(name)) }
      return steps
    }
  }

  private func creation(of network: Network) -> [NetworkStep] {
    let name = LinkName(network.bridge)
    var steps: [NetworkStep] = [.makeBridge(name: network.bridge, mac: network.mac)]
    // The bridge must not take an address or a route from a router advertisement that a container forged (CVE-2020-13401):
    // without IPv6 of its own it has none at all.
    if network.subnet6 != nil {
      steps.append(.setSysctl(key: "net/ipv6/conf/\(network.bridge)/accept_ra", value: "0", before: "1"))
      // On a host whose new links have none, this one has it all the same.
      if (try? readText("/proc/sys/net/ipv6/conf/default/disable_ipv6")) == "1" {
        steps.append(.setSysctl(key: "net/ipv6/conf/\(network.bridge)/disable_ipv6", value: "0", before: "1"))
      }
    } else if exists("/proc/sys/net/ipv6/conf/default/disable_ipv6") {
      steps.append(.setSysctl(key: "net/ipv6/conf/\(network.bridge)/disable_ipv6", value: "1", before: "0"))
    }
    if let mtu = network.mtu { steps.append(.setMtu(name, mtu)) }
    steps.append(.addAddress(name, network.gatewayPrefix))
    if let prefix = network.gatewayPrefix6 { steps.append(.addAddress6(name, prefix)) }
    return steps + [.setUp(name)]
  }

  /// Somebody deleted the bridge below containers that run: their cables are still there, and lead nowhere.
  private func reconnection(to network: Network) throws(NetworkError) -> [NetworkStep] {
    let (held, claims) = try describing("cannot read the leases of network \(network.name)") { () throws(Fault) in
      (try readLeases(leases(network.name)), try readClaims().filter { $0.network == network.name })
    }
    func cable(_ lease: Lease) -> String { hostLink(container: lease.container, interface: lease.interface) }
    let loose = try looseLinks(Set(held.map(cable)).sorted())
    var steps: [NetworkStep] = loose.map { .attach(LinkName($0), bridge: network.bridge) }
    // With the bridge went what was set on it for published ports.
    if !claims.isEmpty { steps.append(routeLocalnet(network.bridge)) }
    if claims.contains(where: \.isOnLoopback6) { steps.append(.addLoopbackRoute6(LinkName(network.bridge))) }
    let owners = Set(claims.map(\.container))
    let publishing = Set(held.filter { owners.contains($0.container) }.map(cable))
    steps += loose.filter(publishing.contains).map { .reflect(LinkName($0)) }
    if !network.allowsTraffic { steps += loose.map { .isolate(LinkName($0)) } }
    return steps
  }

  private func looseLinks(_ names: [String]) throws(NetworkError) -> [String] {
    guard !names.isEmpty else { return [] }
    return try describing("cannot list the links") { () throws(Fault) in
      var socket = try RouteSocket()
      let loose = Set(try socket.links().filter { $0.kind == "veth" && $0.master == nil }.map(\.name))
      return names.filter(loose.contains)
    }
  }

  /// Performs what was prepared, all of it or nothing.
  package func perform(
    _ preparation: consuming NetworkPreparation, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> Network {
    let network = preparation.network
    if let update = preparation.update {
      // Before the first step: once forwarding is on, nobody could tell any more that it was us, and between which links.
      try describing("cannot keep the state of the firewall") { () throws(Fault) in try intend(update) }
    }
    try performAll(preparation.steps, on: "network \(network.name)", observe: observe)
    if let update = preparation.update { remember(update) }
    return network
  }

  func performAll(_ steps: [Step], on what: String, observe: (Step) -> Void) throws(NetworkError) {
    var done: [Step] = []
    for (index, step) in steps.enumerated() {
      passKillSwitch("network", index)
      do throws(Fault) {
        if try performOne(step), let undo = step.undo { done.append(undo) }
      } catch {
        var failure = NetworkError("cannot make \(what)", error)
        for step in done.reversed() {
          do throws(Fault) { _ = try performOne(step) } catch {
            failure.hint = [failure.hint, "and to take it back failed: \(error)"].compactMap { $0 }.joined(
              separator: "; ")
          }
        }
        throw failure
      }
      observe(step)
    }
  }

  /// False when it was there already.
  private func performOne(_ step: Step) throws(Fault) -> Bool {
    switch step {
    case .file(let step): return try Launching.perform(step)
    case .network(let step): try Firewall.perform(step)
    case .mount, .cgroup, .process: throw Fault("plan", .invalid, arguments: "no step of a network")
    }
    return true
  }
}
