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
  var address: IPv4Address

  var fileName: Path { Path("\(port.transport)-\(port.address?.description ?? "0.0.0.0")-\(port.hostPort)") }
  var target: Path { Path("\(container)/\(claimer)/\(network)/\(address)/\(port.containerPort)") }

  init(_ port: PublishedPort, container: String, network: String, address: IPv4Address) {
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
      let host = IPv4Address(key[1]), let hostPort = UInt16(key[2]), let address = IPv4Address(value[3]),
      let containerPort = UInt16(value[4]), isValidNetworkName(String(value[2]))
    else { return nil }
    port = PublishedPort(
      transport, address: host.value == 0 ? nil : host, hostPort: hostPort, containerPort: containerPort)
    container = String(value[0])
    claimer = ProcessIdentifier(value[1]) ?? 0
    network = String(value[2])
    self.address = address
  }

  /// Whether both cannot be had at once.
  func excludes(_ transport: PortEntry.Transport, _ address: IPv4Address?, _ port: UInt16) -> Bool {
    self.port.transport == transport && self.port.hostPort == port
      && (self.port.address == nil || address == nil || self.port.address == address)
  }

  var entry: PortEntry {
    PortEntry(
      port.transport, address: port.address, port: port.hostPort, to: address, port.containerPort)
  }
}
