internal import Kernel
internal import Firewall
internal import Netlink
internal import Steps

/// What is there for the time of a trial: another machine on a cable of its own, a container on the same network, one on
/// another. All of it is namespaces that go with their descriptors, and one bridge, which goes with `remove`.
struct ProbeScene: ~Copyable {
  let store: NetworkStore
  /// The bridge that stands for the LAN, and this host's address there.
  let bridge: String
  let here: IPv4Address
  let there: IPv4Address
  /// Of a machine that has IPv6 too.
  let here6: IPv6Address
  let there6: IPv6Address
  let stranger: Descriptor
  let neighbour: Descriptor
  let other: Descriptor
  /// The gateway of the other network: this host, as a container there sees it.
  let otherGateway: IPv4Address
  /// Nil where that network has no IPv6.
  let otherGateway6: IPv6Address?
  private let names: [String]
  private let madeNetwork: String?

  /// Named by the process, so that what a killed one left is found.
  private static let prefix = "skv"

  init(_ store: NetworkStore, beside network: Network, isAlive: (String) -> Bool) throws(NetworkError) {
    let number = UInt32(bitPattern: processIdentifier())
    let bridge = ProbeScene.prefix + String(number)
    // For measurements within a network, by RFC 2544: nobody's LAN.
    let base = IPv4Address(198, 18, UInt8(truncatingIfNeeded: number), 0).value
    let (here, there) = (IPv4Address(value: base + 1), IPv4Address(value: base + 2))
    // The same by RFC 5180: 2001:2::/48.
    let base6 = UInt128(0x2001_0002) << 96 | UInt128(number) << 64
    let (here6, there6) = (IPv6Address(value: base6 + 1), IPv6Address(value: base6 + 2))
    let names = [1, 2].map { hexadecimal(UInt64(number), digits: 7) + "\($0)" + String(repeating: "f", count: 56) }
    var madeNetwork: String?
    do throws(NetworkError) {
      let stranger = try describing("cannot make a test machine") { () throws(Fault) in
        ProbeScene.sweep()
        return try ProbeScene.machine(bridge, (here, there), network.subnet6 == nil ? nil : (here6, there6))
      }
      let neighbour = try ProbeScene.container(names[0], on: network.name, store, isAlive)
      var aside = try store.all().first { $0.name != network.name && !$0.isInternal }
      if aside == nil {
        let made = "verify-\(number)"
        madeNetwork = made
        aside = try store.perform(store.prepareCreation(of: NetworkOptions(name: made)))
      }
      guard let aside else { throw NetworkError(.host, "no other network could be made") }
      other = try ProbeScene.container(names[1], on: aside.name, store, isAlive)
      otherGateway = aside.gateway
      otherGateway6 = aside.gateway6
      self.stranger = stranger
      self.neighbour = neighbour
    } catch {
      ProbeScene.remove(store, bridge, names, madeNetwork)
      throw error
    }
    self.store = store
    self.bridge = bridge
    self.here = here
    self.there = there
    self.here6 = here6
    self.there6 = there6
    self.names = names
    self.madeNetwork = madeNetwork
  }

  func remove() { ProbeScene.remove(store, bridge, names, madeNetwork) }

  private static func remove(_ store: NetworkStore, _ bridge: String, _ names: [String], _ network: String?) {
    for name in names { try? store.release(name) }
    if let network { try? store.remove(network, isAlive: { _ in false }) }
    // They would go with their namespaces as well, but a moment later.
    for link in [bridge + "c"] + names.map({ store.hostLink(container: $0) }) + [bridge] {
      try? Firewall.perform(.deleteLink(link))
    }
  }

  /// Bridges of trials that were killed.
  private static func sweep() {
    guard var socket = try? RouteSocket(), let links = try? socket.links() else { return }
    for link in links where link.kind == "bridge" && link.name.hasPrefix(prefix) {
      guard let process = ProcessIdentifier(link.name.dropFirst(prefix.count)), !isRunning(process) else { continue }
      try? Firewall.perform(.deleteLink(link.name))
    }
  }

  private static func namespace() throws(Fault) -> Descriptor {
    let own = try openNamespace("/proc/thread-self/ns/net")
    try unshare(.network)
    let made: Descriptor
    do throws(Fault) { made = try openNamespace("/proc/thread-self/ns/net") } catch {
      try joinNamespace(own.borrowed, .network)
      throw error
    }
    try joinNamespace(own.borrowed, .network)
    return made
  }

  /// Its loopback stays down: so it sends to us what is for 127.0.0.1, as somebody does who means harm.
  private static func machine(
    _ bridge: String, _ ends: (here: IPv4Address, there: IPv4Address),
    _ ends6: (here: IPv6Address, there: IPv6Address)?
  ) throws(Fault) -> Descriptor {
    let (here, there) = ends
    let namespace = try namespace()
    try Firewall.perform(.makeBridge(name: bridge, mac: MacAddress(for: here)))
    try Firewall.perform(.addAddress(LinkName(bridge), IPv4Prefix(here, length: 30)))
    if let ends6 { try Firewall.perform(.addAddress6(LinkName(bridge), IPv6Prefix(ends6.here, length: 64))) }
    try Firewall.perform(.setUp(LinkName(bridge)))
    let cable = VethPair(host: bridge + "c", bridge: bridge, peer: "eth0", peerMac: MacAddress(for: there))
    try Firewall.perform(.makeVeth(cable), container: namespace.borrowed)
    try insideNetwork(of: namespace.borrowed) { () throws(Fault) in
      try Firewall.perform(.addAddress("eth0", IPv4Prefix(there, length: 30)))
      try Firewall.perform(.setUp("eth0"))
      try Firewall.perform(.addDefaultRoute(gateway: here, "eth0"))
      if let ends6 {
        try Firewall.perform(.addAddress6("eth0", IPv6Prefix(ends6.there, length: 64)))
        try Firewall.perform(.addDefaultRoute6(gateway: ends6.here, "eth0"))
      }
    }
    return namespace
  }

  private static func container(
    _ name: String, on network: String, _ store: NetworkStore, _ isAlive: (String) -> Bool
  ) throws(NetworkError) -> Descriptor {
    let attachment = try store.attach(name, to: EndpointRequest(network: network), isAlive: isAlive)
    return try describing("cannot make a test container") { () throws(Fault) in
      let namespace = try namespace()
      for step in attachment.wiring { try Firewall.perform(step, container: namespace.borrowed) }
      try insideNetwork(of: namespace.borrowed) { () throws(Fault) in
        for step in attachment.inside { try Firewall.perform(step) }
      }
      return namespace
    }
  }
}
