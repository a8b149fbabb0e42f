internal import Firewall
internal import Kernel
internal import Steps

/// The whole table of Skiff as a function of the networks: whatever was there before, this is what it becomes.
///
/// ```
/// arrival      what is for the loopback comes from nowhere else
/// prerouting   what the host's own firewall would not let in goes on to it · published ports lead to their containers,
///              those of one address first
/// output       so they do for what this host itself sends
/// forward      one network's own traffic passes · an internal network's does not leave · published ports pass ·
///              networks are apart · answers pass · nothing comes in unasked · the host's own links stay apart
/// postrouting  what leaves a network for the outside takes the host's address, and so does what this host's loopback, or a
///              container by a published port, sends to a container: the answer must come back the same way
/// ```
/// Rules look into sets and maps, so a packet meets the same handful of rules however many networks and ports there are, and
/// a port that comes or goes is an element or two (`PublishedElements`).
struct Ruleset: Hashable, Sendable {
  /// What the rules need of a network.
  struct Member: Hashable, Sendable {
    var bridge: String
    var subnet: IPv4Prefix
    var subnet6: IPv6Prefix?
    var isInternal: Bool
    /// Its containers reach each other.
    var allowsTraffic = true
    /// What leaves it takes the host's address.
    var masquerades = true
  }
  /// All of it that does not grow with what is published: chains and rules, and who they are about.
  struct Frame: Hashable, Sendable {
    var members: [Member]
    /// Links of the host that were there when we turned forwarding on. Without a rule the host would from then on route
    /// between them for anybody, as it did not before. Links that came later belong to who knows why they forward.
    var uplinks: [String] = []
    /// The same of IPv6, which is turned on by itself.
    var uplinks6: [String] = []
    /// The chains for published ports are there: from the first port on, until the table is made anew without one.
    var publishes = false
    var publishes6 = false
    /// The rule is there that keeps out whom the host's own firewall would not let in.
    var isGated = false

    /// Nothing has to be kept apart or led anywhere.
    var isEmpty: Bool { members.isEmpty && uplinks.isEmpty && uplinks6.isEmpty }
  }
  var frame: Frame
  /// Published ports.
  private(set) var ports: [PortEntry]
  /// Who may call published ports from outside; empty where the host's own firewall lets everything in.
  private(set) var gate: [Caller]

  /// - Parameters:
  ///   - frame: with the members and uplinks; the rest of it is what the ports need, or has already.
  ///   - gate: nil where the host's own firewall lets everything in.
  init(_ frame: Frame, ports: [PortEntry], gate: [Caller]?) {
    self.frame = frame
    self.ports = ports
    self.gate = gate ?? []
    if !ports.isEmpty { self.frame.publishes = true }
    if ports.contains(where: { $0.container.v6 != nil }) { self.frame.publishes6 = true }
    self.frame.isGated = gate != nil
  }

  static let sets = [
    "bridges", "within", "internal", "subnets", "subnets6", "open", "open6", "uplinks", "uplinks6", "ports",
    "addressed", "ports6", "addressed6", "callers", "callers_by_link", "callers6", "callers6_by_link",
  ]

