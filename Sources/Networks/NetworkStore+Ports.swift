internal import Firewall
internal import Kernel
internal import Launching
package import Steps

// Published ports. Who has one is a symbolic link in `<run>/.ports` (PortClaim). A claim is there before the firewall leads
// its port anywhere and goes after it, so whoever comes behind a crash finds every port that leads to nobody.

/// Ports that are a container's from now on, and what a person should know of them.
package struct Publication: Sendable {
  package var ports: [PublishedPort] = []
  /// What the host's own firewall keeps closed, and how to open it there.
  package var warnings: [String] = []
}

extension NetworkStore {
  var ports: Path { run.appending(".ports") }

  /// Takes ports of the host for a container and lets the firewall lead them there: all of them or none. Only those who could be
  /// in the way are looked at.
  ///
  /// - Parameters:
  ///   - isAlive: whether a container is there that may hold a port.
  ///   - name: what a person calls a container; nil for one that is not known.
  package func publish(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, isAlive: (String) -> Bool,
    name: (String) -> String?, observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> Publication {
    guard !requests.isEmpty else { return Publication() }
    try refusePublishing(on: attachment)
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    return try withoutActuallyEscaping(isAlive) { isAlive throws(NetworkError) -> Publication in
      var book = try portBook { isAlive($0.container) || isRunning($0.claimer) }
      let wanted = try claimsWanted(requests, for: container, at: attachment, among: &book, name: name)
      let change = PortChange(removed: book.dead, added: wanted)
      do throws(NetworkError) {
        for claim in wanted {
          try describing("cannot take port \(claim.port.hostEnd)/\(claim.port.transport)") { () throws(Fault) in
            if !exists(ports) { try makeDirectories(ports, mode: 0o700) }
            try write(claim)
          }
        }
        passKillSwitch("publishing", 0)
        let host = try perform(change, loopbackSteps(for: wanted, attachment.bridge), observe: observe)
        return Publication(ports: wanted.map(\.port), warnings: warnings(for: wanted, attachment.bridge, host))
      } catch {
        for claim in wanted {
          // Rules may still lead where the dead one's port led.
          if let before = book.dead.first(where: { $0.fileName == claim.fileName }) {
            try? write(before)
          } else {
            try? removeFile(ports.appending(claim.fileName))
          }
        }
        throw error
      }
    }
  }

  /// What this host sends to its own loopback is led to a container as well; the kernel takes an address of the loopback for
  /// a mistake on any other link (ip-sysctl, route_localnet). Others' packets to it are dropped as they arrive.
  func routeLocalnet(_ bridge: String) -> NetworkStep {
    .setSysctl(key: "net/ipv4/conf/\(bridge)/route_localnet", value: "1", before: "0")
  }

  /// What the bridge needs so that this host's loopback leads to its containers.
  private func loopbackSteps(for claims: [PortClaim], _ bridge: String) -> [Step] {
    var steps: [Step] = []
    if (try? readText(Path("/proc/sys/net/ipv4/conf/\(bridge)/route_localnet"))) != "1" {
      steps.append(.network(routeLocalnet(bridge)))
    }
    if claims.contains(where: \.isOnLoopback6) { steps.append(.network(.addLoopbackRoute6(LinkName(bridge)))) }
    return steps
  }

  /// The steps that would lead the ports to a container on a network that may not be there yet. Nothing is claimed.
  func rehearsePublishing(
    _ requests: [PortRequest], for container: String, at attachment: NetworkAttachment, on network: Network,
    name: (String) -> String?
  ) throws(NetworkError) -> (ports: [PublishedPort], steps: [Step]) {
    guard !requests.isEmpty else { return ([], []) }
    try refusePublishing(on: attachment)
    var book = try portBook { _ in true }
    let wanted = try claimsWanted(requests, for: container, at: attachment, among: &book, name: name)
    let change = PortChange(added: wanted)
    var steps = loopbackSteps(for: wanted, attachment.bridge)
    let others = try all().filter { $0.name != network.name }
    do throws(Fault) {
      var host = HostFirewall(rules: HostRules(), hostLinks: HostLinks())
      let isMember = try readFirewallState()?.frame.members.contains(.init(network)) ?? false
      var update = isMember ? try elementUpdate(change, asking: &host) : nil
      if update == nil {
        update = try firewallUpdate(for: others, adding: network, claims: change.applied(to: readClaims()))
      }
      steps += (update?.steps ?? []).map(Step.network)
    } catch { throw NetworkError("cannot look at the firewall", error) }
    return (wanted.map(\.port), steps)
  }

  /// Gives back what a container has published; its packets are led nowhere from then on.
  ///
  /// - Parameter known: what that is; where nobody knows, all claims are looked at.
  func withdrawPorts(of container: String, known: [PublishedPort]? = nil) throws(NetworkError) {
    guard exists(ports) else { return }
    func held() throws(NetworkError) -> [PortClaim] {
      try describing("cannot read the published ports") { () throws(Fault) in
        let claims: [PortClaim]
        if let known {
          claims = known.compactMap { readClaim(PortClaim.fileName(of: $0)) }
        } else {
          claims = try readClaims()
        }
        return claims.filter { $0.container == container }
      }
    }
    guard try !held().isEmpty else { return }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    // Read again: somebody may have healed the container in between.
    try perform(PortChange(removed: held()))
  }

  /// The steps that would lead the container's published ports to that address.
  package func rehearseMovingPorts(
    of container: String, to outlet: NetworkAttachment?
  ) throws(NetworkError) -> [Step] {
    let claims = try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims().filter { $0.container == container && !$0.leads(to: outlet) }
    }
    guard !claims.isEmpty else { return [] }
    let change = PortChange(moving: claims, to: outlet)
    let bridge = outlet.flatMap { $0.macvlan == nil ? $0.bridge : nil }
    let steps = bridge.map { loopbackSteps(for: claims, $0) } ?? []
    let networks = try all()
    return try describing("cannot look at the firewall") { () throws(Fault) in
      var host = HostFirewall(rules: HostRules(), hostLinks: HostLinks())
      var update = try elementUpdate(change, asking: &host)
      if update == nil { update = try firewallUpdate(for: networks, claims: change.applied(to: readClaims())) }
      return steps + (update?.steps ?? []).map(Step.network)
    }
  }

