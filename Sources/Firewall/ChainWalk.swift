internal import Kernel

/// Follows a flow through the chains of one base chain, as the kernel would.
struct ChainWalk {
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
}
