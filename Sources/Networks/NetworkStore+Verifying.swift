package import Kernel
internal import Firewall
internal import Steps

/// One call that was really made, and what `net explain` expects of it.
package struct Trial: Hashable, Sendable {
  package var who: String
  /// `192.0.2.1:8080`
  package var target: String
  package var isExpected: Bool
  package var hasPassed: Bool
}

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
