package import Kernel

/// A connection that somebody opens.
package struct Flow: Sendable {
  package var input: String
  /// Nil for what is for this host itself.
  package var output: String?
  package var transport: UInt8
  package var family: AddressSet.Family
  package var destination: IPAddress?
  package var destinationPort: UInt16
  /// A rule of ours has led it to a container.
  package var isTranslated: Bool
  /// A packet of a connection that was let through in the other direction.
  package var isAnswer = false
  /// Of the links, for rules that know them by number.
  package var inputIndex: UInt32?
  package var outputIndex: UInt32?

  package init(
    from input: String, to output: String? = nil, transport: UInt8 = 6, family: AddressSet.Family = .v4,
    destination: IPAddress? = nil, port: UInt16, isTranslated: Bool = false
  ) {
    self.family = family
    self.input = input
    self.output = output
    self.transport = transport
    self.destination = destination
    destinationPort = port
    self.isTranslated = isTranslated
  }
}

/// What the rules say of a flow.
package struct Ruling: Sendable {
  /// Callers that pass every chain.
  package var accepted: AddressSet
  /// Which rules stop the others: the first of each chain that stops anybody, in their order.
  package var obstacles: [RulePlace] = []
  /// Rules that would let somebody pass under conditions that Skiff does not understand count as if they were not there.
  package var isUncertain = false
}

/// Where a rule is.
package struct RulePlace: Hashable, Sendable {
  /// `ip filter`
  package var table: String
  package var chain: String
  /// Nil for a chain's policy.
  package var handle: UInt64?
  /// The base chain that led there.
  package var base: String
  /// It is about whatever comes: the end of a chain that closes what it does not know.
  package var isCatchAll: Bool
  package var tool: FirewallTool

  package init(
    table: String, chain: String, handle: UInt64? = nil, base: String, isCatchAll: Bool, tool: FirewallTool
  ) {
    self.table = table
    self.chain = chain
    self.handle = handle
    self.base = base
    self.isCatchAll = isCatchAll
    self.tool = tool
  }
}

/// Whose words a firewall is spoken to in.
package enum FirewallTool: String, Hashable, Sendable { case nft, iptables, legacy, ufw, firewalld }

extension HostRules {
  /// Asks every chain of the hook, as the kernel does: a packet passes when each of them lets it.
  ///
  /// - Parameter sources: nil for everybody of the flow's family.
  package func ruling(_ flow: Flow, sources: AddressSet? = nil) -> Ruling {
    let sources = sources ?? .all(flow.family)
    var ruling = Ruling(accepted: sources)
    let hook: Hook = flow.output == nil ? .input : .forward
    for base in chains.filter({ $0.hook == hook && $0.sees(flow.family) }).sorted(by: { $0.priority < $1.priority }) {
      var walk = ChainWalk(rules: self, flow: flow, base: base)
      let end = walk.follow(base, sources, depth: 0)
      var accepted = end.accepted
      if base.policyDrops {
        if !end.through.isEmpty { walk.note(base, nil) }
      } else {
        accepted = accepted.union(end.through)
      }
      if accepted != sources, let place = walk.obstacle { ruling.obstacles.append(place) }
      ruling.accepted = ruling.accepted.intersection(accepted)
      ruling.isUncertain = ruling.isUncertain || walk.isUncertain
    }
    return ruling
  }
}
