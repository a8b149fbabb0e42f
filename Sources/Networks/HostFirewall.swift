internal import Firewall
internal import Kernel
internal import Netlink
internal import Steps

/// The host's own firewall, asked what it lets in, through and out. What it closes stays closed, for published ports too; what
/// containers send out passes it by rules of ours, where all that stops them is that it knows no containers.
struct HostFirewall {
  var rules: HostRules
  var hostLinks: HostLinks
  /// Neither the loopback nor ours, as far as rules tell them apart.
  var links: [Link] { hostLinks.asked }
  /// Where br_netfilter is on, what a bridge passes from one container to another meets the rules about forwarding.
  var filtersBridges = (try? readText("/proc/sys/net/bridge/bridge-nf-call-iptables")) == "1"

  /// A link that no rule knows by name.
  private static let someLink = "?"

  // MARK: - In

  /// Whether it is the rules about forwarding that open and close published ports here, as ufw's do. Where they let all pass
  /// that somebody has translated, as firewalld's do, or there are none, those about what comes in decide.
  func forwardingDecides(from link: String, _ family: AddressSet.Family) -> Bool {
    // Addresses of examples (RFC 5737, RFC 3849).
    let somebody: IPAddress =
      family == .v4 ? .v4(IPv4Address(192, 0, 2, 1)) : .v6(IPv6Address(value: 0x2001_0db8 << 96 | 1))
    return rules.ruling(
      Flow(
        from: link, to: HostFirewall.someLink, family: family, destination: somebody, port: 1, isTranslated: true)
    ).accepted.isEmpty
  }

  /// Who may call the port by that link, so far as rules about what comes in say so.
  func ruling(on entry: PortEntry, from link: String) -> Ruling {
    var flow = Flow(
      from: link, transport: entry.transport.number, family: entry.family, destination: entry.address, port: entry.port)
    flow.inputIndex = index(link)
    return rules.ruling(flow)
  }

  /// The same for the rules about forwarding, which see the container's end of it.
  func forwardRuling(on entry: PortEntry, from link: String, to bridge: String) -> Ruling {
    var flow = Flow(
      from: link, to: bridge, transport: entry.transport.number, family: entry.family, destination: entry.container,
      port: entry.containerPort, isTranslated: true)
    flow.inputIndex = index(link)
    return rules.ruling(flow)
  }

  /// By those that decide.
  func decidingRuling(on entry: PortEntry, from link: String, to bridge: String) -> (Ruling, isForward: Bool) {
    forwardingDecides(from: link, entry.family)
      ? (forwardRuling(on: entry, from: link, to: bridge), true) : (ruling(on: entry, from: link), false)
  }

  private func index(_ name: String) -> UInt32? {
    links.first { $0.name == name }.map { UInt32(bitPattern: $0.index) }
  }

  /// Who may call which port; nil where nobody has to be kept out.
  func gate(for ports: [PortEntry]) -> [Caller]? {
    guard !ports.isEmpty, !rules.isEmpty else { return nil }
    let (callers, isClosing) = callers(of: ports)
    return isClosing ? callers : nil
  }

