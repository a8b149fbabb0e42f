package import Kernel

// What the rules say to a packet: each chain is walked as the kernel would.

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
      var walk = Walk(rules: self, flow: flow, base: base)
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

private struct Walk {
  let rules: HostRules
  let flow: Flow
  let base: HostRules.Chain
  var obstacle: RulePlace?
  var isUncertain = false

  init(rules: HostRules, flow: Flow, base: HostRules.Chain) {
    self.rules = rules
    self.flow = flow
    self.base = base
  }

  struct End {
    var accepted: AddressSet
    var through: AddressSet
    init(through: AddressSet) {
      accepted = .none(through.family)
      self.through = through
    }
  }

  /// - Parameter rule: nil for the chain's policy.
  mutating func note(_ chain: HostRules.Chain, _ rule: HostRules.Rule?) {
    guard obstacle == nil else { return }
    // ufw's chains are jumped to from the base chains: where it is the policy that drops, they tell whose it is.
    let isOfUFW = rules.chains.contains {
      $0.table == chain.table && ($0.name.hasPrefix("ufw-before-") || $0.name.hasPrefix("ufw6-before-"))
    }
    let tool: FirewallTool =
      chain.isLegacy
      ? (isOfUFW ? .ufw : .legacy)
      : chain.table == "inet firewalld"
        ? .firewalld : isOfUFW ? .ufw : ["ip filter", "ip6 filter"].contains(chain.table) ? .iptables : .nft
    obstacle = RulePlace(
      table: chain.table, chain: chain.name, handle: rule?.handle, base: base.name,
      isCatchAll: rule?.tests.isEmpty ?? true, tool: tool)
  }

  mutating func follow(_ chain: HostRules.Chain, _ sources: AddressSet, depth: Int) -> End {
    var end = End(through: sources)
    var returned = AddressSet.none(flow.family)
    // The kernel itself refuses rule sets that jump deeper.
    guard depth < 16 else { return end }
    for rule in chain.rules {
      guard !end.through.isEmpty else { break }
      let (matched, isCertain) = sourcesMatching(rule, chain, end.through)
      guard !matched.isEmpty else { continue }
      apply(rule.outcome, of: rule, in: chain, matched, isCertain, &end, &returned, depth)
    }
    end.through = end.through.union(returned)
    return end
  }

  private mutating func apply(
    _ outcome: HostRules.Outcome, of rule: HostRules.Rule, in chain: HostRules.Chain, _ matched: AddressSet,
    _ isCertain: Bool, _ end: inout End, _ returned: inout AddressSet, _ depth: Int
  ) {
    switch outcome {
    case .none: break
    case .accept:
      guard isCertain else {
        isUncertain = true
        return
      }
      end.accepted = end.accepted.union(matched)
      end.through = end.through.subtracting(matched)
    case .drop:
      note(chain, rule)
      if !isCertain { isUncertain = true }
      end.through = end.through.subtracting(matched)
    case .leave:
      guard isCertain else { return }
      returned = returned.union(matched)
      end.through = end.through.subtracting(matched)
    case .jump(let name), .goTo(let name):
      guard let next = rules.chains.first(where: { $0.table == chain.table && $0.name == name }) else { return }
      var inner = follow(next, matched, depth: depth + 1)
      if !isCertain {
        if !inner.accepted.isEmpty { isUncertain = true }
        inner.through = inner.through.union(inner.accepted)
        inner.accepted = .none(flow.family)
      }
      end.accepted = end.accepted.union(inner.accepted)
      end.through = end.through.subtracting(matched)
      if case .jump = outcome {
        end.through = end.through.union(inner.through)
      } else {
        returned = returned.union(inner.through)
      }
    case .byMap(let map, let fields):
      guard let set = rules.sets["\(chain.table) \(map)"], !set.isOpaque, let key = key(fields) else {
        isUncertain = true
        return
      }
      guard let found = set.first(key)?.outcome else { return }
      apply(found, of: rule, in: chain, matched, isCertain, &end, &returned, depth)
    }
  }

  /// Whom the rule is about, and whether that is all there is to know.
  private func sourcesMatching(
    _ rule: HostRules.Rule, _ chain: HostRules.Chain, _ sources: AddressSet
  ) -> (AddressSet, Bool) {
    var left = sources
    var isCertain = true
    for test in rule.tests {
      switch answer(test, chain) {
      case .yes: continue
      case .no: return (.none(flow.family), true)
      case .from(let set): left = left.intersection(set)
      case .unknown: isCertain = false
      }
    }
    return (left, isCertain)
  }

  private enum Answer {
    case yes, no, unknown
    case from(AddressSet)
    init(_ isSo: Bool) { self = isSo ? .yes : .no }
  }

