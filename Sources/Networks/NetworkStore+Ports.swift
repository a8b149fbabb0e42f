internal import Kernel
internal import Launching
package import Steps

// Published ports. Who has one is a symbolic link in `<run>/.ports` (PortClaim); the firewall's maps are made from them, so
// what crashed in between is put right by whoever comes next.

extension NetworkStore {
  var ports: Path { run.appending(".ports") }

  /// Takes ports of the host for a container and lets the firewall lead them there: all of them or none.
  ///
  /// - Parameters:
  ///   - isAlive: whether a container is there that may hold a port.
  ///   - name: what a person calls a container; nil for one that is not known.
  package func publish(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, isAlive: (String) -> Bool,
    name: (String) -> String?, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> [PublishedPort] {
    guard !requests.isEmpty else { return [] }
    try refusePublishing(on: attachment)
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    var claims = try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims(removing: { !holds($0, isAlive) })
    }
    var made: [PortClaim] = []
    do throws(NetworkError) {
      for claim in try claimsWanted(requests, for: container, at: attachment, among: claims, name: name) {
        try describing("cannot take port \(claim.port.hostEnd)/\(claim.port.transport)") { () throws(Fault) in
          if !exists(ports) { try makeDirectories(ports, mode: 0o700) }
          try makeSymbolicLink(ports.appending(claim.fileName), to: claim.target)
        }
        claims.append(claim)
        made.append(claim)
      }
      passKillSwitch("publishing", 0)
      var steps: [Step] = []
      if (try? readText(Path("/proc/sys/net/ipv4/conf/\(attachment.bridge)/route_localnet"))) != "1" {
        steps.append(.network(routeLocalnet(attachment.bridge)))
      }
      try performFirewall(steps, observe: observe)
    } catch {
      for claim in made { try? removeFile(ports.appending(claim.fileName)) }
      throw error
    }
    return made.map(\.port)
  }

  /// What this host sends to its own loopback is led to a container as well; the kernel takes an address of the loopback for
  /// a mistake on any other link (ip-sysctl, route_localnet). Others' packets to it are dropped as they arrive.
  func routeLocalnet(_ bridge: String) -> NetworkStep {
    .setSysctl(key: "net/ipv4/conf/\(bridge)/route_localnet", value: "1", before: "0")
  }

  private func refusePublishing(on attachment: NetworkAttachment) throws(NetworkError) {
    guard attachment.macvlan == nil else {
      throw NetworkError(
        .usage, "network \(attachment.network) is a macvlan: its containers have addresses of the network outside",
        hint: "leave -p out, and reach the container by its own address")
    }
    guard attachment.gateway == nil else { return }
    throw NetworkError(
      .usage, "network \(attachment.network) is internal: nothing of it is published",
      hint: "leave -p out, or use another network")
  }

  /// What the requests come to: a claim for each family, nothing of it taken yet.
  private func claimsWanted(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, among claims: [PortClaim],
    name: (String) -> String?
  ) throws(NetworkError) -> [PortClaim] {
    let binding = (try read(attachment.network))?.hostBinding
    var wanted: [PortClaim] = []
    for request in requests {
      let addresses = try hostAddresses(of: request, binding, at: attachment)
      let hostPort = try choose(request, addresses, among: claims + wanted, name: name)
      for address in addresses {
        let target: IPAddress =
          if address.v6 != nil, let inner = attachment.address6 { .v6(inner.address) } else {
            .v4(attachment.address.address)
          }
        wanted.append(
          PortClaim(
            PublishedPort(
              request.transport, address: address, hostPort: hostPort, containerPort: request.containerPort),
            container: container, network: attachment.network, address: target))
      }
    }
    return wanted
  }

  /// All addresses are those of both families, where the container has both.
  private func hostAddresses(
    of request: PortRequest, _ binding: IPv4Address?, at attachment: NetworkAttachment
  ) throws(NetworkError) -> [IPAddress] {
    let hasIPv6 = attachment.address6 != nil && attachment.gateway6 != nil
    guard let address = request.address else {
      if let binding { return [.v4(binding)] }
      return hasIPv6 ? [.anyIPv4, .anyIPv6] : [.anyIPv4]
    }
    guard case .v6(let address6) = address else { return [address] }
    guard hasIPv6 else {
      throw NetworkError(
        .usage, "network \(attachment.network) has no IPv6, so nothing is published on \(address.endWord)",
        hint: "skiff network create --ipv6 NAME, and --network NAME")
    }
    // There is no route_localnet of IPv6: the kernel lets nothing leave with ::1 for its sender.
    guard !address6.isLoopback else {
      throw NetworkError(
        .usage, "the kernel leads nothing from [::1] to a container",
        hint: "publish on 127.0.0.1, on an address of the host, or on all of them")
    }
    return [address]
  }

  /// The host's port for a request, free on each of the addresses.
  private func choose(
    _ request: PortRequest, _ addresses: [IPAddress], among claims: [PortClaim], name: (String) -> String?
  ) throws(NetworkError) -> UInt16 {
    guard let range = request.hostPorts else { return try anyPort(request, addresses, among: claims) }
    var taken: (address: IPAddress, claim: PortClaim?)?
    for port in range {
      taken = nil
      for address in addresses {
        let claim = claims.first { $0.excludes(request.transport, address, port) }
        let isFree = try describing("cannot try port \(address.endWord):\(port)/\(request.transport)") {
          () throws(Fault) in claim == nil ? try freeHostPort(request.transport, address, port) != nil : false
        }
        if !isFree { taken = (address, claim) }
      }
      if taken == nil { return port }
    }
    let address = taken?.address ?? .anyIPv4
    guard range.count == 1 else {
      throw NetworkError(
        .conflict,
        "all ports \(address.endWord):\(range.lowerBound)-\(range.upperBound)/\(request.transport) are in use",
        hint: "choose a wider range, or leave the host's port out")
    }
    let other =
      if let claim = taken?.claim { "container \(name(claim.container) ?? String(claim.container.prefix(12)))" } else {
        holder(of: request.transport, port: range.lowerBound) ?? "a program of this host"
      }
    throw portIsTaken(
      PublishedPort(
        request.transport, address: address, hostPort: range.lowerBound, containerPort: request.containerPort),
      by: other)
  }

