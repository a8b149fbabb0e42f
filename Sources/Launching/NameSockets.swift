internal import Firewall
internal import Kernel
internal import Steps

struct OpenedNameSockets: ~Copyable {
  var datagrams: Descriptor
  var listener: Descriptor
}

/// Opens the sockets in the container's namespace, before its program runs. The container may have a name server of its own on
/// port 53 of all addresses, so ours listen elsewhere and rules lead there; a kernel without nf_tables has them on port 53.
func openNameSockets(
  _ redirect: FirewallChange, in namespace: BorrowedDescriptor
) throws(Fault) -> OpenedNameSockets {
  try insideNetwork(of: namespace) { () throws(Fault) in
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
  // The loopback link is set up later, from inside.
  try datagrams.borrowed.bindToAnyAddress()
  // Programs ask hundreds of questions at once; those that find no room are asked again seconds later.
  try datagrams.borrowed.setReceiveBuffer(1 << 20)
  try datagrams.borrowed.bind(.ipv4(NameRedirect.address, port: port))
  let listener = try makeSocket(.ipv4, .stream, nonBlocking: true)
  try listener.borrowed.bindToAnyAddress()
  try listener.borrowed.bind(.ipv4(NameRedirect.address, port: port))
  try listener.borrowed.listen(backlog: 64)
  return OpenedNameSockets(datagrams: datagrams, listener: listener)
}
