internal import Firewall
internal import Kernel
internal import Netlink
internal import Steps

/// The steps that bring the firewall to what the networks need, and what is to be remembered once they were performed.
struct FirewallUpdate: Sendable {
  enum Result: Sendable {
    /// The table is another one: the kernel has to say what it calls it, and who is killed on the way is not to be believed.
    case made(Ruleset.Frame, elements: UInt64)
    /// Elements came or went, and this is all there is to know.
    case changed(FirewallState)
  }
  var steps: [NetworkStep]
  var result: Result
}

extension NetworkStore {
  /// What was last applied in the caller's network namespace; nil when that is unknown.
  func readFirewallState() throws(Fault) -> FirewallState? {
    let bytes: [UInt8]
    do throws(Fault) { bytes = try readRegularFile(firewallState, limit: 4 << 20) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
    guard let state = FirewallState(String(decoding: bytes, as: UTF8.self)) else { return nil }
    return state.namespace == (try currentNamespace()) ? state : nil
  }

  /// Whether the rules in the kernel are those that we put there and the network is among them. Usually one message: the
  /// number of the rule set.
  func firewallHolds(for network: Network) throws(Fault) -> Bool {
    guard let state = try readFirewallState(), state.frame.members.contains(Ruleset.Member(network)) else {
      return false
    }
    var socket = try FirewallSocket()
    return try wholeFirewall(state, &socket) != nil
  }

  /// The state, with the number that the rule set has now; nil where the table is not as we left it.
  ///
  /// - Parameter change: of claims, which the rules are still to follow.
  func wholeFirewall(
    _ state: FirewallState, _ socket: inout FirewallSocket, before change: PortChange = PortChange()
  ) throws(Fault) -> FirewallState? {
    let generation = try socket.generation()
    if generation == state.generation { return state }
    // Somebody changed some table. Ours, or what ours depends on?
    guard try socket.mark(of: table, sets: Ruleset.sets) == state.mark else { return nil }
    let host = try readHost(&socket)
    let ports = portEntries(of: change.reverted(in: try readClaims()), on: Set((try? names()) ?? []))
    let gate = host.gate(for: ports)
    guard (gate != nil) == state.frame.isGated, host.changes(for: state.frame.members, table: table).isEmpty,
      Ruleset(state.frame, ports: ports, gate: gate).change(table: table).elementMark == state.mark.elements
    else { return nil }
    var state = state
    state.generation = generation
    note(host, in: &state)
    try write(state)
    return state
  }

  /// An entry of a network that is gone would lead to an address that may be anybody's by now.
  func portEntries(of claims: [PortClaim], on known: Set<String>) -> [PortEntry] {
    claims.filter { known.contains($0.network) && !$0.leadsNowhere }.map(\.entry)
  }

  /// What others filter on this host, and by which links it is reached.
  ///
  /// - Parameter allLinks: also those that no rule tells from each other.
  func readHost(_ socket: inout FirewallSocket, allLinks: Bool = false) throws(Fault) -> HostFirewall {
    let rules = try socket.hostRules(except: isTableOfSkiff, isOwn: { [table] in $0.hasPrefix(table + ": ") })
    // Where nothing is filtered no link matters, and each container has one.
    return HostFirewall(rules: rules, hostLinks: rules.isEmpty ? HostLinks() : try HostLinks(for: rules, all: allLinks))
  }

  private func note(_ host: HostFirewall, in state: inout FirewallState) {
    let before = Set(state.obstacles)
    state.obstacles = host.obstacles(for: state.frame.members)
    if !Set(state.obstacles).isSubset(of: before) { state.isUntold = true }
    if state.obstacles.isEmpty { state.isUntold = false }
  }

  /// What a person has to know: somebody else's firewall drops what containers of the network send out, and Skiff does not
  /// change that. Said once, and again when the firewall or our networks have changed.
  package func warning(for network: String) -> String? {
    guard var state = try? readFirewallState(), state.isUntold, let network = try? read(network) else { return nil }
    let words = state.obstacles.filter { $0.bridge == network.bridge }.map {
      "\($0.place.words), so containers on network \(network.name) may reach nothing outside; to let them: "
        + $0.place.cureForWayOut(network.bridge)
    }
    guard !words.isEmpty else { return nil }
    state.isUntold = false
    try? write(state)
    return words.joined(separator: "; ")
  }

  /// One line for each port that the host's own firewall keeps closed: how to open it there.
  func warnings(for claims: [PortClaim], _ bridge: String, _ host: HostFirewall) -> [String] {
    guard !host.rules.isEmpty else { return [] }
    return claims.compactMap { claim in
      guard !claim.port.address.isLoopback, let obstacle = host.obstacle(on: claim.entry, to: bridge)
      else { return nil }
      return "port \(claim.port.hostEnd)/\(claim.port.transport) is closed to other machines: "
        + "\(obstacle.place.words); to open it: " + obstacle.cure(bridge: obstacle.bridge)
    }
  }

  /// Nil when nothing is to do. The lock is held.
  ///
  /// - Parameter claims: those that there will be; nil for those that there are.
  func firewallUpdate(
    for networks: [Network], adding: Network? = nil, uplinks: [String]? = nil, uplinks6: [String]? = nil,
    claims: [PortClaim]? = nil
  ) throws(Fault) -> FirewallUpdate? {
    let before = try readFirewallState()
    var frame = Ruleset.Frame(
      members: networks.filter { $0.driver == .bridge }.map(Ruleset.Member.init),
      uplinks: uplinks ?? before?.frame.uplinks ?? [], uplinks6: uplinks6 ?? before?.frame.uplinks6 ?? [])
    if let adding, !networks.contains(where: { $0.name == adding.name }) { frame.members.append(.init(adding)) }
    // One order, so that the same networks are the same rules.
    frame.members.sort { $0.bridge < $1.bridge }
    let known = Set(networks.map(\.name) + [adding?.name].compactMap { $0 })
    let present = try readClaims()
    let ports = portEntries(of: claims ?? present, on: known)
    var socket = try FirewallSocket()
    let host = try readHost(&socket)
    let wanted = Ruleset(frame, ports: ports, gate: host.gate(for: ports))
    let changes = host.changes(for: frame.members, table: table).map { NetworkStep.applyFirewall($0, reverse: nil) }
    let mark = try socket.mark(of: table, sets: Ruleset.sets)
    let replacement = wanted.change(table: table)
    func update(_ steps: [NetworkStep], _ frame: Ruleset.Frame) -> FirewallUpdate? {
      steps.isEmpty ? nil : FirewallUpdate(steps: steps, result: .made(frame, elements: replacement.elementMark))
    }
    var reverse = mark == nil ? FirewallChange(table: table, [.deleteTable]) : nil
    if let before, let mark, mark == before.mark {
      // Chains that nothing is led by any more are in nobody's way.
      var kept = wanted
      kept.frame.publishes = kept.frame.publishes || before.frame.publishes
      kept.frame.publishes6 = kept.frame.publishes6 || before.frame.publishes6
      if kept.frame == before.frame, replacement.elementMark == mark.elements { return update(changes, kept.frame) }
      let old = portEntries(of: present, on: known)
      let oldRules = Ruleset(before.frame, ports: old, gate: host.gate(for: old)).change(table: table)
      if oldRules.elementMark == mark.elements { reverse = oldRules }
    }
    if frame.isEmpty {
      guard mark != nil else { return update(changes, wanted.frame) }
      let end = FirewallChange(table: table, [.addTable, .deleteTable])
      return update(changes + [.applyFirewall(end, reverse: reverse)], wanted.frame)
    }
    // Ours first: what the host's firewall lets out then is what ours has already looked at.
    return update([.applyFirewall(replacement, reverse: reverse)] + changes, wanted.frame)
  }

  /// Before the steps are performed: what the rules are meant to be, with a description that no table has. Elements that come
  /// and go need none: who is killed behind them leaves a number of the rule set that nobody wrote down.
  func intend(_ update: FirewallUpdate) throws(Fault) {
    if case .made(let frame, _) = update.result { try write(.intended(frame, in: try currentNamespace())) }
  }

  /// After the steps were performed: how the kernel describes the result. Where that cannot be kept (the disk is full), what
  /// was intended stays written down, and the next use looks at the rules again.
  func remember(_ update: FirewallUpdate) { try? keep(update) }

  private func keep(_ update: FirewallUpdate) throws(Fault) {
    switch update.result {
    case .changed(let state): try write(state)
    case .made(let frame, let elements):
      var socket = try FirewallSocket()
      let generation = try socket.generation()
      guard let mark = try socket.frameMark(of: table) else {
        try? removeFile(firewallState)
        return
      }
      var state = FirewallState(
        namespace: try currentNamespace(), generation: generation, mark: TableMark(frame: mark, elements: elements),
        frame: frame)
      note(try readHost(&socket), in: &state)
      try write(state)
    }
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
