/// A responder to the questions of one container: it answers with the names of the container's networks, and asks servers of
/// the host about everything else.
///
/// It may know sockets, time and the format of messages; it may not know where names come from or how networks are kept:
/// whoever makes it gives it a `NameSource`. Names are remembered until any of them changes; what others answered is not
/// remembered at all, so there is nothing to poison.
package import Kernel

/// Where answers come from.
package struct NameSource: Sendable {
  /// Of a name in lower case without a dot at its end: nil where it is not known here.
  package var addresses: @Sendable (String) -> [KnownAddress]?
  /// Who has an address.
  package var owner: @Sendable (IPAddress) -> KnownOwner
  /// Who is asked about what is not known here; wanted anew for every such question.
  package var upstream: @Sendable () -> Upstream
  /// Another number after every change of names. Nil where that is not known: then names are looked for every time.
  package var generation: @Sendable () -> UInt64? = { nil }

  package init(
    addresses: @escaping @Sendable (String) -> [KnownAddress]?, owner: @escaping @Sendable (IPAddress) -> KnownOwner,
    upstream: @escaping @Sendable () -> Upstream
  ) {
    self.addresses = addresses
    self.owner = owner
    self.upstream = upstream
  }
}

/// An address of a container under a name.
package struct KnownAddress: Hashable, Sendable {
  package var address: IPAddress
  package var container: String
  package var network: String
  package init(_ address: IPAddress, container: String, network: String) {
    self.address = address
    self.container = container
    self.network = network
  }
}

package enum KnownOwner: Hashable, Sendable {
  /// Names of a container.
  case names([String])
  /// The address belongs to a network here, and nobody has it now.
  case nobody
  case elsewhere
}

package enum Upstream: Hashable, Sendable {
  /// In the order in which they are asked.
  case servers([NameServer])
  /// Nobody is asked; why.
  case closed(String)
}

/// A server that is asked.
package struct NameServer: Hashable, Sendable, CustomStringConvertible {
  package var address: IPAddress
  package var port: UInt16
  /// The number of the link, for an address that is local to one.
  package var scope: UInt32
  /// Asked from the container's own network, as `--dns` means it: 127.0.0.1 is the container itself then.
  package var isInside: Bool

  package init(_ address: IPAddress, port: UInt16 = 53, scope: UInt32 = 0, isInside: Bool = false) {
    self.address = address
    self.port = port
    self.scope = scope
    self.isInside = isInside
  }

  package var description: String { "\(address)" + (port == 53 ? "" : " port \(port)") }
  var socketAddress: SocketAddress { .internet(address, port: port, scope: scope) }
}