  /// Who may call each port, whether that is everybody or not. Another port's answer is another matter, as long as all entries
  /// for one port are here.
  func callers(of ports: [PortEntry]) -> (list: [Caller], isClosing: Bool) {
    var callers: [Caller] = []
    var isClosing = false
    let names = links.map(\.name)
    let all = names + [HostFirewall.someLink]
    let deciding = [AddressSet.Family.v4, .v6].map { family in Set(all.filter { forwardingDecides(from: $0, family) }) }
    // One rule set for all addresses of the host: of two entries for one port the stricter counts.
    var accepted: [GateKey: [String: AddressSet]] = [:]
    for entry in ports where entry.address?.isLoopback != true {
      let key = GateKey(isIPv6: entry.family == .v6, transport: entry.transport, port: entry.port)
      for link in all {
        let isForwarding = deciding[key.isIPv6 ? 1 : 0].contains(link)
        let sources = isForwarding ? AddressSet.all(entry.family) : ruling(on: entry, from: link).accepted
        if !sources.isAll { isClosing = true }
        let before = accepted[key]?[link] ?? .all(entry.family)
        accepted[key, default: [:]][link] = before.intersection(sources)
      }
    }
    var others: [String]?
    for (key, byLink) in accepted.sorted(by: { $0.key < $1.key }) {
      let family: AddressSet.Family = key.isIPv6 ? .v6 : .v4
      let common = byLink.values.reduce(AddressSet.all(family)) { $0.intersection($1) }
      func add(_ sources: AddressSet, _ link: String?) {
        callers += sources.bounds.map { Caller(link: link, $0.first, $0.last, key.transport, port: key.port) }
      }
      add(common, nil)
      for name in names.sorted() {
        let more = (byLink[name] ?? .none(family)).subtracting(common)
        guard !more.isEmpty, name == hostLinks.example?.name else {
          add(more, name)
          continue
        }
        // What the one is let stands for all: now their names are needed.
        let all = others ?? hostLinks.others().sorted()
        others = all
        for other in all { add(more, other) }
      }
    }
    return (callers, isClosing)
  }

  private struct GateKey: Hashable, Comparable {
    var isIPv6: Bool
    var transport: PortEntry.Transport
    var port: UInt16
    static func < (one: GateKey, two: GateKey) -> Bool {
      (one.isIPv6 ? 6 : 4, one.transport.rawValue, one.port) < (two.isIPv6 ? 6 : 4, two.transport.rawValue, two.port)
    }
  }

  // MARK: - Out

  /// The network's prefixes, and somebody outside who is called.
  private func sides(_ member: Ruleset.Member) -> [(inside: AddressSet, someone: IPAddress, outside: IPAddress)] {
    var sides: [(inside: AddressSet, someone: IPAddress, outside: IPAddress)] = [
      (
        AddressSet(member.subnet), .v4(IPv4Address(value: member.subnet.first.value + 2)), .v4(IPv4Address(1, 1, 1, 1))
      )
    ]
    if let subnet = member.subnet6 {
      let outside = IPv6Address(value: 0x2606_4700_4700 << 80 | 0x1111)
      sides.append((AddressSet(subnet), .v6(IPv6Address(value: subnet.first.value + 2)), .v6(outside)))
    }
    return sides
  }

  /// What stops a packet that a container of the network sends to somewhere outside, or what is answered.
  private func ways(of member: Ruleset.Member, by link: String) -> (out: [RulePlace], back: [RulePlace]) {
    var found: (out: [RulePlace], back: [RulePlace]) = ([], [])
    for side in sides(member) {
      var out = Flow(
        from: member.bridge, to: link, family: side.inside.family, destination: side.outside, port: 443)
      out.outputIndex = index(link)
      var back = Flow(
        from: link, to: member.bridge, family: side.inside.family, destination: side.someone, port: 50_000)
      back.isAnswer = true
      back.inputIndex = index(link)
      let outside: AddressSet =
        switch side.outside {
        case .v4(let address): AddressSet(IPv4Prefix(address, length: 32))
        case .v6(let address): AddressSet(IPv6Prefix(address, length: 128))
        }
      found.out += rules.ruling(out, sources: side.inside).obstacles
      found.back += rules.ruling(back, sources: outside).obstacles
    }
    return found
  }

  /// What stops containers of one network from reaching each other.
  func obstaclesWithin(_ member: Ruleset.Member) -> [RulePlace] {
    guard filtersBridges else { return [] }
    return sides(member).flatMap { side in
      let flow = Flow(
        from: member.bridge, to: member.bridge, family: side.inside.family, destination: side.someone, port: 50_000)
      return rules.ruling(flow, sources: side.inside).obstacles
    }
  }

  private struct Outlet: Hashable {
    var place: RulePlace
    var rule: FirewallRule
    var key: String { "\(place.table) \(place.chain) \(rule.comment)" }
  }

