internal import Kernel

// A change as nft(8) reads it.

extension FirewallChange {
  /// A script for `nft -f`.
  package var script: String {
    operations.map { $0.script(table: "\(family) \(table)") }.joined(separator: "\n") + "\n"
  }
}

extension FirewallOperation {
  fileprivate func script(table: String) -> String {
    switch self {
    case .addTable: "add table \(table)"
    case .deleteTable: "delete table \(table)"
    case .addSet(let set): set.script(table: table)
    case .addMap(let map): map.script(table: table)
    case .addElements(let set): "add element \(table) \(set.name) { \(set.script.list.joined(separator: ", ")) }"
    case .addEntries(let map): "add element \(table) \(map.name) { \(map.list.joined(separator: ", ")) }"
    case .deleteElements(let set): "delete element \(table) \(set.name) { \(set.script.list.joined(separator: ", ")) }"
    case .deleteEntries(let map): "delete element \(table) \(map.name) { \(map.list.joined(separator: ", ")) }"
    case .addChain(let chain): "add chain \(table) \(chain.name) { \(chain.hook.script) policy accept; }"
    case .addRule(let chain, let rule): "add rule \(table) \(chain) \(rule.script)"
    case .insertRule(let chain, let handle, let rule):
      "insert rule \(table) \(chain) position \(handle) \(rule.script)"
    case .deleteRule(let chain, let handle): "delete rule \(table) \(chain) handle \(handle)"
    }
  }
}

extension FirewallSet {
  fileprivate var script: (type: String, list: [String]) {
    switch elements {
    case .interfaces(let names): ("type ifname;", names.map { "\"\($0)\"" })
    case .interfacePairs(let pairs): ("type ifname . ifname;", pairs.map { "\"\($0.input)\" . \"\($0.output)\"" })
    case .prefixes(let prefixes): ("type ipv4_addr; flags interval;", prefixes.map(\.description))
    case .prefixes6(let prefixes): ("type ipv6_addr; flags interval;", prefixes.map(\.description))
    case .callers(let callers): ("type ipv4_addr . inet_proto . inet_service; flags interval;", callers.map(\.script))
    case .callers6(let callers): ("type ipv6_addr . inet_proto . inet_service; flags interval;", callers.map(\.script))
    case .callers6ByLink(let callers):
      (
        "type ifname . ipv6_addr . inet_proto . inet_service; flags interval;",
        callers.map { "\"\($0.link ?? "")\" . \($0.script)" }
      )
    case .callersByLink(let callers):
      (
        "type ifname . ipv4_addr . inet_proto . inet_service; flags interval;",
        callers.map { "\"\($0.link ?? "")\" . \($0.script)" }
      )
    }
  }

  fileprivate func script(table: String) -> String {
    let (type, list) = script
    let contents = list.isEmpty ? "" : " elements = { \(list.joined(separator: ", ")) }"
    return "add set \(table) \(name) { \(type)\(contents) }"
  }
}

extension Caller {
  fileprivate var script: String {
    "\(first == last ? "\(first)" : "\(first)-\(last)") . \(transport) . \(port)"
  }
}

extension PortMap {
  fileprivate var list: [String] {
    entries.map { entry in
      (isByAddress ? "\(entry.address?.description ?? "") . " : "")
        + "\(entry.transport) . \(entry.port) : \(entry.container) . \(entry.containerPort)"
    }
  }

  fileprivate func script(table: String) -> String {
    let family = isIPv6 ? "ipv6_addr" : "ipv4_addr"
    let type = (isByAddress ? "\(family) . " : "") + "inet_proto . inet_service : \(family) . inet_service;"
    let contents = list.isEmpty ? "" : " elements = { \(list.joined(separator: ", ")) }"
    return "add map \(table) \(name) { type \(type)\(contents) }"
  }
}

extension FirewallRule.Verdict {
  fileprivate var script: String {
    switch self {
    case .accept, .drop, .masquerade: "\(self)"
    case .destination(let map, let isByAddress):
      "dnat ip to \(isByAddress ? "ip daddr . " : "")meta l4proto . th dport map @\(map)"
    case .rewriteDestinationPort(let transport, let port): "\(transport) dport set \(port)"
    case .rewriteSourcePort(let transport, let port): "\(transport) sport set \(port)"
    case .destination6(let map, let isByAddress):
      "dnat ip6 to \(isByAddress ? "ip6 daddr . " : "")meta l4proto . th dport map @\(map)"
    }
  }
}

extension FirewallChain.Hook {
  fileprivate var script: String {
    switch self {
    case .forward: "type filter hook forward priority filter;"
    case .postrouting: "type nat hook postrouting priority srcnat;"
    case .prerouting: "type nat hook prerouting priority dstnat;"
    case .output: "type nat hook output priority -100;"
    case .arrival: "type filter hook prerouting priority raw;"
    case .sent: "type filter hook output priority raw;"
    case .received: "type filter hook input priority 300;"
    }
  }
}

extension FirewallRule {
  fileprivate var script: String {
    let matches = matches.map { match in
      switch match {
      case .input(let set): "iifname @\(set)"
      case .inputNot(let set): "iifname != @\(set)"
      case .inputIs(let name): "iifname \"\(name)\""
      case .outputIs(let name): "oifname \"\(name)\""
      case .callerNot(let set): "ip saddr . meta l4proto . th dport != @\(set)"
      case .caller6Not(let set): "ip6 saddr . meta l4proto . th dport != @\(set)"
      case .caller6ByLinkNot(let set): "iifname . ip6 saddr . meta l4proto . th dport != @\(set)"
      case .callerByLinkNot(let set): "iifname . ip saddr . meta l4proto . th dport != @\(set)"
      case .output(let set): "oifname @\(set)"
      case .outputNot(let set): "oifname != @\(set)"
      case .path(let set): "iifname . oifname @\(set)"
      case .source(let set): "ip saddr @\(set)"
      case .source6(let set): "ip6 saddr @\(set)"
      case .isIPv4: "meta nfproto ipv4"
      case .isIPv6: "meta nfproto ipv6"
      case .notToLoopback6: "ip6 daddr != ::1"
      case .establishedOrRelated, .answersByExtension: "ct state established,related"
      case .toThisHost: "fib daddr type local"
      case .toLoopbackFromOutside: "iifname != \"lo\" ip daddr 127.0.0.0/8"
      case .fromLoopback: "ip saddr 127.0.0.0/8"
      case .fromLoopback6: "ip6 saddr ::1"
      case .translated: "ct status dnat"
      case .destination(let transport, let address, let port): "ip daddr \(address) \(transport) dport \(port)"
      case .sender(let transport, let address, let port): "ip saddr \(address) \(transport) sport \(port)"
      }
    }
    return (matches + [verdict.script, "comment \"\(comment)\""]).joined(separator: " ")
  }
}