  private func answer(_ test: HostRules.Test, _ chain: HostRules.Chain) -> Answer {
    switch test {
    case .known(let isSo): return Answer(isSo)
    case .unknown: return .unknown
    case .states(let mask, let isInverted):
      let bits: UInt32 = (flow.isAnswer ? 2 : 8) | (flow.isTranslated ? 128 : 0)
      return Answer((mask & bits != 0) != isInverted)
    case .ports(let list, let isInverted):
      return Answer(list.contains { $0.contains(flow.destinationPort) } != isInverted)
    case .compare(let field, let operation, let value):
      if let mask = sourceMask(field) { return compareSource(mask, operation, value) }
      guard let present = bytes(of: field), present.count >= value.count else { return .unknown }
      let one = present.prefix(value.count)
      let two = value[...]
      return switch operation {
      case .equal: Answer(one.elementsEqual(two))
      case .notEqual: Answer(!one.elementsEqual(two))
      case .less: Answer(precedes(one, two))
      case .lessOrEqual: Answer(!precedes(two, one))
      case .greater: Answer(precedes(two, one))
      case .greaterOrEqual: Answer(!precedes(one, two))
      }
    case .range(let field, let ends, let isInverted):
      if isSource(field), let lower = number(ends.lower), let upper = number(ends.upper), lower <= upper {
        let set = AddressSet(flow.family, [(lower, upper)])
        return .from(isInverted ? set.complement : set)
      }
      guard let present = bytes(of: field) else { return .unknown }
      let isInside = !precedes(present[...], ends.lower[...]) && !precedes(ends.upper[...], present[...])
      return Answer(isInside != isInverted)
    case .lookUp(let fields, let name, let isInverted):
      guard let set = rules.sets["\(chain.table) \(name)"], !set.isOpaque else { return .unknown }
      if fields.count == 1, isSource(fields[0]) {
        let found = AddressSet(
          flow.family,
          set.elements.compactMap { element in
            guard let first = number(element.key), let last = number(element.end), first <= last else { return nil }
            return (first, last)
          })
        return .from(isInverted ? found.complement : found)
      }
      guard let key = key(fields) else { return .unknown }
      return Answer((set.first(key) != nil) != isInverted)
    }
  }

  // Where an address begins in the header of its family (RFC 791, RFC 8200), and how long it is.
  private var sourceOffset: Int { flow.family == .v4 ? 12 : 8 }
  private var destinationOffset: Int { flow.family == .v4 ? 16 : 24 }
  private var size: Int { flow.family.size }

  private func isSource(_ field: HostRules.Field) -> Bool { field == .network(offset: sourceOffset, count: size) }

  /// The bits of the source's address that are compared; nil for another field.
  private func sourceMask(_ field: HostRules.Field) -> (mask: UInt128, count: Int)? {
    let all = number([UInt8](repeating: 255, count: size)) ?? 0
    switch field {
    case .network(sourceOffset, let count) where (1...size).contains(count):
      return (all - (count == size ? 0 : all >> UInt128(8 * count)), count)
    case .masked(let inner, let mask, let xor) where isSource(inner) && xor.allSatisfy { $0 == 0 }:
      // Ones, and then zeros: as a prefix.
      guard let mask = number(mask), (all - mask) & (all - mask &+ 1) == 0 else { return nil }
      return (mask, size)
    default: return nil
    }
  }

  private func compareSource(
    _ part: (mask: UInt128, count: Int), _ operation: HostRules.Operator, _ value: [UInt8]
  ) -> Answer {
    guard value.count == part.count, let first = number(value + [UInt8](repeating: 0, count: size - value.count)),
      let all = number([UInt8](repeating: 255, count: size))
    else { return .unknown }
    let set = AddressSet(flow.family, [(first & part.mask, first | (all - part.mask))])
    return switch operation {
    case .equal: .from(set)
    case .notEqual: .from(set.complement)
    default: .unknown
    }
  }

  /// Of a whole address.
  private func number(_ bytes: [UInt8]) -> UInt128? {
    bytes.count == size ? bytes.reduce(0) { $0 << 8 | UInt128($1) } : nil
  }

  /// In a set each part fills registers of four bytes.
  private func key(_ fields: [HostRules.Field]) -> [UInt8]? {
    var key: [UInt8] = []
    for field in fields {
      guard let part = bytes(of: field) else { return nil }
      key += part
      if fields.count > 1 { while key.count % 4 != 0 { key.append(0) } }
    }
    return key
  }

  private func bytes(of field: HostRules.Field) -> [UInt8]? {
    func machine(_ value: UInt32) -> [UInt8] { bigEndianBytes(value).reversed() }
    switch field {
    case .input: return interfaceKey(flow.input)
    case .output: return interfaceKey(flow.output ?? "")
    case .inputIndex: return flow.inputIndex.map(machine)
    case .outputIndex: return flow.outputIndex.map(machine)
    case .family: return [flow.family == .v4 ? 2 : 10]
    case .etherType: return flow.family == .v4 ? [0x08, 0x00] : [0x86, 0xdd]
    case .transport: return [flow.transport]
    case .state: return machine(flow.isAnswer ? 2 : 8)  // NF_CT_STATE_BIT of IP_CT_ESTABLISHED, IP_CT_NEW
    case .status: return machine(flow.isTranslated ? 32 : 0)  // IPS_DST_NAT
    case .mark: return machine(0)
    case .flags: return [flow.isAnswer ? 18 : 2]  // SYN, and ACK
    case .addressType: return machine(flow.output == nil ? 2 : 1)  // RTN_LOCAL, RTN_UNICAST
    case .destinationPort: return [UInt8(flow.destinationPort >> 8), UInt8(flow.destinationPort & 255)]
    case .network(destinationOffset, let count) where count <= size:
      return flow.destination.map { Array($0.bytes.prefix(count)) }
    // The protocol; behind extension headers, which nobody has who opens a connection, it would stand elsewhere.
    case .network(let offset, 1) where offset == (flow.family == .v4 ? 9 : 6): return [flow.transport]
    case .network, .unknown: return nil
    case .masked(let inner, let mask, let xor):
      guard let value = bytes(of: inner), value.count == mask.count, mask.count == xor.count else { return nil }
      return value.indices.map { value[$0] & mask[$0] ^ xor[$0] }
    }
  }
}
