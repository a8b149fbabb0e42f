internal import Firewall
internal import Kernel
internal import Steps

/// What the host's own firewall keeps closed, and how that is opened there: in its own words.
struct HostObstacle: Hashable, Sendable {
  var bridge: String
  /// Nil for the way out of a network.
  var port: PortEntry?
  /// It is a rule about what is forwarded, and not about what comes in.
  var isForward: Bool
  var place: RulePlace

  /// One line that opens the port.
  func cure(bridge: String) -> String {
    guard let port else { return place.cureForWayOut(bridge) }
    return isForward ? place.cureForForwarding(port, bridge) : place.cureForInput(port)
  }

  // MARK: - In a file

  /// Of a way out: what closes a port is said when it is published, and not kept.
  var text: String {
    let table = place.table.split(separator: " ").joined(separator: ":")
    return "\(bridge) \(place.tool) \(table) \(place.chain) \(place.base) "
      + "\(place.handle.map(String.init) ?? "policy") \(place.isCatchAll)"
  }

  init?(_ words: ArraySlice<Substring>) {
    let words = Array(words)
    guard words.count == 7, let tool = FirewallTool(rawValue: String(words[1])) else { return nil }
    bridge = String(words[0])
    isForward = true
    place = RulePlace(
      table: words[2].split(separator: ":").joined(separator: " "), chain: String(words[3]), handle: UInt64(words[5]),
      base: String(words[4]), isCatchAll: words[6] == "true", tool: tool)
  }

  init(bridge: String, port: PortEntry?, isForward: Bool, place: RulePlace) {
    self.bridge = bridge
    self.port = port
    self.isForward = isForward
    self.place = place
  }
}

extension RulePlace {
  /// `ufw (table ip filter, chain FORWARD) drops it`
  var words: String {
    let name =
      switch tool {
      case .ufw: "ufw"
      case .firewalld: "firewalld"
      case .iptables: "iptables"
      case .legacy: "iptables-legacy"
      case .nft: "the host's nftables"
      }
    let chain = base == chain ? "chain \(chain)" : "chain \(chain), from \(base)"
    return "\(name) stops it (table \(table), \(chain), \(handle == nil ? "its policy" : "rule \(handle ?? 0)"))"
  }

  /// A rule before the one that stops it, or at the end of a chain whose policy does.
  private func nft(_ match: String, _ verdict: String = "accept") -> String {
    handle.map { "nft insert rule \(table) \(chain) position \($0) \(match) \(verdict)" }
      ?? "nft add rule \(table) \(chain) \(match) \(verdict)"
  }

  private var program: String {
    let isIPv6 = table.hasPrefix("ip6")
    return tool == .legacy ? (isIPv6 ? "ip6tables-legacy" : "iptables-legacy") : isIPv6 ? "ip6tables" : "iptables"
  }

  func cureForInput(_ port: PortEntry) -> String {
    switch tool {
    case .ufw: "ufw allow \(port.port)/\(port.transport)"
    case .firewalld: "firewall-cmd --add-port=\(port.port)/\(port.transport), and once more with --permanent"
    case .iptables: "\(program) -I INPUT -p \(port.transport) --dport \(port.port) -j ACCEPT"
    case .legacy: "\(program) -I INPUT -p \(port.transport) --dport \(port.port) -j ACCEPT"
    case .nft: nft("\(port.transport) dport \(port.port)")
    }
  }

  func cureForForwarding(_ port: PortEntry, _ bridge: String) -> String {
    switch tool {
    case .ufw: "ufw route allow out on \(bridge) to any port \(port.containerPort) proto \(port.transport)"
    case .firewalld:
      "firewall-cmd --direct --add-rule \(port.container.v4 == nil ? "ipv6" : "ipv4") filter FORWARD 0 -o \(bridge) -p \(port.transport) --dport "
        + "\(port.containerPort) -j ACCEPT"
    case .iptables, .legacy:
      "\(program) -I FORWARD -o \(bridge) -p \(port.transport) --dport \(port.containerPort) -j ACCEPT"
    case .nft: nft("oifname \"\(bridge)\" \(port.transport) dport \(port.containerPort)")
    }
  }

  func cureForWayOut(_ bridge: String) -> String {
    switch tool {
    case .ufw: "ufw route allow in on \(bridge)"
    case .firewalld: "firewall-cmd --zone=trusted --add-interface=\(bridge), and once more with --permanent"
    case .iptables, .legacy:
      "\(program) -I FORWARD -i \(bridge) -j ACCEPT && \(program) -I FORWARD -o \(bridge) -m conntrack "
        + "--ctstate ESTABLISHED,RELATED -j ACCEPT"
    case .nft:
      "nft insert rule \(table) \(base) iifname \"\(bridge)\" accept && nft insert rule \(table) \(base) oifname "
        + "\"\(bridge)\" ct state established,related accept"
    }
  }
}
