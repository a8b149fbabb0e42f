package import Kernel

/// A change to links, addresses, routes or firewall rules. Links are named as the namespace of the performer knows them;
/// steps of the host's side run in the supervisor, steps of the inside in the child, in its own network namespace.
package enum NetworkStep: Hashable, Sendable {
  /// A bridge, still down, so that its IPv6 setting is in place before it has an address of its own.
  case makeBridge(name: String, mac: MacAddress)
  /// Both ends of a cable at once: one in the caller's namespace, up and in a bridge, the other in the container's, still
  /// down.
  case makeVeth(VethPair)
  /// A cable that hangs loose, because its bridge was deleted, goes back into the new one.
  case attach(LinkName, bridge: String)
  /// A bridge may send back by this port what came in there: a container reaches itself by a port that it has published.
  case reflect(LinkName)
  case setUp(LinkName)
  case addAddress(LinkName, IPv4Prefix)
  /// Usable at once: nobody is asked whether he has it too, for the network leases each address once.
  case addAddress6(LinkName, IPv6Prefix)
  case addDefaultRoute(gateway: IPv4Address, LinkName)
  case addDefaultRoute6(gateway: IPv6Address, LinkName)
  /// `::1` is this host by that link too, for answers that a rule has given it back as their destination; what arrives with it
  /// is dropped before any rule (ip6_rcv_core). One that is there already is left.
  case addLoopbackRoute6(LinkName)
  /// In place of the default route of that family which is there, or where there is none.
  case replaceDefaultRoute(IPAddress, LinkName)
  /// The largest packet that the link takes.
  case setMtu(LinkName, UInt32)
  /// A port of a bridge that exchanges nothing with others that are isolated too: only with the bridge itself.
  case isolate(LinkName)
  /// A link of its own on a link of the host, made in the container's namespace, still down.
  case makeMacvlan(MacvlanLink)
  /// A link that leads nowhere, for others to be made on.
  case makeDummy(name: String)
  /// What is tagged with that number on another link (IEEE 802.1Q), as a link of its own.
  case makeVlan(name: String, on: LinkName, identifier: UInt16)
  case rename(LinkName, to: String)
  case setMacAddress(LinkName, MacAddress)
  case deleteLink(String)
  /// A link of the host goes into the container's namespace, with its addresses, and is up there.
  case moveLink(LinkMove)
  /// And back into the namespace of the caller.
  case returnLink(LinkReturn)
  /// A write below /proc/sys in the namespace of the caller; `before` is what was read there.
  case setSysctl(key: String, value: String, before: String)
  /// Opens, in the container's namespace, the sockets where it asks for names; the supervisor keeps them. `redirect` leads the
  /// usual port there.
  case openNameSockets(redirect: FirewallChange)
  /// Programs of the host put the container on a network of theirs. What they made is taken back by the record of it that they
  /// leave, by whoever releases the container's other addresses.
  case joinPlugins(PluginNetwork)
  /// A program of an ordinary user's stands between the container's network and the host's sockets.
  case startForwarder(UserForwarder)
  /// A process of Skiff's takes calls to an ordinary user's published ports. Ended as a forwarder is.
  case startRelay(PortRelayStart)
  /// And ends; found again by its record, after a crash too.
  case stopForwarder(record: Path)
  /// One transaction of nf_tables, with the one that takes it back.
  case applyFirewall(FirewallChange, reverse: FirewallChange?)

  package var undo: NetworkStep? {
    switch self {
    case .makeBridge(let name, _), .makeDummy(let name), .makeVlan(let name, _, _): .deleteLink(name)
    case .setSysctl(let key, let value, let before):
      value == before ? nil : .setSysctl(key: key, value: before, before: value)
    case .applyFirewall(_, let reverse): reverse.map { .applyFirewall($0, reverse: nil) }
    // The pair goes with the container's namespace. Deleting it first would wait 16 to 34 ms for an RCU grace period.
    case .makeVeth, .makeMacvlan: nil
    // How it was is known only once it was moved, and it goes back only while the launch may still fail: "the runtime MUST NOT
    // attempt to move the interface out of the namespace before deletion" (config-linux.md, "Network Devices").
    case .moveLink, .returnLink: nil
    // Sockets and rules are gone with the container's namespace.
    case .openNameSockets: nil
    case .joinPlugins, .stopForwarder: nil
    case .startForwarder(let forwarder): .stopForwarder(record: forwarder.record)
    case .startRelay(let relay): .stopForwarder(record: relay.record)
    // What a link carries goes with the link.
    case .replaceDefaultRoute, .setMtu, .isolate, .addLoopbackRoute6: nil
    case .attach, .reflect, .setUp, .addAddress, .addAddress6, .addDefaultRoute,
      .addDefaultRoute6, .rename, .setMacAddress, .deleteLink:
      nil
    }
  }
}

/// A link by its name, and by its number where that is known beforehand: the number saves a look-up.
package struct LinkName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  package var name: String
  package var index: Int32?
  package init(_ name: String, index: Int32? = nil) {
    self.name = name
    self.index = index
  }
  package init(stringLiteral value: String) { self.init(value) }
  package var description: String { name }

  /// In every network namespace.
  package static let loopback = LinkName("lo", index: 1)
}

/// A veth(4) pair: what goes in at one end comes out at the other.
package struct VethPair: Hashable, Sendable {
  /// The end on the host.
  package var host: String
  /// The bridge that the host's end is put into.
  package var bridge: String
  /// Of the host's end; nil for one by chance.
  package var hostMac: MacAddress?
  /// The end in the container's namespace: `eth0`.
  package var peer: String
  package var peerMac: MacAddress
  /// Of both ends; nil for the kernel's 1500.
  package var mtu: UInt32?

  package init(
    host: String, hostMac: MacAddress? = nil, bridge: String, peer: String, peerMac: MacAddress, mtu: UInt32? = nil
  ) {
    self.host = host
    self.hostMac = hostMac
    self.bridge = bridge
    self.peer = peer
    self.peerMac = peerMac
    self.mtu = mtu
  }
}

/// A macvlan(8) link: a hardware address of its own on a link of the host.
package struct MacvlanLink: Hashable, Sendable {
  /// Who of those on one parent reaches whom (IFLA_MACVLAN_MODE).
  package enum Mode: String, Hashable, Sendable, CaseIterable {
    /// Nobody but who is outside.
    case `private`
    /// Each other by way of a switch outside that sends back.
    case vepa
    /// Each other directly.
    case bridge
    /// There is one alone, with the parent's own address.
    case passthru

    package var number: UInt32 {
      switch self {
      case .private: 1
      case .vepa: 2
      case .bridge: 4
      case .passthru: 8
      }
    }
  }
  package var parent: String
  package var mode: Mode
  /// In the container's namespace: `eth0`.
  package var name: String
  package var mac: MacAddress
  /// Nil for the parent's.
  package var mtu: UInt32?

  package init(parent: String, mode: Mode, name: String, mac: MacAddress, mtu: UInt32? = nil) {
    self.parent = parent
    self.mode = mode
    self.name = name
    self.mac = mac
    self.mtu = mtu
  }
}
