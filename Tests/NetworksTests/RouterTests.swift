import Firewall
import Glibc
import Kernel
import Networks
import Steps
import Testing

private let missing =
  namespacesAreMissing ?? (isInstalled("nc") ? nil : "nc is not installed (Debian package netcat-openbsd)")

/// A LAN with a router on it, and somebody behind that; and one beside the host who means harm.
///
///     container ── host 192.0.2.2 ──┬── 192.0.2.1 router 10.7.0.1 ── 10.7.0.2 client
///                                   └── 192.0.2.66 attacker
@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct RouterTests {
  private func namespace() throws -> BorrowedDescriptor { BorrowedDescriptor(rawValue: try makeNamespace().release()) }

  /// A cable from a bridge of the caller's namespace.
  private static func cable(
    _ name: String, on bridge: String, to namespace: BorrowedDescriptor, _ peer: String, _ number: UInt64,
    _ address: IPv4Address
  ) throws {
    let pair = VethPair(host: name, bridge: bridge, peer: peer, peerMac: MacAddress(value: 0x0200_0000_0100 + number))
    try perform(.makeVeth(pair), container: namespace)
    try inNamespace(namespace) {
      try perform(.addAddress(LinkName(peer), IPv4Prefix(address, length: 24)))
      try perform(.setUp(LinkName(peer)))
    }
  }

  private static func makeLan(
    router: BorrowedDescriptor, client: BorrowedDescriptor, attacker: BorrowedDescriptor
  ) throws {
    try perform(.makeBridge(name: "lan", mac: MacAddress(value: 0x0200_0000_0098)))
    try perform(.setUp("lan"))
    try perform(.addAddress("lan", IPv4Prefix(IPv4Address(192, 0, 2, 2), length: 24)))
    try cable("lan1", on: "lan", to: router, "up", 1, IPv4Address(192, 0, 2, 1))
    try cable("lan2", on: "lan", to: attacker, "eth0", 2, IPv4Address(192, 0, 2, 66))
    try perform(.addDefaultRoute(gateway: IPv4Address(192, 0, 2, 1), "lan"))
    try inNamespace(router) {
      try perform(.makeBridge(name: "home", mac: MacAddress(value: 0x0200_0000_0097)))
      try perform(.setUp("home"))
      try perform(.addAddress("home", IPv4Prefix(IPv4Address(10, 7, 0, 1), length: 24)))
      try writeControl("/proc/sys/net/ipv4/ip_forward", "1")
      try cable("home1", on: "home", to: client, "eth0", 3, IPv4Address(10, 7, 0, 2))
    }
    try inNamespace(client) { try perform(.addDefaultRoute(gateway: IPv4Address(10, 7, 0, 1), "eth0")) }
    // It takes the host for a router to whatever containers may have.
    try inNamespace(attacker) {
      for prefix in ["172.16.0.0/12", "10.0.0.0/8"] { try run("ip", "route", "add", prefix, "via", "192.0.2.2") }
    }
  }

  private static func caller(of connection: BorrowedDescriptor) -> IPv4Address? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(connection.rawValue, $0, &length) }
    }
    return code == 0 ? IPv4Address(value: UInt32(bigEndian: address.sin_addr.s_addr)) : nil
  }

  private static func calls(_ address: IPv4Address, _ port: UInt16, from namespace: BorrowedDescriptor) -> Bool {
    (try? inNamespace(namespace) { try run("nc", "-n", "-z", "-w", "1", "\(address)", "\(port)") }) != nil
  }

  @Test func whoIsBehindARouterIsSeenAndAnAttackerComesNoFurther() throws {
    let (router, client, attacker, container) = (
      try namespace(), try namespace(), try namespace(), try namespace()
    )
    defer { for raw in [router, client, attacker, container] { _ = Descriptor(owning: raw.rawValue) } }
    try withStore { store in
      try Self.makeLan(router: router, client: client, attacker: attacker)
      var leased = try store.attach(identifier(1), to: "bridge", isAlive: everybody)
      leased.publishes = true
      let attachment = leased
      for step in attachment.wiring { try performStep(step, container) }
      try inNamespace(container) { for step in attachment.inside { try performStep(step) } }
      let published = try store.publish(
        [PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 7777)], for: identifier(1), at: attachment,
        isAlive: everybody, name: { _ in nil })
      #expect(published.ports.map(\.hostPort) == [8080])
      let listening = try inNamespace(container) {
        let socket = try makeSocket(.ipv4, .stream)
        try socket.borrowed.bind(.ipv4(IPv4Address(value: 0), port: 7777))
        try socket.borrowed.listen()
        try socket.borrowed.setReceiveTimeout(seconds: 5)
        return socket.release()
      }
      let server = Descriptor(owning: listening)
      let host = IPv4Address(192, 0, 2, 2)
      for (caller, address) in [(client, IPv4Address(10, 7, 0, 2)), (attacker, IPv4Address(192, 0, 2, 66))] {
        #expect(Self.calls(host, 8080, from: caller))
        let connection = try server.borrowed.accept()
        // Who called, all the way through: neither the router's address nor the host's.
        #expect(Self.caller(of: connection.borrowed) == address)
        // The container's own address, by way of the host or of the router, is nobody's to call.
        #expect(!Self.calls(attachment.address.address, 7777, from: caller))
      }
      // Out, through the router, as the host: neither knows a way to any container.
      let outside = try inNamespace(client) {
        let socket = try makeSocket(.ipv4, .stream)
        try socket.borrowed.bind(.ipv4(IPv4Address(value: 0), port: 9000))
        try socket.borrowed.listen()
        try socket.borrowed.setReceiveTimeout(seconds: 5)
        return socket.release()
      }
      let far = Descriptor(owning: outside)
      #expect(Self.calls(IPv4Address(10, 7, 0, 2), 9000, from: container))
      let caller = try far.borrowed.accept()
      #expect(Self.caller(of: caller.borrowed) == host)
    }
  }

  /// A VPN's routes arrive while nobody uses the network: the one that was chosen gives way, the next is none of theirs.
  @Test func whatAVpnCoversIsAvoidedAndNamed() throws {
    try withStore { store in
      try run("ip", "link", "add", "vpn0", "type", "bridge")
      try run("ip", "link", "set", "vpn0", "up")
      for prefix in ["172.16.0.0/12", "192.168.0.0/16"] { try run("ip", "route", "add", prefix, "dev", "vpn0") }
      let network = try store.ready("bridge")
      #expect(network.subnet.description.hasPrefix("10."), "\(network.subnet)")
      var options = NetworkOptions(name: "back")
      options.subnets = ["192.168.7.0/24"]
      let asked = options
      let error = #expect(throws: NetworkError.self) { _ = try store.prepareCreation(of: asked) }
      #expect(error?.message == "the subnet 192.168.7.0/24 collides with the route 192.168.0.0/16 dev vpn0")
    }
  }
}
