package import Kernel

/// The two sockets where a container asks.
@frozen package struct NameSockets: ~Copyable {
  package var datagrams: Descriptor
  package var listener: Descriptor

  package init(datagrams: consuming Descriptor, listener: consuming Descriptor) {
    self.datagrams = datagrams
    self.listener = listener
  }
}

/// A socket that does not block, in the network namespace of a process, or in our own.
func makeSocket(
  _ domain: SocketDomain, _ kind: SocketKind, in process: BorrowedDescriptor?
) throws(Fault) -> Descriptor {
  guard let process else { return try Kernel.makeSocket(domain, kind, nonBlocking: true) }
  return try insideNetwork(of: process) { () throws(Fault) in try Kernel.makeSocket(domain, kind, nonBlocking: true) }
}
