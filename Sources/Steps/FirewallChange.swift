package import Kernel

/// What one transaction of nf_tables does to a table. It happens as a whole or not at all.
package struct FirewallChange: Hashable, Sendable {
  package enum Family: String, Hashable, Sendable { case inet, ip, ip6 }
  /// Ours are of family inet.
  package var family = Family.inet
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
  case addMap(PortMap)
  /// Into a set and a map that are there. What is there already is no fault, another value for the same key is.
  case addElements(FirewallSet)
  case addEntries(PortMap)
  /// By their keys; one that is not there is a fault.
  case deleteElements(FirewallSet)
  case deleteEntries(PortMap)
  case addChain(FirewallChain)
  /// To the end of the chain.
  case addRule(chain: String, FirewallRule)
  /// Right before the rule with that handle.
  case insertRule(chain: String, before: UInt64, FirewallRule)
  case deleteRule(chain: String, handle: UInt64)
}

/// A set that rules look into: the cost of a rule does not grow with the number of networks.
package struct FirewallSet: Hashable, Sendable {
  package enum Elements: Hashable, Sendable {
    case interfaces([String])
    /// Where a packet comes in and where it goes out.
    case interfacePairs([InterfacePair])
    /// Must not overlap.
    case prefixes([IPv4Prefix])
    case prefixes6([IPv6Prefix])
    /// Who may call which port, by any link.
    case callers([Caller])
    /// The same, each by a link of its own.
    case callersByLink([Caller])
    case callers6([Caller])
    case callers6ByLink([Caller])
  }
  package var name: String
  package var elements: Elements
  package init(_ name: String, _ elements: Elements) {
    self.name = name
    self.elements = elements
  }
}

/// Where published ports of one family lead, as a map that one rule looks into: the cost of a packet does not grow with the
/// number of ports.
package struct PortMap: Hashable, Sendable {
  package var name: String
  /// Whether an entry is for one address of the host; else each is for all of them.
  package var isByAddress: Bool
  package var isIPv6: Bool
  /// No two with the same key; all of the map's family.
  package var entries: [PortEntry]
  package init(_ name: String, isByAddress: Bool, isIPv6: Bool = false, _ entries: [PortEntry]) {
    self.name = name
    self.isByAddress = isByAddress
    self.isIPv6 = isIPv6
    self.entries = entries
  }
}

/// One published port.
package struct PortEntry: Hashable, Sendable {
  package enum Transport: String, Hashable, Sendable, CaseIterable {
    case tcp, udp, sctp
    /// IPPROTO_*.
    package var number: UInt8 {
      switch self {
      case .tcp: 6
      case .udp: 17
      case .sctp: 132
      }
    }
  }
  package var transport: Transport
  /// Of the host; nil for all of its addresses of the family.
  package var address: IPAddress?
  package var port: UInt16
  /// Its family is the entry's.
  package var container: IPAddress
  package var containerPort: UInt16
  package init(
    _ transport: Transport, address: IPv4Address? = nil, port: UInt16, to container: IPv4Address,
    _ containerPort: UInt16
  ) {
    self.init(transport, address: address.map { .v4($0) }, port: port, to: .v4(container), containerPort)
  }

  package init(
    _ transport: Transport, address: IPAddress?, port: UInt16, to container: IPAddress, _ containerPort: UInt16
  ) {
    self.transport = transport
    self.address = address
    self.port = port
    self.container = container
    self.containerPort = containerPort
  }
}

/// Addresses that may call a port of this host.
package struct Caller: Hashable, Sendable {
  /// Nil for every link.
  package var link: String?
  package var first: IPAddress
  package var last: IPAddress
  package var transport: PortEntry.Transport
  package var port: UInt16
  package init(
    link: String? = nil, _ first: IPAddress, _ last: IPAddress, _ transport: PortEntry.Transport, port: UInt16
  ) {
    self.link = link
    self.first = first
    self.last = last
    self.transport = transport
    self.port = port
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
    /// type nat hook prerouting priority dstnat
    case prerouting
    /// type nat hook output priority -100: what this host itself sends
    case output
    /// type filter hook prerouting priority raw: before anything has changed the packet
    case arrival
    /// type filter hook output priority raw: before a connection is noticed
    case sent
    /// type filter hook input priority 300: after all that looks at connections
    case received
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
    case inputNot(inSet: String)
    case inputIs(String)
    case output(inSet: String)
    case outputIs(String)
    case outputNot(inSet: String)
    /// Input and output together.
    case path(inSet: String)
    case source(inSet: String)
    case source6(inSet: String)
    case isIPv4, isIPv6
    /// To another address than ::1.
    case notToLoopback6
    /// The connection was opened by somebody it was allowed to.
    case establishedOrRelated
    /// Sent to an address of this host.
    case toThisHost
    /// To 127.0.0.0/8, and not by the loopback link.
    case toLoopbackFromOutside
    /// From 127.0.0.0/8.
    case fromLoopback
    /// From ::1.
    case fromLoopback6
    /// A rule has given it another destination.
    case translated
    /// To a port of an address.
    case destination(PortEntry.Transport, IPv4Address, port: UInt16)
    /// From one.
    case sender(PortEntry.Transport, IPv4Address, port: UInt16)
    /// Source address, protocol and destination port are none of the set's.
    case callerNot(inSet: String)
    /// The same with the link that it comes in by, which leads.
    case callerByLinkNot(inSet: String)
    case caller6Not(inSet: String)
    case caller6ByLinkNot(inSet: String)
    /// `establishedOrRelated` as iptables has it, whose tables hold nothing that it cannot read.
    case answersByExtension
  }
  package enum Verdict: Hashable, Sendable {
    case accept, drop, masquerade
    /// Another destination, where the map has one for it.
    case destination(inMap: String, isByAddress: Bool)
    /// Writes another port into the packet, and remembers nothing: no connection is tracked for it.
    case rewriteDestinationPort(PortEntry.Transport, UInt16)
    case rewriteSourcePort(PortEntry.Transport, UInt16)
    case destination6(inMap: String, isByAddress: Bool)
  }

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
