package import Kernel

/// What one transaction of nf_tables does to a table of family inet. It happens as a whole or not at all.
package struct FirewallChange: Hashable, Sendable {
  package var table: String
  package var operations: [FirewallOperation]
  package init(table: String, _ operations: [FirewallOperation]) {
    self.table = table
    self.operations = operations
  }
}

package enum FirewallOperation: Hashable, Sendable {
  /// No fault when it is there. `addTable, deleteTable, addTable` is how a table is replaced whatever was there before.
  case addTable
  case deleteTable
  case addSet(FirewallSet)
  case addChain(FirewallChain)
  /// To the end of the chain.
  case addRule(chain: String, FirewallRule)
}

/// A set that rules look into: the cost of a rule does not grow with the number of networks.
package struct FirewallSet: Hashable, Sendable {
  package enum Elements: Hashable, Sendable {
    case interfaces([String])
    /// Where a packet comes in and where it goes out.
    case interfacePairs([InterfacePair])
    /// Must not overlap.
    case prefixes([IPv4Prefix])
  }
  package var name: String
  package var elements: Elements
  package init(_ name: String, _ elements: Elements) {
    self.name = name
    self.elements = elements
  }
}

package struct InterfacePair: Hashable, Sendable {
  package var input: String
  package var output: String
  package init(input: String, output: String) {
    self.input = input
    self.output = output
  }
}

/// A base chain: where packets enter our rules. The policy is always accept: a drop here is a rule with a comment.
package struct FirewallChain: Hashable, Sendable {
  package enum Hook: Hashable, Sendable {
    /// type filter hook forward priority filter
    case forward
    /// type nat hook postrouting priority srcnat
    case postrouting
  }
  package var name: String
  package var hook: Hook
  package init(_ name: String, _ hook: Hook) {
    self.name = name
    self.hook = hook
  }
}

package struct FirewallRule: Hashable, Sendable {
  package enum Match: Hashable, Sendable {
    case input(inSet: String)
    case output(inSet: String)
    case outputNot(inSet: String)
    /// Input and output together.
    case path(inSet: String)
    case source(inSet: String)
    /// The connection was opened by somebody it was allowed to.
    case establishedOrRelated
  }
  package enum Verdict: Hashable, Sendable { case accept, drop, masquerade }

  /// All must hold.
  package var matches: [Match]
  package var verdict: Verdict
  /// For who reads `nft list ruleset`: at most 127 bytes.
  package var comment: String
  package init(_ matches: [Match], _ verdict: Verdict, comment: String) {
    self.matches = matches
    self.verdict = verdict
    self.comment = comment
  }
}

// MARK: - As nft(8) reads it

extension FirewallChange {
  /// A script for `nft -f`.
  package var script: String { operations.map { $0.script(table: "inet \(table)") }.joined(separator: "\n") + "\n" }
}

extension FirewallOperation {
  fileprivate func script(table: String) -> String {
    switch self {
    case .addTable: "add table \(table)"
    case .deleteTable: "delete table \(table)"
    case .addSet(let set): set.script(table: table)
    case .addChain(let chain): "add chain \(table) \(chain.name) { \(chain.hook.script) policy accept; }"
    case .addRule(let chain, let rule): "add rule \(table) \(chain) \(rule.script)"
    }
  }
}

extension FirewallSet {
  fileprivate func script(table: String) -> String {
    let (type, list): (String, [String]) =
      switch elements {
      case .interfaces(let names): ("type ifname;", names.map { "\"\($0)\"" })
      case .interfacePairs(let pairs): ("type ifname . ifname;", pairs.map { "\"\($0.input)\" . \"\($0.output)\"" })
      case .prefixes(let prefixes): ("type ipv4_addr; flags interval;", prefixes.map(\.description))
      }
    let contents = list.isEmpty ? "" : " elements = { \(list.joined(separator: ", ")) }"
    return "add set \(table) \(name) { \(type)\(contents) }"
  }
}

extension FirewallChain.Hook {
  fileprivate var script: String {
    switch self {
    case .forward: "type filter hook forward priority filter;"
    case .postrouting: "type nat hook postrouting priority srcnat;"
    }
  }
}

extension FirewallRule {
  fileprivate var script: String {
    let matches = matches.map { match in
      switch match {
      case .input(let set): "iifname @\(set)"
      case .output(let set): "oifname @\(set)"
      case .outputNot(let set): "oifname != @\(set)"
      case .path(let set): "iifname . oifname @\(set)"
      case .source(let set): "ip saddr @\(set)"
      case .establishedOrRelated: "ct state established,related"
      }
    }
    return (matches + ["\(verdict)", "comment \"\(comment)\""]).joined(separator: " ")
  }
}