  /// The container's published ports lead to that address from now on; to none, and nobody else has them, without one.
  package func movePorts(of container: String, to outlet: NetworkAttachment?) throws(NetworkError) {
    guard exists(ports) else { return }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    let claims = try describing("cannot read the published ports") { () throws(Fault) in
      try readClaims().filter { $0.container == container && !$0.leads(to: outlet) }
    }
    guard !claims.isEmpty else { return }
    // The rules first, then the claims: who is killed in between finds claims that lead elsewhere, and does it all again.
    let bridge = outlet.flatMap { $0.macvlan == nil ? $0.bridge : nil }
    try perform(PortChange(moving: claims, to: outlet), bridge.map { loopbackSteps(for: claims, $0) } ?? [])
  }

  /// As with a lease, who took it counts: between the claim and the container's record there is nothing else to see.
  private func holds(_ claim: PortClaim, _ isAlive: (String) -> Bool) -> Bool {
    isAlive(claim.container) || isRunning(claim.claimer)
  }

  /// Ports of containers that are no more, and what is no claim at all.
  func healPorts(isAlive: (String) -> Bool) throws(NetworkError) -> [String] {
    func dead() throws(NetworkError) -> (claims: [PortClaim], strays: [Path]) {
      try describing("cannot read the published ports") { () throws(Fault) in
        var found: (claims: [PortClaim], strays: [Path]) = ([], [])
        for name in try portNames() {
          guard let claim = readClaim(name) else {
            found.strays.append(name)
            continue
          }
          if !holds(claim, isAlive) { found.claims.append(claim) }
        }
        return found
      }
    }
    let seen = try dead()
    guard !seen.claims.isEmpty || !seen.strays.isEmpty else { return [] }
    let lock = try describing("cannot lock the networks") { () throws(Fault) in try takeLock() }
    defer { hold(lock) }
    // Read again: what was dead without the lock may have been taken anew.
    let gone = try dead()
    if !gone.claims.isEmpty { try perform(PortChange(removed: gone.claims)) }
    for name in gone.strays { try? removeTree(ports.appending(name)) }
    return gone.claims.map { "port \($0.port.hostEnd)/\($0.port.transport) of \($0.container.prefix(12))" }
  }
}
