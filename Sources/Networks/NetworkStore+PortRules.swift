internal import Firewall
internal import Kernel
internal import Steps

// How the firewall follows the claims: by elements of its maps where the table is as we left it, and anew where it is not.

extension NetworkStore {
  /// Makes claims and rules follow the change; the lock is held. Claims that come are on disk already, or replace one that is.
  ///
  /// - Returns: the host's own firewall as it was asked.
  @discardableResult
  func perform(
    _ change: PortChange, _ steps: [Step] = [], observe: (Step) -> Void = { _ in }
  ) throws(NetworkError) -> HostFirewall {
    var host = HostFirewall(rules: HostRules(), hostLinks: HostLinks())
    let update: FirewallUpdate?
    do throws(Fault) { update = try elementUpdate(change, asking: &host) } catch {
      throw NetworkError("cannot look at the firewall", error)
    }
    if let update {
      do throws(NetworkError) {
        try performAll(steps + update.steps.map(Step.network), on: "the published ports", observe: observe)
        passKillSwitch("publishing", 1)
        remember(update)
        return try settle(change, host)
      } catch {
        // Elements are missing, or there, that should not be: somebody was killed right behind them.
        guard [.noSuchFile, .exists, .busy].contains(error.fault?.errno) else { throw error }
      }
    }
    try performFirewall(steps, change, observe: observe)
    if !change.added.isEmpty {
      host = try describing("cannot look at the firewall") { () throws(Fault) in
        var socket = try FirewallSocket()
        return try readHost(&socket)
      }
    }
    return try settle(change, host)
  }

  /// No rule leads there any more: now the claims may go, and others may take the ports.
  private func settle(_ change: PortChange, _ host: HostFirewall) throws(NetworkError) -> HostFirewall {
    passKillSwitch("publishing", 2)
    let names = Set(change.added.map(\.fileName))
    try describing("cannot write down the published ports") { () throws(Fault) in
      for claim in change.added where readClaim(claim.fileName) != claim { try write(claim) }
      for claim in change.removed where !names.contains(claim.fileName) {
        do throws(Fault) { try removeFile(ports.appending(claim.fileName)) } catch {
          if error.errno != .noSuchFile { throw error }
        }
      }
    }
    return host
  }

  /// Nil where the table is not as we left it, or lacks a chain or rule that the change needs.
  func elementUpdate(_ change: PortChange, asking host: inout HostFirewall) throws(Fault) -> FirewallUpdate? {
    guard let known = try readFirewallState() else { return nil }
    var socket = try FirewallSocket()
    guard var state = try wholeFirewall(known, &socket, before: change) else { return nil }
    host = try readHost(&socket)
    var old = PublishedElements(ports: portEntries(of: change.removed), callers: [])
    var new = PublishedElements(ports: portEntries(of: change.added), callers: [])
    let frame = state.frame
    guard new.ports.isEmpty || frame.publishes,
      frame.publishes6 || !new.ports.contains(where: { $0.container.v6 != nil })
    else { return nil }
    if !host.rules.isEmpty {
      let others = try neighbours(of: change)
      let callers = host.callers(of: others + new.ports)
      guard frame.isGated || !callers.isClosing else { return nil }
      if frame.isGated {
        old.callers = host.callers(of: others + old.ports).list
        new.callers = callers.list
      }
    } else if frame.isGated {
      return nil
    }
    let operations = PublishedElements.changes(from: old, to: new)
    let elements = FirewallChange(table: table, operations)
    let reverse = FirewallChange(table: table, PublishedElements.changes(from: new, to: old))
    state.mark.elements &+= elements.elementMark
    // Each transaction is one number further (nf_tables_commit): where it is another by then, somebody else's came in between.
    state.generation = operations.isEmpty ? state.generation : state.generation &+ 1
    let steps: [NetworkStep] = operations.isEmpty ? [] : [.applyFirewall(elements, reverse: reverse)]
    return FirewallUpdate(steps: steps, result: .changed(state))
  }

  /// Entries of other claims for the same ports: for the host's firewall they are one matter.
  private func neighbours(of change: PortChange) throws(Fault) -> [PortEntry] {
    let names = Set((change.removed + change.added).map(\.fileName))
    var book = PortBook(self, names: try portNames()) { _ in true }
    var keys: Set<PublishedPort.Number> = []
    var found: [PortClaim] = []
    for claim in change.removed + change.added where keys.insert(claim.port.number).inserted {
      found += book.claims(on: claim.port.transport, claim.port.hostPort).filter { !names.contains($0.fileName) }
    }
    return portEntries(of: found)
  }

  private func portEntries(of claims: [PortClaim]) -> [PortEntry] { claims.filter { !$0.leadsNowhere }.map(\.entry) }

  /// The same with the whole table.
  func performFirewall(_ steps: [Step], _ change: PortChange, observe: (Step) -> Void) throws(NetworkError) {
    let update: FirewallUpdate?
    let networks = try all()
    do throws(Fault) { update = try firewallUpdate(for: networks, claims: change.applied(to: readClaims())) } catch {
      throw NetworkError("cannot look at the firewall", error)
    }
    if let update {
      try describing("cannot keep the state of the firewall") { () throws(Fault) in try intend(update) }
    }
    try performAll(steps + (update?.steps ?? []).map(Step.network), on: "the published ports", observe: observe)
    passKillSwitch("publishing", 1)
    if let update { remember(update) }
  }
}
