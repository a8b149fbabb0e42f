package import Kernel
internal import Firewall
internal import Netlink
internal import Steps

/// One call that was really made, and what `net explain` expects of it.
package struct Trial: Hashable, Sendable {
  package var who: String
  /// `192.0.2.1:8080`
  package var target: String
  package var isExpected: Bool
  package var hasPassed: Bool
}

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

// MARK: - Calling

/// A socket in the container that listens where nobody else does.
struct Answerer: ~Copyable {
  /// Nil where a program of the container has the port.
  let socket: Descriptor?
  let transport: PortEntry.Transport
  let port: UInt16

  init(
    _ transport: PortEntry.Transport, port: UInt16, isIPv6: Bool = false, in place: BorrowedDescriptor
  ) throws(Fault) {
    var found = port
    socket = try insideNetwork(of: place) { () throws(Fault) -> Descriptor? in
      let socket = try makeSocket(
        isIPv6 ? .ipv6 : .ipv4, transport == .udp ? .datagram : .stream, nonBlocking: true)
      if isIPv6 { try socket.borrowed.takeIPv6Alone() }
      if transport == .tcp { try socket.borrowed.reuseAddress() }
      do throws(Fault) {
        try socket.borrowed.bind(.internet(isIPv6 ? .anyIPv6 : .anyIPv4, port: port))
        if transport == .tcp { try socket.borrowed.listen() }
      } catch {
        guard error.errno == .addressInUse else { throw error }
        return nil
      }
      found = try socket.borrowed.localAddress().port ?? port
      return socket
    }
    self.transport = transport
    self.port = found
  }

  /// A cable that has just been plugged in may lose what comes first: what is to work is tried again.
  borrowing func isReached(
    from place: BorrowedDescriptor?, at address: IPAddress, port: UInt16, isExpected: Bool
  ) -> Bool? {
    var passed = isReached(from: place, at: address, port: port)
    if isExpected, passed == false { passed = isReached(from: place, at: address, port: port) }
    return passed
  }

  /// Nil where nobody could tell: a datagram to a program that may not answer.
  borrowing func isReached(from place: BorrowedDescriptor?, at address: IPAddress, port: UInt16) -> Bool? {
    switch transport {
    case .tcp: return connects(from: place, to: address, port)
    case .udp:
      guard let socket = socket.view else { return nil }
      var buffer = [UInt8](repeating: 0, count: 16)
      while (try? socket.receive(into: &buffer)) != nil {}
      _ = try? inside(place) { () throws(Fault) in
        let caller = try makeSocket(address.v4 == nil ? .ipv6 : .ipv4, .datagram)
        _ = try caller.borrowed.send([1], to: .internet(address, port: port))
      }
      return ((try? poll(socket, .readable, milliseconds: 1500)) ?? []).contains(.readable)
    case .sctp: return nil
    }
  }
}

private func inside<Value: ~Copyable>(
  _ place: BorrowedDescriptor?, _ body: () throws(Fault) -> Value
) throws(Fault) -> Value {
  if let place { return try insideNetwork(of: place, body) }
  return try body()
}

/// Whether a connection comes about within a second and a half: time for one SYN to be sent again.
func connects(from place: BorrowedDescriptor?, to address: IPAddress, _ port: UInt16) -> Bool {
  do throws(Fault) {
    return try inside(place) { () throws(Fault) in
      let socket = try makeSocket(address.v4 == nil ? .ipv6 : .ipv4, .stream, nonBlocking: true)
      do throws(Fault) { try socket.borrowed.connect(.internet(address, port: port)) } catch {
        guard error.errno == .inProgress else { return false }
      }
      guard try !poll(socket.borrowed, .writable, milliseconds: 1500).isEmpty else { return false }
      return try socket.borrowed.takeSocketError() == nil
    }
  } catch { return false }
}

// MARK: - The trials

extension NetworkStore {
  /// Calls a container's ports from everywhere, for real.
  ///
  /// - Parameter place: the container's network namespace.
  package func verify(
    _ ports: [PublishedPort], in place: BorrowedDescriptor, at address: IPv4Address, _ address6: IPv6Address?,
    on network: Network, isAlive: (String) -> Bool
  ) throws(NetworkError) -> [Trial] {
    let scene = try ProbeScene(self, beside: network, isAlive: isAlive)
    defer { scene.remove() }
    return try describing("cannot try network \(network.name)") { () throws(Fault) in
      var trials: [Trial] = []
      var socket = try FirewallSocket()
      let host = try readHost(&socket, allLinks: true)
      let addresses = [IPAddress.v4(address)] + [address6.map { .v6($0) }].compactMap { $0 }
      for port in ports {
        guard let inner = addresses.first(where: { ($0.v6 == nil) == (port.address.v6 == nil) }) else { continue }
        try verify(port, in: place, at: inner, on: network, scene, host, &trials)
      }
      for inner in addresses { try verifyHidden(in: place, at: inner, on: network, scene, host, &trials) }
      return trials
    }
  }

