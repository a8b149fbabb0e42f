internal import Kernel
internal import Steps

/// Who has a port of the host. It is a symbolic link, which is made whole or not at all: its name is the port
/// (`tcp-0.0.0.0-8080`), and it reads `CONTAINER/PID OF THE COMMAND/NETWORK/ADDRESS/PORT`.
struct PortClaim: Hashable, Sendable {
  var port: PublishedPort
  var container: String
  /// Who took it; alive between the claim and the container's record.
  var claimer: ProcessIdentifier
  var network: String
  /// Of the container, of the family of the host's.
  var address: IPAddress

  var fileName: Path { PortClaim.fileName(of: port) }
  static func fileName(of port: PublishedPort) -> Path { Path("\(port.transport)-\(port.address)-\(port.hostPort)") }
  var target: Path { Path("\(container)/\(claimer)/\(network)/\(address)/\(port.containerPort)") }

  init(_ port: PublishedPort, container: String, network: String, address: IPAddress) {
    self.port = port
    self.container = container
    self.network = network
    self.address = address
    claimer = processIdentifier()
  }

  /// Nil for what is no claim.
  init?(name: String, target: String) {
    let key = name.split(separator: "-", omittingEmptySubsequences: false)
    let value = target.split(separator: "/", omittingEmptySubsequences: false)
    guard key.count == 3, value.count == 5, let transport = PortEntry.Transport(rawValue: String(key[0])),
      let host = IPAddress(key[1]), let hostPort = UInt16(key[2]), let address = IPAddress(value[3]),
      (host.v6 == nil) == (address.v6 == nil), let containerPort = UInt16(value[4]),
      isValidNetworkName(String(value[2]))
    else { return nil }
    port = PublishedPort(
      transport, address: host, hostPort: hostPort, containerPort: containerPort)
    container = String(value[0])
    claimer = ProcessIdentifier(value[1]) ?? 0
    network = String(value[2])
    self.address = address
  }

  /// Whether both cannot be had at once.
  func excludes(_ transport: PortEntry.Transport, _ address: IPAddress, _ port: UInt16) -> Bool {
    self.port.transport == transport && self.port.hostPort == port
      && (self.port.address.v6 == nil) == (address.v6 == nil)
      && (self.port.address.isAny || address.isAny || self.port.address == address)
  }

  /// Whether that is where it leads; to nobody without a place.
  func leads(to outlet: NetworkAttachment?) -> Bool {
    let place = place(at: outlet)
    return address == place.address && (place.network == nil || network == place.network)
  }

  mutating func lead(to outlet: NetworkAttachment?) {
    let place = place(at: outlet)
    if let name = place.network { network = name }
    address = place.address
  }

  private func place(at outlet: NetworkAttachment?) -> (network: String?, address: IPAddress) {
    if port.address.v6 == nil {
      return (outlet?.network, outlet.map { .v4($0.address.address) } ?? .anyIPv4)
    }
    return (outlet?.network, outlet?.address6.map { .v6($0.address) } ?? .anyIPv6)
  }

  var isOnLoopback6: Bool { port.address.v6 != nil && port.address.isLoopback }

  /// It is held for a container that has no way to it now.
  var leadsNowhere: Bool { address.isAny }

  var entry: PortEntry {
    PortEntry(
      port.transport, address: port.address.isAny ? nil : port.address, port: port.hostPort, to: address,
      port.containerPort)
  }
}
