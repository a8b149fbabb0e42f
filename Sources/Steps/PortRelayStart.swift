package import Kernel

/// This program once more, beside an ordinary user's container: it takes what comes to the container's ports on the host, and
/// passes it on where the user's networks are.
package struct PortRelayStart: Hashable, Sendable {
  /// A socket of the host's namespace, which the supervisor opened before it left that.
  package struct Listener: Hashable, Sendable {
    package var transport: PortEntry.Transport
    package var address: IPAddress
    package var port: UInt16
    package init(_ transport: PortEntry.Transport, _ address: IPAddress, port: UInt16) {
      self.transport = transport
      self.address = address
      self.port = port
    }
  }
  /// `skiff-monitor --relay ID ROOT STATE`; the number of the supervisor, which it ends with, is the last word.
  package var arguments: [Path]
  /// Its descriptors from 3 on, in their order.
  package var listeners: [Listener]
  /// `PID TICKS` of it while it runs.
  package var record: Path

  package init(arguments: [Path], listeners: [Listener], record: Path) {
    self.arguments = arguments
    self.listeners = listeners
    self.record = record
  }
}