  /// Our rules in others' chains: those that are missing, and those that are no longer wanted.
  func changes(for members: [Ruleset.Member], table: String) -> [FirewallChange] {
    var wanted: [Outlet] = []
    for member in members {
      for place in obstaclesWithin(member) where place.isOurs {
        wanted.append(
          Outlet(
            place: place,
            rule: FirewallRule(
              [.inputIs(member.bridge), .outputIs(member.bridge)], .accept, comment: "\(table): within \(member.bridge)"
            )))
      }
      for link in links.map(\.name) where !member.isInternal {
        let ways = ways(of: member, by: link)
        for place in ways.out where place.isOurs {
          wanted.append(
            Outlet(
              place: place,
              rule: FirewallRule([.inputIs(member.bridge)], .accept, comment: "\(table): \(member.bridge) reaches out"))
          )
        }
        for place in ways.back where place.isOurs {
          wanted.append(
            Outlet(
              place: place,
              rule: FirewallRule(
                [.outputIs(member.bridge), place.tool == .nft ? .establishedOrRelated : .answersByExtension], .accept,
                comment: "\(table): answers to \(member.bridge)")))
        }
      }
    }
    var operations: [String: [FirewallOperation]] = [:]
    let keys = Set(wanted.map(\.key))
    var present: Set<String> = []
    for rule in rules.own {
      let key = "\(rule.table) \(rule.chain) \(rule.comment)"
      // Twice the same is once too often.
      if keys.contains(key), present.insert(key).inserted { continue }
      operations[rule.table, default: []].append(.deleteRule(chain: rule.chain, handle: rule.handle))
    }
    for outlet in wanted where present.insert(outlet.key).inserted {
      let operation: FirewallOperation =
        if let handle = outlet.place.handle {
          .insertRule(chain: outlet.place.chain, before: handle, outlet.rule)
        } else {
          .addRule(chain: outlet.place.chain, outlet.rule)
        }
      operations[outlet.place.table, default: []].append(operation)
    }
    return operations.sorted { $0.key < $1.key }.compactMap { table, operations in
      let words = table.split(separator: " ", maxSplits: 1)
      guard words.count == 2, let family = FirewallChange.Family(rawValue: String(words[0])) else { return nil }
      var change = FirewallChange(table: String(words[1]), operations)
      change.family = family
      return change
    }
  }

  // MARK: - What stays closed

  /// What a person is told of: ways out that stay closed.
  func obstacles(for members: [Ruleset.Member]) -> [HostObstacle] {
    guard !rules.isEmpty else { return [] }
    var found: [HostObstacle] = []
    let names = links.map(\.name)
    for member in members where !member.isInternal {
      // Closed by one link of several may be meant; closed by all is not.
      let places = names.map { link in
        let ways = ways(of: member, by: link)
        return (ways.out + ways.back).first { !$0.isOurs }
      }
      if let place = places.first ?? nil, !places.contains(nil), place.isPlain {
        found.append(HostObstacle(bridge: member.bridge, port: nil, isForward: true, place: place))
      }
    }
    return found
  }

  /// What keeps the port closed to everybody outside, if anything.
  func obstacle(on entry: PortEntry, to bridge: String) -> HostObstacle? {
    var first: HostObstacle?
    for link in links.map(\.name) {
      let (ruling, isForward) = decidingRuling(on: entry, from: link, to: bridge)
      guard ruling.accepted.isEmpty, let place = ruling.obstacles.first, place.isPlain else { return nil }
      if first == nil { first = HostObstacle(bridge: bridge, port: entry, isForward: isForward, place: place) }
    }
    return first
  }
}

extension RulePlace {
  /// What stops a container there is only that nobody has thought of it: the end of a chain of nf_tables.
  var isOurs: Bool {
    isCatchAll && !table.hasPrefix("iptables-legacy") && !table.hasPrefix("ip6tables-legacy")
  }

  /// A name with a space or a line end in it would be lines of somebody's choice in our file.
  fileprivate var isPlain: Bool {
    [chain, base].allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 > 32 && $0 < 127 } }
      && table.utf8.allSatisfy { $0 >= 32 && $0 < 127 && $0 != UInt8(ascii: ":") }
  }
}

extension PortEntry {
  var family: AddressSet.Family { container.v4 == nil ? .v6 : .v4 }
}
