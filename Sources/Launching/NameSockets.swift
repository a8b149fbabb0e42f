internal import Firewall
package import Kernel
internal import Netlink
internal import Steps

/// Where a container asks for names: by UDP, and by TCP. Neither blocks.
@frozen package struct OpenedNameSockets: ~Copyable {
  package var datagrams: Descriptor
  package var listener: Descriptor

  init(datagrams: consuming Descriptor, listener: consuming Descriptor) {
    self.datagrams = datagrams
    self.listener = listener
  }
}

/// Opens the sockets in the container's namespace, before its program runs. The container may have a name server of its own on
/// port 53 of all addresses, so ours listen elsewhere and rules lead there; a kernel without nf_tables has them on port 53.
func openNameSockets(
  _ redirect: FirewallChange, in namespace: BorrowedDescriptor
) throws(Fault) -> OpenedNameSockets {
  try insideNetwork(of: namespace) { () throws(Fault) in
    // Without an address of its own the namespace has no table of local routes, and a socket that is bound all the same sends
    // from whatever address comes first.
    try Netlink.perform(.setUp(.loopback))
    var port = NameRedirect.port
    do throws(Fault) { try apply(redirect) } catch { port = NameRedirect.usualPort }
    return try openNameSockets(port: port)
  }
}

private func apply(_ change: FirewallChange) throws(Fault) {
  var socket = try FirewallSocket()
  try socket.apply(change)
}

private func openNameSockets(port: UInt16) throws(Fault) -> OpenedNameSockets {
  let datagrams = try makeSocket(.ipv4, .datagram, nonBlocking: true)
  // Programs ask hundreds of questions at once; those that find no room are asked again seconds later.
  try datagrams.borrowed.setReceiveBuffer(1 << 20)
  try datagrams.borrowed.bind(.ipv4(NameRedirect.address, port: port))
  let listener = try makeSocket(.ipv4, .stream, nonBlocking: true)
  try listener.borrowed.bind(.ipv4(NameRedirect.address, port: port))
  try listener.borrowed.listen(backlog: 64)
  return OpenedNameSockets(datagrams: datagrams, listener: listener)
}
