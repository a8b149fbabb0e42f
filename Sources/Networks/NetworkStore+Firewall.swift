internal import Firewall
internal import Kernel
internal import Netlink
internal import Steps

/// The steps that bring the firewall to what the networks need, and what is to be remembered once they were performed.
struct FirewallUpdate: Sendable {
  var steps: [NetworkStep]
  var ruleset: Ruleset
}

extension NetworkStore {
  /// What was last applied in the caller's network namespace; nil when that is unknown.
  func readFirewallState() throws(Fault) -> FirewallState? {
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readFile(firewallState, limit: 4 << 20) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
    guard let state = FirewallState(String(decoding: bytes, as: UTF8.self)) else { return nil }
    return state.namespace == (try currentNamespace()) ? state : nil
  }

  /// Whether the rules in the kernel are those that we put there and the network is among them. Usually one message: the
  /// number of the rule set.
  func firewallHolds(for network: Network) throws(Fault) -> Bool {
    guard var state = try readFirewallState(), state.ruleset.members.contains(Ruleset.Member(network)) else {
      return false
    }
    var socket = try FirewallSocket()
    let generation = try socket.generation()
    if generation == state.generation { return true }
    // Somebody changed some table. Ours, or what ours depends on?
    guard try socket.fingerprint(of: table, sets: Ruleset.sets) == state.fingerprint else { return false }
    let host = try readHost(&socket)
    guard host.gate(for: state.ruleset.ports) == state.ruleset.gate,
      host.changes(for: state.ruleset.members, table: table).isEmpty
    else { return false }
    state.generation = generation
    note(host, in: &state)
    try write(state)
    return true
  }

  /// What others filter on this host, and by which links it is reached.
  func readHost(_ socket: inout FirewallSocket) throws(Fault) -> HostFirewall {
    let rules = try socket.hostRules(except: isTableOfSkiff, isOwn: { [table] in $0.hasPrefix(table + ": ") })
    var links = try RouteSocket()
    return HostFirewall(
      rules: rules,
      links: try links.links().filter {
        $0.name != "lo" && !isLinkOfSkiff($0.name) && $0.name.utf8.allSatisfy { $0 > 32 }
      })
  }

  private func note(_ host: HostFirewall, in state: inout FirewallState) {
    let before = Set(state.obstacles)
    state.obstacles = host.obstacles(of: state.ruleset)
    if !Set(state.obstacles).isSubset(of: before) { state.isUntold = true }
    if state.obstacles.isEmpty { state.isUntold = false }
  }

  /// What a person has to know: somebody else's firewall drops what containers of the network send out, and Skiff does not
  /// change that. Said once, and again when the firewall or our networks have changed.
  package func warning(for network: String) -> String? {
    guard var state = try? readFirewallState(), state.isUntold, let network = try? read(network) else { return nil }
    let words = state.obstacles.filter { $0.isForward && $0.port == nil && $0.bridge == network.bridge }.map {
      "\($0.place.words), so containers on network \(network.name) may reach nothing outside; to let them: "
        + $0.place.cureForWayOut(network.bridge)
    }
    guard !words.isEmpty else { return nil }
    state.isUntold = false
    try? write(state)
    return words.joined(separator: "; ")
  }

  /// One line for each port of the container that the host's own firewall keeps closed: how to open it there.
  package func warnings(forPortsOf container: String) -> [String] {
    guard let state = try? readFirewallState(), let claims = try? readClaims() else { return [] }
    return claims.filter { $0.container == container }.compactMap { claim in
      guard let obstacle = state.obstacles.first(where: { $0.port == claim.entry }) else { return nil }
      return "port \(claim.port.hostEnd)/\(claim.port.transport) is closed to other machines: "
        + "\(obstacle.place.words); to open it: " + obstacle.cure(bridge: obstacle.bridge)
    }
  }