  /// What is not published, and the container's own calls.
  private func verifyHidden(
    in place: BorrowedDescriptor, at address: IPAddress, on network: Network, _ scene: borrowing ProbeScene,
    _ host: HostFirewall, _ trials: inout [Trial]
  ) throws(Fault) {
    let isIPv6 = address.v6 != nil
    let hidden = try Answerer(.tcp, port: 0, isIPv6: isIPv6, in: place)
    func call(_ who: String, _ from: BorrowedDescriptor?, _ isExpected: Bool) {
      guard let passed = hidden.isReached(from: from, at: address, port: hidden.port, isExpected: isExpected) else {
        return
      }
      trials.append(
        Trial(who: who, target: "\(address.endWord):\(hidden.port)", isExpected: isExpected, hasPassed: passed))
    }
    call("this host", nil, true)
    call("its network", scene.neighbour.borrowed, true)
    call("other network", scene.other.borrowed, false)
    call("other machine", scene.stranger.borrowed, false)
    let there: IPAddress = isIPv6 ? .v6(scene.there6) : .v4(scene.there)
    let outside = try Answerer(.tcp, port: 0, isIPv6: isIPv6, in: scene.stranger.borrowed)
    let isOut = !network.isInternal && host.obstacles(for: [.init(network)]).isEmpty
    trials.append(
      Trial(
        who: "its own calls", target: "\(there.endWord):\(outside.port)", isExpected: isOut,
        hasPassed: connects(from: place, to: there, outside.port)
          || (isOut && connects(from: place, to: there, outside.port))))
  }

  private func verify(
    _ port: PublishedPort, in place: BorrowedDescriptor, at address: IPAddress, on network: Network,
    _ scene: borrowing ProbeScene, _ host: HostFirewall, _ trials: inout [Trial]
  ) throws(Fault) {
    let isIPv6 = address.v6 != nil
    let answerer = try Answerer(port.transport, port: port.containerPort, isIPv6: isIPv6, in: place)
    let isLocal = port.address.isLoopback
    func call(_ who: String, _ from: BorrowedDescriptor?, _ target: IPAddress, _ number: UInt16, _ isExpected: Bool) {
      guard let passed = answerer.isReached(from: from, at: target, port: number, isExpected: isExpected) else {
        return
      }
      trials.append(
        Trial(
          who: who, target: "\(target.endWord):\(number)/\(port.transport)", isExpected: isExpected, hasPassed: passed))
    }
    let entry = port.entry(to: address)
    let own = entry.address
    let (ruling, _) = host.decidingRuling(on: entry, from: scene.bridge, to: network.bridge)
    let (here, there): (IPAddress, IPAddress) =
      isIPv6 ? (.v6(scene.here6), .v6(scene.there6)) : (.v4(scene.here), .v4(scene.there))
    let loopback = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    // The loopback of IPv6 leads to a container where it is published by itself.
    call("this host", nil, own ?? (isIPv6 ? here : loopback), port.hostPort, true)
    call(
      "other machine", scene.stranger.borrowed, own ?? here, port.hostPort,
      !isLocal && ruling.accepted.contains(there))
    if own == nil && !isIPv6 { call("other machine", scene.stranger.borrowed, loopback, port.hostPort, false) }
    call("its network", scene.neighbour.borrowed, address, port.containerPort, true)
    guard !isLocal else { return }
    let gateway: IPAddress = isIPv6 ? network.gateway6.map { .v6($0) } ?? here : .v4(network.gateway)
    call("its network", scene.neighbour.borrowed, own ?? gateway, port.hostPort, true)
    let otherGateway: IPAddress? = isIPv6 ? scene.otherGateway6.map { .v6($0) } : .v4(scene.otherGateway)
    if let target = otherGateway.map({ own ?? $0 }) {
      call("other network", scene.other.borrowed, target, port.hostPort, true)
    }
    call("other network", scene.other.borrowed, address, port.containerPort, false)
  }
}