  func change(table: String) -> FirewallChange {
    let members = frame.members
    let bridges = members.map(\.bridge)
    let within = members.filter(\.allowsTraffic).map { InterfacePair(input: $0.bridge, output: $0.bridge) }
    let open = members.filter { !$0.isInternal }
    let hidden = open.filter(\.masquerades)
    return FirewallChange(
      table: table,
      [
        .addTable, .deleteTable, .addTable,
        .addSet(FirewallSet("bridges", .interfaces(bridges))),
        .addSet(FirewallSet("within", .interfacePairs(within))),
        .addSet(FirewallSet("internal", .interfaces(members.filter(\.isInternal).map(\.bridge)))),
        .addSet(FirewallSet("subnets", .prefixes(hidden.map(\.subnet)))),
        .addSet(FirewallSet("subnets6", .prefixes6(hidden.compactMap(\.subnet6)))),
        .addSet(FirewallSet("open", .prefixes(open.map(\.subnet)))),
        .addSet(FirewallSet("open6", .prefixes6(open.compactMap(\.subnet6)))),
        .addSet(FirewallSet("uplinks", .interfaces(frame.uplinks))),
        .addSet(FirewallSet("uplinks6", .interfaces(frame.uplinks6))),
      ] + maps(ports).map { .addMap($0) } + callerSets(gate).map { .addSet($0) } + [
        // Also without a port: a bridge that once had one keeps route_localnet, and with it a container could reach what
        // listens on this host's loopback alone (CVE-2020-8558).
        .addChain(FirewallChain("arrival", .arrival)),
        .addRule(
          chain: "arrival",
          FirewallRule([.toLoopbackFromOutside], .drop, comment: "the loopback is this host's alone")),
      ] + (frame.publishes ? publishing : []) + [
        .addChain(FirewallChain("forward", .forward))
      ] + forwarding.map { .addRule(chain: "forward", $0) } + [
        .addChain(FirewallChain("postrouting", .postrouting)),
        .addRule(
          chain: "postrouting",
          FirewallRule(
            [.source(inSet: "subnets"), .outputNot(inSet: "bridges")], .masquerade,
            comment: "what leaves a network takes the host's address")),
        .addRule(
          chain: "postrouting",
          FirewallRule(
            [.source6(inSet: "subnets6"), .outputNot(inSet: "bridges")], .masquerade,
            comment: "the same of IPv6")),
      ] + (!frame.publishes ? [] : returning.map { .addRule(chain: "postrouting", $0) }))
  }

  private var publishing: [FirewallOperation] {
    func translations(_ destination6: [FirewallRule.Match]) -> [FirewallRule] {
      [
        FirewallRule(
          [.toThisHost], .destination(inMap: "addressed", isByAddress: true), comment: "published on one address"),
        FirewallRule(
          [.toThisHost], .destination(inMap: "ports", isByAddress: false), comment: "published on all addresses"),
      ]
        + (!frame.publishes6
          ? []
          : [
            FirewallRule(
              destination6 + [.toThisHost], .destination6(inMap: "addressed6", isByAddress: true),
              comment: "published on one address of IPv6"),
            FirewallRule(
              [.notToLoopback6, .toThisHost], .destination6(inMap: "ports6", isByAddress: false),
              comment: "published on all addresses of IPv6"),
          ])
    }
    // Left to where it would go without us, it meets the host's own rules, and their answer.
    let closed = FirewallRule(
      [
        .inputNot(inSet: "bridges"), .toThisHost, .callerNot(inSet: "callers"),
        .callerByLinkNot(inSet: "callers_by_link"),
      ], .accept, comment: "what the host's own firewall does not let in is not led to a container")
    var operations: [FirewallOperation] = [.addChain(FirewallChain("prerouting", .prerouting))]
    let closed6 = FirewallRule(
      [
        .inputNot(inSet: "bridges"), .toThisHost, .caller6Not(inSet: "callers6"),
        .caller6ByLinkNot(inSet: "callers6_by_link"),
      ], .accept, comment: "and of IPv6")
    if frame.isGated {
      operations.append(.addRule(chain: "prerouting", closed))
      if frame.publishes6 { operations.append(.addRule(chain: "prerouting", closed6)) }
    }
    // With br_netfilter a container's frame for ::1 comes by here before the kernel drops it.
    operations += translations([.notToLoopback6]).map { .addRule(chain: "prerouting", $0) }
    operations.append(.addChain(FirewallChain("output", .output)))
    return operations + translations([]).map { .addRule(chain: "output", $0) }
  }

  private var returning: [FirewallRule] {
    [
      FirewallRule(
        [.fromLoopback, .output(inSet: "bridges")], .masquerade,
        comment: "this host reaches a published port by its loopback"),
      FirewallRule(
        [.fromLoopback6, .output(inSet: "bridges")], .masquerade,
        comment: "and by that of IPv6"),
      FirewallRule(
        [.source(inSet: "open"), .output(inSet: "bridges"), .translated], .masquerade,
        comment: "a container reaches a published port by the host"),
      FirewallRule(
        [.source6(inSet: "open6"), .output(inSet: "bridges"), .translated], .masquerade,
        comment: "and by IPv6"),
    ]
  }