  /// Nil when nothing is to do. The lock is held.
  func firewallUpdate(
    for networks: [Network], adding: Network? = nil, uplinks: [String]? = nil, uplinks6: [String]? = nil,
    claiming: [PortClaim] = []
  ) throws(Fault) -> FirewallUpdate? {
    let before = try readFirewallState()
    var wanted = Ruleset(
      members: networks.filter { $0.driver == .bridge }.map(Ruleset.Member.init),
      uplinks: uplinks ?? before?.ruleset.uplinks ?? [])
    wanted.uplinks6 = uplinks6 ?? before?.ruleset.uplinks6 ?? []
    // An entry of a network that is gone would lead to an address that may be anybody's by now.
    let known = Set(networks.map(\.name) + [adding?.name].compactMap { $0 })
    wanted.ports = try (readClaims() + claiming).filter { known.contains($0.network) && !$0.leadsNowhere }.map(
      \.entry)
    if let adding, !networks.contains(where: { $0.name == adding.name }) { wanted.members.append(.init(adding)) }
    // One order, so that the same networks are the same rules.
    wanted.members.sort { $0.bridge < $1.bridge }
    var socket = try FirewallSocket()
    let host = try readHost(&socket)
    wanted.gate = host.gate(for: wanted.ports)
    let changes = host.changes(for: wanted.members, table: table).map {
      NetworkStep.applyFirewall($0, reverse: nil)
    }
    let present = try socket.fingerprint(of: table, sets: Ruleset.sets)
    if let before, before.ruleset == wanted, present == before.fingerprint {
      return changes.isEmpty ? nil : FirewallUpdate(steps: changes, ruleset: wanted)
    }
    let reverse: FirewallChange?
    if let before, present == before.fingerprint {
      reverse = before.ruleset.change(table: table)
    } else {
      reverse = present == nil ? FirewallChange(table: table, [.deleteTable]) : nil
    }
    if wanted.members.isEmpty && wanted.uplinks.isEmpty && wanted.uplinks6.isEmpty {
      guard present != nil else {
        return changes.isEmpty ? nil : FirewallUpdate(steps: changes, ruleset: wanted)
      }
      let end = FirewallChange(table: table, [.addTable, .deleteTable])
      return FirewallUpdate(steps: changes + [.applyFirewall(end, reverse: reverse)], ruleset: wanted)
    }
    // Ours first: what the host's firewall lets out then is what ours has already looked at.
    return FirewallUpdate(
      steps: [.applyFirewall(wanted.change(table: table), reverse: reverse)] + changes, ruleset: wanted)
  }

  /// Before the step is performed: what the rules are meant to be, with a description that no table has.
  func intend(_ ruleset: Ruleset) throws(Fault) {
    try write(
      FirewallState(namespace: try currentNamespace(), generation: .max, fingerprint: 0, ruleset: ruleset))
  }

  /// After the step was performed: how the kernel describes the result. Where that cannot be kept (the disk is full), what
  /// was intended stays written down, and the next use looks at the rules again.
  func remember(_ ruleset: Ruleset) { try? keep(ruleset) }

  private func keep(_ ruleset: Ruleset) throws(Fault) {
    var socket = try FirewallSocket()
    let generation = try socket.generation()
    guard let fingerprint = try socket.fingerprint(of: table, sets: Ruleset.sets) else {
      try? removeFile(firewallState)
      return
    }
    var state = FirewallState(
      namespace: try currentNamespace(), generation: generation, fingerprint: fingerprint, ruleset: ruleset)
    note(try readHost(&socket), in: &state)
    try write(state)
  }

  private func write(_ state: FirewallState) throws(Fault) {
    try replaceFile(firewallState, with: Array(state.text.utf8), durable: false)
  }

  /// Of this thread: a namespace is a thread's, not a process's.
  private func currentNamespace() throws(Fault) -> UInt64 { try status(of: "/proc/thread-self/ns/net").inode }

  /// Links that forwarding will concern besides our own. The loopback never forwards.
  func foreignLinks() throws(Fault) -> [String] {
    var socket = try RouteSocket()
    let named = Set(((try? all()) ?? []).map(\.bridge))
    return try socket.links().map(\.name).filter { $0 != "lo" && !isLinkOfSkiff($0) && !named.contains($0) }.sorted()
  }
}

/// Whether some store of Skiff, not this one alone, named the link: `skiff0`, `skXXXX-…` or `skXXXX…`.
func isLinkOfSkiff(_ name: String) -> Bool {
  let digits = name.utf8.dropFirst(2).prefix(4)
  return name == "skiff0"
    || (name.hasPrefix("sk") && digits.count == 4
      && digits.allSatisfy { (48...57).contains($0) || (97...102).contains($0) })
}

/// A table of any store of Skiff.
private func isTableOfSkiff(_ name: String) -> Bool { name == "skiff" || name.hasPrefix("skiff_") }
