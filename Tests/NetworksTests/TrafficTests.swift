import Firewall
import Kernel
import Networks
import Steps
import Testing

private let missing =
  namespacesAreMissing ?? (isInstalled("nc") ? nil : "nc is not installed (Debian package netcat-openbsd)")

/// Packets through the real thing: containers are namespaces, the outside is another one behind a cable.
@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct TrafficTests {
  /// Makes a container of a namespace, as a run does: lease, wiring on the host, the inside in its own namespace.
  private func connect(
    _ namespace: BorrowedDescriptor, _ number: Int, to network: String, _ store: NetworkStore
  ) throws -> NetworkAttachment {
    let attachment = try store.attach(identifier(number), to: network, isAlive: everybody)
    for step in attachment.wiring { try perform(step, container: namespace) }
    try inNamespace(namespace) {
      for step in attachment.inside { try perform(step) }
      #expect(try run("ip", "-4", "-o", "address", "show", "eth0").contains("inet \(attachment.address) "))
      #expect(try run("ip", "-6", "address", "show", "eth0").isEmpty)
    }
    return attachment
  }

  /// A port that listens in the namespace for as long as the answer lives.
  private func listen(in namespace: BorrowedDescriptor) throws -> Descriptor {
    let socket = try inNamespace(namespace) {
      let socket = try makeSocket(.ipv4, .stream)
      try socket.borrowed.bind(.ipv4(IPv4Address(value: 0), port: 7777))
      try socket.borrowed.listen()
      try socket.borrowed.setReceiveTimeout(seconds: 5)
      return socket.release()
    }
    return Descriptor(owning: socket)
  }

  /// Whether a connection comes about within a second.
  private func canConnect(from namespace: BorrowedDescriptor, to address: IPv4Address) -> Bool {
    (try? inNamespace(namespace) { try run("nc", "-n", "-z", "-w", "1", address.description, "7777") }) != nil
  }

  @Test func insideOutsideAndApart() throws {
    let (one, two, three) = (try namespace(), try namespace(), try namespace())
    let (locked, outside) = (try namespace(), try namespace())
    defer { for raw in [one, two, three, locked, outside] { _ = Descriptor(owning: raw.rawValue) } }
    try withStore { store in
      // The outside: 192.0.2.1 there, 192.0.2.2 here. It has no route to any container.
      let cable = VethPair(host: "up0", bridge: "upbridge", peer: "up1", peerMac: MacAddress(value: 0x0200_0000_0099))
      try perform(.makeBridge(name: "upbridge", mac: MacAddress(value: 0x0200_0000_0098)))
      try perform(.setUp("upbridge"))
      try perform(.addAddress("upbridge", IPv4Prefix(IPv4Address(192, 0, 2, 2), length: 24)))
      try perform(.makeVeth(cable), container: outside)
      try inNamespace(outside) {
        try perform(.addAddress("up1", IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)))
        try perform(.setUp("up1"))
      }
      for name in ["back", "internal"] {
        var options = NetworkOptions(name: name)
        options.isInternal = name == "internal"
        _ = try store.perform(store.prepareCreation(of: options))
      }
      let first = try connect(one, 1, to: "bridge", store)
      let second = try connect(two, 2, to: "bridge", store)
      let other = try connect(three, 3, to: "back", store)
      let hidden = try connect(locked, 4, to: "internal", store)
      #expect(hidden.gateway == nil)

      let ports = Ports(try [one, two, three, locked, outside].map { try listen(in: $0).release() })
      defer { ports.close() }

      // One network: by address, both ways.
      #expect(canConnect(from: one, to: second.address.address))
      #expect(canConnect(from: two, to: first.address.address))
      // Networks are apart, both ways, and an internal one from all.
      #expect(!canConnect(from: one, to: other.address.address))
      #expect(!canConnect(from: three, to: first.address.address))
      #expect(!canConnect(from: one, to: hidden.address.address))
      #expect(!canConnect(from: locked, to: first.address.address))
      // Out, with the host's address: the outside could not answer any other.
      #expect(canConnect(from: one, to: IPv4Address(192, 0, 2, 1)))
      #expect(canConnect(from: three, to: IPv4Address(192, 0, 2, 1)))
      #expect(!canConnect(from: locked, to: IPv4Address(192, 0, 2, 1)))
      // In, unasked: even with a route through this host.
      try inNamespace(outside) { try run("ip", "route", "add", "172.16.0.0/12", "via", "192.0.2.2") }
      for address in [first, other, hidden] { #expect(!canConnect(from: outside, to: address.address.address)) }
      // The host itself reaches its containers.
      try run("nc", "-n", "-z", "-w", "1", first.address.address.description, "7777")

      // The bridge is deleted below its containers: the next use plugs them in again.
      try run("ip", "link", "delete", first.bridge)
      #expect(!canConnect(from: one, to: second.address.address))
      _ = try store.ready("bridge")
      #expect(canConnect(from: one, to: second.address.address))

      // All of it again after the rules were flushed and healed.
      try run("nft", "flush", "ruleset")
      #expect(canConnect(from: one, to: other.address.address))
      for network in ["bridge", "back", "internal"] { _ = try store.ready(network) }
      #expect(!canConnect(from: one, to: other.address.address))
      #expect(canConnect(from: one, to: IPv4Address(192, 0, 2, 1)))
    }
  }

  /// Forwarding was off: turning it on must not make a router of the host between links that it had before.
  @Test func theHostsOwnLinksStayApart() throws {
    let (left, right) = (try namespace(), try namespace())
    defer { for raw in [left, right] { _ = Descriptor(owning: raw.rawValue) } }
    try withStore { store in
      for (number, namespace) in [left, right].enumerated() {
        let subnet = IPv4Address(192, 0, UInt8(2 + number), 0)
        let bridge = "lan\(number)"
        try perform(.makeBridge(name: bridge, mac: MacAddress(value: 0x0200_0000_0010 + UInt64(number))))
        try perform(.setUp(LinkName(bridge)))
        try perform(.addAddress(LinkName(bridge), IPv4Prefix(IPv4Address(value: subnet.value + 1), length: 24)))
        let cable = VethPair(
          host: "port\(number)", bridge: bridge, peer: "eth0",
          peerMac: MacAddress(value: 0x0200_0000_0020 + UInt64(number)))
        try perform(.makeVeth(cable), container: namespace)
        try inNamespace(namespace) {
          try perform(.addAddress("eth0", IPv4Prefix(IPv4Address(value: subnet.value + 2), length: 24)))
          try perform(.setUp("eth0"))
          try perform(.addDefaultRoute(gateway: IPv4Address(value: subnet.value + 1), "eth0"))
        }
      }
      let ports = Ports([try listen(in: right).release()])
      defer { ports.close() }
      let target = IPv4Address(192, 0, 3, 2)
      #expect(!canConnect(from: left, to: target))
      _ = try store.ready("bridge")
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "1")
      #expect(!canConnect(from: left, to: target))
      // The rule is what keeps them apart, and nothing else.
      try run("nft", "flush", "ruleset")
      #expect(canConnect(from: left, to: target))

      // When the last network goes, the host is as it was. Unless somebody made links since, who may count on forwarding.
      _ = try store.ready("bridge")
      #expect(!canConnect(from: left, to: target))
      try perform(.makeBridge(name: "virbr0", mac: MacAddress(value: 0x0200_0000_0030)))
      _ = try store.remove("bridge", isAlive: everybody)
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "1")
      #expect(!canConnect(from: left, to: target))
      try perform(.deleteLink("virbr0"))
      _ = try store.ready("bridge")
      _ = try store.remove("bridge", isAlive: everybody)
      #expect(try readText("/proc/sys/net/ipv4/ip_forward") == "0")
      #expect(try run("nft", "list", "ruleset").isEmpty)
      #expect(!canConnect(from: left, to: target))
    }
  }

  private func namespace() throws -> BorrowedDescriptor { BorrowedDescriptor(rawValue: try makeNamespace().release()) }
}

private struct Ports: Sendable {
  let numbers: [Int32]
  init(_ numbers: [Int32]) { self.numbers = numbers }
  func close() { for number in numbers { _ = Descriptor(owning: number) } }
}