  private var forwarding: [FirewallRule] {
    [
      // Bridged frames come by here where br_netfilter is on, so this comes before anything that drops.
      FirewallRule([.path(inSet: "within")], .accept, comment: "containers of one network reach each other"),
      FirewallRule([.input(inSet: "internal")], .drop, comment: "nothing leaves an internal network"),
      FirewallRule([.output(inSet: "internal")], .drop, comment: "nothing enters an internal network"),
      FirewallRule([.output(inSet: "bridges"), .translated], .accept, comment: "published ports"),
      FirewallRule([.input(inSet: "bridges"), .output(inSet: "bridges")], .drop, comment: "networks are apart"),
      FirewallRule([.output(inSet: "bridges"), .establishedOrRelated], .accept, comment: "answers come back"),
      FirewallRule([.output(inSet: "bridges")], .drop, comment: "nothing comes in unasked"),
      FirewallRule(
        [.isIPv4, .input(inSet: "uplinks"), .output(inSet: "uplinks")], .drop,
        comment: "Skiff turned forwarding on: the host's own links stay apart"),
      FirewallRule(
        [.isIPv6, .input(inSet: "uplinks6"), .output(inSet: "uplinks6")], .drop,
        comment: "and in IPv6, where it is turned on by itself"),
    ]
  }
}

extension Ruleset.Member {
  init(_ network: Network) {
    self.init(
      bridge: network.bridge, subnet: network.subnet, subnet6: network.subnet6, isInternal: network.isInternal,
      allowsTraffic: network.allowsTraffic, masquerades: network.masquerades)
  }
}

// MARK: - What grows with the number of ports

/// The four maps of published ports: by family, and by whether an entry is for one address of the host.
private func maps(_ ports: [PortEntry]) -> [PortMap] {
  let ports4 = ports.filter { $0.container.v4 != nil }
  let ports6 = ports.filter { $0.container.v6 != nil }
  return [
    PortMap("ports", isByAddress: false, ports4.filter { $0.address == nil }),
    PortMap("addressed", isByAddress: true, ports4.filter { $0.address != nil }),
    PortMap("ports6", isByAddress: false, isIPv6: true, ports6.filter { $0.address == nil }),
    PortMap("addressed6", isByAddress: true, isIPv6: true, ports6.filter { $0.address != nil }),
  ]
}

private func callerSets(_ callers: [Caller]) -> [FirewallSet] {
  [
    FirewallSet("callers", .callers(callers.filter { $0.link == nil && $0.first.v4 != nil })),
    FirewallSet("callers_by_link", .callersByLink(callers.filter { $0.link != nil && $0.first.v4 != nil })),
    FirewallSet("callers6", .callers6(callers.filter { $0.link == nil && $0.first.v6 != nil })),
    FirewallSet("callers6_by_link", .callers6ByLink(callers.filter { $0.link != nil && $0.first.v6 != nil })),
  ]
}

/// What the ports of one container, or of a few, come to in the table.
struct PublishedElements {
  var ports: [PortEntry]
  var callers: [Caller]

  /// What makes one of the other, and nothing where they are the same.
  static func changes(from old: PublishedElements, to new: PublishedElements) -> [FirewallOperation] {
    let (oldPorts, newPorts) = (Set(old.ports), Set(new.ports))
    let (oldCallers, newCallers) = (Set(old.callers), Set(new.callers))
    let gone = maps(old.ports.filter { !newPorts.contains($0) }).filter { !$0.entries.isEmpty }
    let come = maps(new.ports.filter { !oldPorts.contains($0) }).filter { !$0.entries.isEmpty }
    let closed = callerSets(old.callers.filter { !newCallers.contains($0) }).filter { !$0.isEmpty }
    let opened = callerSets(new.callers.filter { !oldCallers.contains($0) }).filter { !$0.isEmpty }
    // An entry that leads elsewhere goes before its key comes back.
    return gone.map { .deleteEntries($0) } + closed.map { .deleteElements($0) } + come.map { .addEntries($0) }
      + opened.map { .addElements($0) }
  }
}

extension FirewallSet {
  fileprivate var isEmpty: Bool {
    switch elements {
    case .callers(let callers), .callersByLink(let callers), .callers6(let callers), .callers6ByLink(let callers):
      callers.isEmpty
    case .interfaces(let names): names.isEmpty
    case .interfacePairs(let pairs): pairs.isEmpty
    case .prefixes(let prefixes): prefixes.isEmpty
    case .prefixes6(let prefixes): prefixes.isEmpty
    }
  }
}
