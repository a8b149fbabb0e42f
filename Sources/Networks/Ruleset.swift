internal import Firewall
internal import Kernel
internal import Steps

/// The whole table of Skiff as a function of the networks: whatever was there before, this is what it becomes.
///
/// ```
/// arrival      what is for the loopback comes from nowhere else
/// prerouting   published ports lead to their containers, those of one address first
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
    var isInternal: Bool
  }
  var members: [Member]
  /// Links of the host that were there when we turned forwarding on. Without a rule the host would from then on route
  /// between them for anybody, as it did not before. Links that came later belong to who knows why they forward.
  var uplinks: [String]
  /// Published ports; the chains for them are there when there are any.
  var ports: [PortEntry] = []

  static let sets = ["bridges", "within", "internal", "subnets", "uplinks", "ports", "addressed"]

  func change(table: String) -> FirewallChange {
    let bridges = members.map(\.bridge)
    let open = members.filter { !$0.isInternal }
    return FirewallChange(
      table: table,
      [
        .addTable, .deleteTable, .addTable,
        .addSet(FirewallSet("bridges", .interfaces(bridges))),
        .addSet(FirewallSet("within", .interfacePairs(bridges.map { InterfacePair(input: $0, output: $0) }))),
        .addSet(FirewallSet("internal", .interfaces(members.filter(\.isInternal).map(\.bridge)))),
        .addSet(FirewallSet("subnets", .prefixes(open.map(\.subnet)))),
        .addSet(FirewallSet("uplinks", .interfaces(uplinks))),
        .addMap(PortMap("ports", isByAddress: false, ports.filter { $0.address == nil })),
        .addMap(PortMap("addressed", isByAddress: true, ports.filter { $0.address != nil })),
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
      ] + (ports.isEmpty ? [] : returning.map { .addRule(chain: "postrouting", $0) }))
  }

  private var publishing: [FirewallOperation] {
    let translations = [
      FirewallRule(
        [.toThisHost], .destination(inMap: "addressed", isByAddress: true), comment: "published on one address"),
      FirewallRule(
        [.toThisHost], .destination(inMap: "ports", isByAddress: false), comment: "published on all addresses"),
    ]
    return [
      .addChain(FirewallChain("prerouting", .prerouting))
    ] + translations.map { .addRule(chain: "prerouting", $0) } + [
      .addChain(FirewallChain("output", .output))
    ] + translations.map { .addRule(chain: "output", $0) }
  }

  private var returning: [FirewallRule] {
    [
      FirewallRule(
        [.fromLoopback, .output(inSet: "bridges")], .masquerade,
        comment: "this host reaches a published port by its loopback"),
      FirewallRule(
        [.source(inSet: "subnets"), .output(inSet: "bridges"), .translated], .masquerade,
        comment: "a container reaches a published port by the host"),
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
        [.input(inSet: "uplinks"), .output(inSet: "uplinks")], .drop,
        comment: "Skiff turned forwarding on: the host's own links stay apart"),
    ]
  }
}

extension Ruleset.Member {
  init(_ network: Network) {
    self.init(bridge: network.bridge, subnet: network.subnet, isInternal: network.isInternal)
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
  var obstacles: [ForwardObstacle] = []
  var isUntold = false

  var text: String {
    var lines = [
      "skiff-firewall 1", "namespace \(namespace)", "generation \(generation)", "fingerprint \(fingerprint)",
    ]
    lines += obstacles.map { "obstacle \($0.family) \($0.table) \($0.chain)" }
    if isUntold { lines.append("untold") }
    lines += ruleset.uplinks.map { "uplink \($0)" }
    lines += ruleset.ports.map {
      "port \($0.transport) \($0.address?.description ?? "any") \($0.port) \($0.container) \($0.containerPort)"
    }
    lines += ruleset.members.map { "network \($0.bridge) \($0.subnet) \($0.isInternal ? "internal" : "open")" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Nil for anything but what `text` writes: then all is built anew.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    func value<Value: FixedWidthInteger>(_ index: Int, _ key: String) -> Value? {
      guard index < lines.count, lines[index].hasPrefix(key + " ") else { return nil }
      return Value(lines[index].dropFirst(key.utf8.count + 1))
    }
    guard lines.first == "skiff-firewall 1", let namespace: UInt64 = value(1, "namespace"),
      let generation: UInt32 = value(2, "generation"), let fingerprint: UInt64 = value(3, "fingerprint")
    else { return nil }
    var ruleset = Ruleset(members: [], uplinks: [])
    var obstacles: [ForwardObstacle] = []
    var isUntold = false
    for line in lines.dropFirst(4) {
      let words = line.split(separator: " ")
      switch words.first {
      case "untold" where words.count == 1: isUntold = true
      case "obstacle" where words.count == 4:
        obstacles.append(
          ForwardObstacle(family: String(words[1]), table: String(words[2]), chain: String(words[3])))
      case "uplink" where words.count == 2: ruleset.uplinks.append(String(words[1]))
      case "port" where words.count == 6:
        guard let transport = PortEntry.Transport(rawValue: String(words[1])), let port = UInt16(words[3]),
          let container = IPv4Address(words[4]), let containerPort = UInt16(words[5])
        else { return nil }
        ruleset.ports.append(
          PortEntry(transport, address: IPv4Address(words[2]), port: port, to: container, containerPort))
      case "network" where words.count == 4:
        guard let subnet = IPv4Prefix(words[2]) else { return nil }
        ruleset.members.append(
          Ruleset.Member(bridge: String(words[1]), subnet: subnet, isInternal: words[3] == "internal"))
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
