package import Kernel
package import Steps

/// A port of the host that leads to one of a container.
package struct PublishedPort: Hashable, Sendable {
  package var transport: PortEntry.Transport
  /// Of the host; nil for all of its addresses.
  package var address: IPv4Address?
  package var hostPort: UInt16
  package var containerPort: UInt16

  package init(_ transport: PortEntry.Transport, address: IPv4Address?, hostPort: UInt16, containerPort: UInt16) {
    self.transport = transport
    self.address = address
    self.hostPort = hostPort
    self.containerPort = containerPort
  }

  /// `0.0.0.0:8080`
  var hostEnd: String { "\(address?.description ?? "0.0.0.0"):\(hostPort)" }
}
