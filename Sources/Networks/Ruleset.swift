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
/// Rules look into sets and maps, so a packet meets the same handful of rules however many networks and ports there are.
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
  var members: [Member]
  /// Links of the host that were there when we turned forwarding on. Without a rule the host would from then on route
  /// between them for anybody, as it did not before. Links that came later belong to who knows why they forward.
  var uplinks: [String]
  /// The same of IPv6, which is turned on by itself.
  var uplinks6: [String] = []
  /// Published ports; the chains for them are there when there are any.
  var ports: [PortEntry] = []
  /// Who may call published ports from outside, where the host's own firewall decides about what comes in; nil where it
  /// lets everything.
  var gate: [Caller]?

  static let sets = [
    "bridges", "within", "internal", "subnets", "subnets6", "open", "open6", "uplinks", "uplinks6", "ports",
    "addressed", "ports6", "addressed6", "callers", "callers_by_link",
  ]

  func change(table: String) -> FirewallChange {
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
        .addSet(FirewallSet("uplinks", .interfaces(uplinks))),
        .addSet(FirewallSet("uplinks6", .interfaces(uplinks6))),
        .addMap(PortMap("ports", isByAddress: false, ports4.filter { $0.address == nil })),
        .addMap(PortMap("addressed", isByAddress: true, ports4.filter { $0.address != nil })),
        .addMap(PortMap("ports6", isByAddress: false, isIPv6: true, ports6.filter { $0.address == nil })),
        .addMap(PortMap("addressed6", isByAddress: true, isIPv6: true, ports6.filter { $0.address != nil })),
        .addSet(FirewallSet("callers", .callers((gate ?? []).filter { $0.link == nil }))),
        .addSet(FirewallSet("callers_by_link", .callersByLink((gate ?? []).filter { $0.link != nil }))),
        // Also without a port: a bridge that once had one keeps route_localnet, and with it a container could reach what
        // listens on this host's loopback alone (CVE-2020-8558).
        .addChain(FirewallChain("arrival", .arrival)),
        .addRule(
          chain: "arrival",
          FirewallRule([.toLoopbackFromOutside], .drop, comment: "the loopback is this host's alone")),
      ] + (ports.isEmpty ? [] : publishing) + [
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
      ] + (ports.isEmpty ? [] : returning.map { .addRule(chain: "postrouting", $0) }))
  }

  private var ports4: [PortEntry] { ports.filter { $0.container.v4 != nil } }
  private var ports6: [PortEntry] { ports.filter { $0.container.v6 != nil } }

  private var publishing: [FirewallOperation] {
    let translations =
      [
        FirewallRule(
          [.toThisHost], .destination(inMap: "addressed", isByAddress: true), comment: "published on one address"),
        FirewallRule(
          [.toThisHost], .destination(inMap: "ports", isByAddress: false), comment: "published on all addresses"),
      ]
      + (ports6.isEmpty
        ? []
        : [
          FirewallRule(
            [.notToLoopback6, .toThisHost], .destination6(inMap: "addressed6", isByAddress: true),
            comment: "published on one address of IPv6"),
          FirewallRule(
            [.notToLoopback6, .toThisHost], .destination6(inMap: "ports6", isByAddress: false),
            comment: "published on all addresses of IPv6"),
        ])
    // Left to where it would go without us, it meets the host's own rules, and their answer.
    let closed = FirewallRule(
      [
        .inputNot(inSet: "bridges"), .toThisHost, .callerNot(inSet: "callers"),
        .callerByLinkNot(inSet: "callers_by_link"),
      ], .accept, comment: "what the host's own firewall does not let in is not led to a container")
    var operations: [FirewallOperation] = [.addChain(FirewallChain("prerouting", .prerouting))]
    if gate != nil { operations.append(.addRule(chain: "prerouting", closed)) }
    operations += translations.map { .addRule(chain: "prerouting", $0) }
    operations.append(.addChain(FirewallChain("output", .output)))
    return operations + translations.map { .addRule(chain: "output", $0) }
  }

  private var returning: [FirewallRule] {
    [
      FirewallRule(
        [.fromLoopback, .output(inSet: "bridges")], .masquerade,
        comment: "this host reaches a published port by its loopback"),
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

extension Ruleset.Member {
  /// As the state has it: `network BRIDGE SUBNET`, then what it has besides.
  fileprivate var line: String {
    var words = ["network", bridge, subnet.description]
    if let subnet6 { words.append(subnet6.description) }
    if isInternal { words.append("internal") }
    if !allowsTraffic { words.append("apart") }
    if !masquerades { words.append("plain") }
    return words.joined(separator: " ")
  }

  fileprivate init?(words: [String]) {
    guard words.count >= 2, let subnet = IPv4Prefix(words[1]) else { return nil }
    self.init(bridge: words[0], subnet: subnet, isInternal: false)
    for word in words.dropFirst(2) {
      switch word {
      case "internal": isInternal = true
      case "apart": allowsTraffic = false
      case "plain": masquerades = false
      default:
        guard let prefix = IPv6Prefix(word) else { return nil }
        subnet6 = prefix
      }
    }
  }
}

// MARK: - What was last applied

/// What we last put into the kernel, and how the kernel described it then. Kept in a file of /run: where it still holds, a
/// container's start needs no look at the rules.
struct FirewallState: Hashable, Sendable {
  /// The inode of the network namespace that the rules are in.
  var namespace: UInt64
  /// The number of the rule set, of all tables.
  var generation: UInt32
  /// What the kernel said of our table.
  var fingerprint: UInt64
  var ruleset: Ruleset
  /// Others' chains that drop what is forwarded, and whether somebody is still to be told.
  var obstacles: [HostObstacle] = []
  var isUntold = false

  var text: String {
    var lines = [
      "skiff-firewall 2", "namespace \(namespace)", "generation \(generation)", "fingerprint \(fingerprint)",
    ]
    lines += obstacles.map { "obstacle \($0.text)" }
    if isUntold { lines.append("untold") }
    lines += ruleset.uplinks.map { "uplink \($0)" }
    lines += ruleset.uplinks6.map { "uplink6 \($0)" }
    lines += ruleset.ports.map {
      "port \($0.transport) \($0.address?.description ?? "any") \($0.port) \($0.container) \($0.containerPort)"
    }
    if let gate = ruleset.gate {
      lines.append("gate")
      lines += gate.map { "open \($0.link ?? "*") \($0.first) \($0.last) \($0.transport) \($0.port)" }
    }
    lines += ruleset.members.map(\.line)
    return lines.joined(separator: "\n") + "\n"
  }

  /// Nil for anything but what `text` writes: then all is built anew.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    func value<Value: FixedWidthInteger>(_ index: Int, _ key: String) -> Value? {
      guard index < lines.count, lines[index].hasPrefix(key + " ") else { return nil }
      return Value(lines[index].dropFirst(key.utf8.count + 1))
    }
    guard lines.first == "skiff-firewall 2", let namespace: UInt64 = value(1, "namespace"),
      let generation: UInt32 = value(2, "generation"), let fingerprint: UInt64 = value(3, "fingerprint")
    else { return nil }
    var ruleset = Ruleset(members: [], uplinks: [])
    var obstacles: [HostObstacle] = []
    var isUntold = false
    for line in lines.dropFirst(4) {
      let words = line.split(separator: " ")
      switch words.first {
      case "untold" where words.count == 1: isUntold = true
      case "obstacle":
        guard let obstacle = HostObstacle(words.dropFirst()) else { return nil }
        obstacles.append(obstacle)
      case "gate" where words.count == 1: ruleset.gate = []
      case "open" where words.count == 6:
        guard let first = IPv4Address(words[2]), let last = IPv4Address(words[3]), let port = UInt16(words[5]),
          let transport = PortEntry.Transport(rawValue: String(words[4]))
        else { return nil }
        ruleset.gate?.append(
          Caller(link: words[1] == "*" ? nil : String(words[1]), first, last, transport, port: port))
      case "uplink" where words.count == 2: ruleset.uplinks.append(String(words[1]))
      case "uplink6" where words.count == 2: ruleset.uplinks6.append(String(words[1]))
      case "port" where words.count == 6:
        guard let transport = PortEntry.Transport(rawValue: String(words[1])), let port = UInt16(words[3]),
          let container = IPAddress(words[4]), let containerPort = UInt16(words[5])
        else { return nil }
        ruleset.ports.append(
          PortEntry(transport, address: IPAddress(words[2]), port: port, to: container, containerPort))
      case "network":
        guard let member = Ruleset.Member(words: words.dropFirst().map(String.init)) else { return nil }
        ruleset.members.append(member)
      default: return nil
      }
    }
    self.init(namespace: namespace, generation: generation, fingerprint: fingerprint, ruleset: ruleset)
    self.obstacles = obstacles
    self.isUntold = isUntold
  }

  init(namespace: UInt64, generation: UInt32, fingerprint: UInt64, ruleset: Ruleset) {
    self.namespace = namespace
    self.generation = generation
    self.fingerprint = fingerprint
    self.ruleset = ruleset
  }
}
