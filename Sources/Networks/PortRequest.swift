package import Kernel
package import Steps

/// One port that `-p` asks to be published, as docker writes it: `[ADDRESS:][HOST-PORT:]CONTAINER-PORT[/tcp|udp|sctp]`.
package struct PortRequest: Hashable, Sendable {
  package var transport: PortEntry.Transport
  /// Of the host; nil for all of its addresses, of IPv6 too where the container has one. 0.0.0.0 and :: are all of a family.
  package var address: IPAddress?
  /// From which one is taken: a single port, a range for one container's port, or nil for any that is free.
  package var hostPorts: ClosedRange<UInt16>?
  package var containerPort: UInt16

  package init(
    _ transport: PortEntry.Transport, address: IPAddress? = nil, hostPorts: ClosedRange<UInt16>? = nil,
    containerPort: UInt16
  ) {
    self.transport = transport
    self.address = address
    self.hostPorts = hostPorts
    self.containerPort = containerPort
  }
}