  /// Any that is free; the kernel knows.
  private func anyPort(
    _ request: PortRequest, _ addresses: [IPAddress], among claims: [PortClaim]
  ) throws(NetworkError) -> UInt16 {
    for attempt in 0..<200 {
      // sctp has no sockets here that could be asked: the range that the kernel takes such ports from, from its start.
      let asked: UInt16 = request.transport == .sctp ? 32_768 + UInt16(attempt) : 0
      let port = try describing("cannot find a free port") { () throws(Fault) in
        guard let port = try freeHostPort(request.transport, addresses[0], asked) else { return nil as UInt16? }
        for address in addresses.dropFirst() where try freeHostPort(request.transport, address, port) == nil {
          return nil
        }
        return port
      }
      guard let port,
        !addresses.contains(where: { address in claims.contains { $0.excludes(request.transport, address, port) } })
      else { continue }
      return port
    }
    throw NetworkError(.conflict, "no free port was found for \(request.containerPort)/\(request.transport)")
  }

  /// The steps that would lead the ports to a container on a network that may not be there yet. Nothing is claimed.
  func rehearsePublishing(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, on network: Network,
    name: (String) -> String?
  ) throws(NetworkError) -> (ports: [PublishedPort], steps: [Step]) {
    guard !requests.isEmpty else { return ([], []) }
    try refusePublishing(on: attachment)
    let claims = try describing("cannot read the published ports") { () throws(Fault) in try readClaims() }
    let wanted = try claimsWanted(requests, for: container, at: attachment, among: claims, name: name)
    var steps: [Step] = []
    if (try? readText(Path("/proc/sys/net/ipv4/conf/\(attachment.bridge)/route_localnet"))) != "1" {
      steps.append(.network(routeLocalnet(attachment.bridge)))
    }
    let others = try all().filter { $0.name != network.name }
    do throws(Fault) {
      if let update = try firewallUpdate(for: others, adding: network, claiming: wanted) {
        steps += update.steps.map(Step.network)
      }
    } catch { throw NetworkError("cannot look at the firewall", error) }
    return (wanted.map(\.port), steps)
  }

  /// The lock is held.
  func performFirewall(_ steps: [Step], observe: (Step) -> Void) throws(NetworkError) {
    let update: FirewallUpdate?
    let networks = try all()
    do throws(Fault) { update = try firewallUpdate(for: networks) } catch {
      throw NetworkError("cannot look at the firewall", error)
    }
    if let update {
      try describing("cannot keep the state of the firewall") { () throws(Fault) in try intend(update.ruleset) }
    }
    try performAll(steps + (update?.steps ?? []).map(Step.network), on: "the published ports", observe: observe)
    passKillSwitch("publishing", 1)
    if let update { remember(update.ruleset) }
  }

  /// Gives back what a container has published; its packets are led nowhere from then on.
  func withdrawPorts(of container: String) throws(NetworkError) {
    guard exists(ports) else { return }
    let has = try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims().contains { $0.container == container }
    }
    guard has else { return }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    _ = try describing("cannot give back the published ports") { () throws(Fault) in
      try readClaims(removing: { $0.container == container })
    }
    try performFirewall([], observe: { _ in })
  }

  /// As with a lease, who took it counts: between the claim and the container's record there is nothing else to see.
  private func holds(_ claim: PortClaim, _ isAlive: (String) -> Bool) -> Bool {
    isAlive(claim.container) || isRunning(claim.claimer)
  }

  /// Ports of containers that are no more.
  func healPorts(isAlive: (String) -> Bool) throws(NetworkError) -> [String] {
    guard exists(ports) else { return [] }
    let dead = try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims().filter { !holds($0, isAlive) }
    }
    guard !dead.isEmpty else { return [] }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    // Read again: what was dead without the lock may have been taken anew.
    _ = try describing("cannot heal the published ports") { () throws(Fault) in
      try readClaims(removing: { !holds($0, isAlive) })
    }
    try performFirewall([], observe: { _ in })
    return dead.map { "port \($0.port.hostEnd)/\($0.port.transport) of \($0.container.prefix(12))" }
  }

  func readClaims() throws(Fault) -> [PortClaim] {
    try portNames().compactMap { name in
      (try? readSymbolicLink(ports.appending(name)).string).flatMap { PortClaim(name: name.string, target: $0) }
    }.sorted { $0.fileName.string < $1.fileName.string }
  }

  /// Takes those away, and what is no claim at all; the rest is given.
  private func readClaims(removing isGone: (PortClaim) -> Bool) throws(Fault) -> [PortClaim] {
    let claims = try readClaims()
    let kept = claims.filter { !isGone($0) }
    let names = Set(kept.map(\.fileName.string))
    for name in try portNames() where !names.contains(name.string) { try? removeTree(ports.appending(name)) }
    return kept
  }

  private func portNames() throws(Fault) -> [Path] {
    do throws(Fault) { return try entries(of: ports).map(\.name) } catch {
      if error.errno == .noSuchFile { return [] }
      throw error
    }
  }
}
