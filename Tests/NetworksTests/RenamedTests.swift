import Kernel
import Netlink
import Steps
import Testing

@testable import Networks

private let missing =
  namespacesAreMissing ?? (isInstalled("ip") ? nil : "ip is not installed (Debian package iproute2)")

/// `ip link set NAME name OTHER` below containers that run.
@Suite(.enabled(if: missing == nil, "\(missing ?? "")"))
struct RenamedTests {
  /// A network with one container on it, whose cable and bridge have other names by now.
  private func withRenamed(
    _ options: NetworkOptions = NetworkOptions(name: "back"), cable: String?, bridge: String?,
    _ body: @escaping @Sendable (NetworkStore, Network, NetworkAttachment, BorrowedDescriptor) throws -> Void
  ) throws {
    let container = try makeNamespace()
    let view = container.borrowed
    try withStore { store in
      let network = try store.perform(store.prepareCreation(of: options))
      let attachment = try store.attach(identifier(1), to: "back", isAlive: everybody)
      try store.perform(attachment.wiring, inside: attachment.joining, of: attachment, in: view)
      #expect(store.isAsLeft(atEveryCable: true))
      if let cable { try run("ip", "link", "set", attachment.hostLink, "name", cable) }
      if let bridge { try run("ip", "link", "set", network.bridge, "name", bridge) }
      try body(store, network, attachment, view)
    }
  }

  private static func names() throws -> Set<String> {
    var socket = try RouteSocket()
    return Set(try socket.links().map(\.name)).subtracting(["lo"])
  }

  private static func reaches(_ network: Network, from container: BorrowedDescriptor) throws -> Bool {
    try inNamespace(container) {
      let socket = try makeSocket(.ipv4, .stream)
      try socket.borrowed.setReceiveTimeout(seconds: 2)
      // Nobody listens there, which the gateway itself has to say.
      do throws(Fault) { try socket.borrowed.connect(.ipv4(network.gateway, port: 9)) } catch {
        return error.errno == .connectionRefused
      }
      return true
    }
  }

  @Test func aWatcherGivesEachItsNameBack() throws {
    var options = NetworkOptions(name: "back")
    options.hasIPv6 = true
    try withRenamed(options, cable: "stolen0", bridge: "stolen1") { store, network, attachment, container in
      #expect(!store.isAsLeft(atEveryCable: true))
      #expect(try store.repair())
      #expect(try Self.names() == [network.bridge, attachment.hostLink])
      #expect(
        try run("ip", "-6", "address", "show", network.bridge).contains("\(network.gatewayPrefix6?.description ?? "") ")
      )
      #expect(store.isAsLeft(atEveryCable: true))
      #expect(try !store.repair())
      #expect(try Self.reaches(network, from: container))
      // The next use finds nothing left to do.
      var steps: [Step] = []
      _ = try store.ready("back") { steps.append($0) }
      #expect(steps.isEmpty)
    }
  }

  @Test func theNextUseGivesTheBridgeItsName() throws {
    try withRenamed(cable: nil, bridge: "stolen1") { store, network, _, container in
      // Its subnet is not taken by a stranger: it is its own bridge.
      #expect(try store.ready("back") == network)
      let names = try Self.names()
      #expect(names.contains(network.bridge) && !names.contains("stolen1"))
      #expect(try Self.reaches(network, from: container))
    }
  }

  @Test func bothGoUnderAnyName() throws {
    try withRenamed(cable: "stolen0", bridge: "stolen1") { store, _, attachment, container in
      try store.unwire(attachment, in: container)
      #expect(try Self.names() == ["stolen1"])
      try store.release(identifier(1))
      try store.remove("back", isAlive: nobody)
      #expect(try Self.names().isEmpty)
    }
    // Of a container that is no more, while its namespace is still held.
    try withRenamed(cable: "stolen0", bridge: nil) { store, network, attachment, container in
      // The leaser is this process, which lives.
      let lease = store.leases("back").appending(attachment.address.address.description)
      try removeFile(lease)
      try makeSymbolicLink(lease, to: Path("\(identifier(1)).4194304.0"))
      #expect(try !store.heal(isAlive: nobody).isEmpty)
      #expect(try Self.names() == [network.bridge])
    }
  }

  /// Whose name somebody has taken keeps the one it has: nobody fights for it.
  @Test func aTakenNameIsLeftAlone() throws {
    try withRenamed(cable: "stolen0", bridge: nil) { store, network, attachment, container in
      try run("ip", "link", "add", attachment.hostLink, "type", "bridge")
      #expect(store.isAsLeft(atEveryCable: true))
      #expect(try !store.repair())
      #expect(try Self.names() == [network.bridge, attachment.hostLink, "stolen0"])
    }
  }

  /// Others' cables may have any address: those of another store, and by chance one like ours.
  @Test func anothersCableIsNotTouched() throws {
    try withRenamed(cable: nil, bridge: nil) { store, network, attachment, _ in
      let other = try #require(MacAddress(ofCable: store.hostLink(container: identifier(2))))
      try run("ip", "link", "add", "theirs0", "address", other.description, "type", "veth", "peer", "name", "theirs1")
      #expect(store.isAsLeft(atEveryCable: true))
      #expect(try !store.repair())
      #expect(try Self.names() == [network.bridge, attachment.hostLink, "theirs0", "theirs1"])
    }
  }

  @Test func aCablesAddressIsItsName() {
    #expect(MacAddress(ofCable: "skab12000000010")?.description == "06:12:00:00:00:01")
    #expect(MacAddress(ofCable: "skab12ffffffffz")?.description == "92:12:ff:ff:ff:ff")
    for name in ["", "sk", "skab12-00000010", "skab1200000001-", "eth0", "skab120000000100", "xxab12000000010"] {
      #expect(MacAddress(ofCable: name) == nil)
    }
  }
}
