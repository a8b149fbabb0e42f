package import Kernel
package import Steps

/// A port of the host that leads to one of a container.
package struct PublishedPort: Hashable, Sendable {
  package var transport: PortEntry.Transport
  /// Of the host; 0.0.0.0 or :: for all of its addresses of that family.
  package var address: IPAddress
  package var hostPort: UInt16
  package var containerPort: UInt16

  package init(_ transport: PortEntry.Transport, address: IPAddress, hostPort: UInt16, containerPort: UInt16) {
    self.transport = transport
    self.address = address
    self.hostPort = hostPort
    self.containerPort = containerPort
  }

  /// The port alone, on whatever address.
  struct Number: Hashable, Sendable {
    var transport: PortEntry.Transport
    var port: UInt16
  }
  var number: Number { Number(transport: transport, port: hostPort) }

  /// `0.0.0.0:8080`, `[::]:8080`
  package var hostEnd: String { "\(address.endWord):\(hostPort)" }
}

extension IPAddress {
  package static let anyIPv4 = IPAddress.v4(IPv4Address(value: 0))
  package static let anyIPv6 = IPAddress.v6(IPv6Address(value: 0))
  /// It stands for all of its family.
  var isAny: Bool { self == .anyIPv4 || self == .anyIPv6 }
  /// As it stands before a port.
  var endWord: String { v6 == nil ? description : "[\(description)]" }
}
