internal import Kernel
internal import Steps

/// A socket in the container that listens where nobody else does.
struct Answerer: ~Copyable {
  /// Nil where a program of the container has the port.
  let socket: Descriptor?
  let transport: PortEntry.Transport
  let port: UInt16

  init(
    _ transport: PortEntry.Transport, port: UInt16, isIPv6: Bool = false, in place: BorrowedDescriptor
  ) throws(Fault) {
    var found = port
    socket = try insideNetwork(of: place) { () throws(Fault) -> Descriptor? in
      let socket = try makeSocket(
        isIPv6 ? .ipv6 : .ipv4, transport == .udp ? .datagram : .stream, nonBlocking: true)
      if isIPv6 { try socket.borrowed.takeIPv6Alone() }
      if transport == .tcp { try socket.borrowed.reuseAddress() }
      do throws(Fault) {
        try socket.borrowed.bind(.internet(isIPv6 ? .anyIPv6 : .anyIPv4, port: port))
        if transport == .tcp { try socket.borrowed.listen() }
      } catch {
        guard error.errno == .addressInUse else { throw error }
        return nil
      }
      found = try socket.borrowed.localAddress().port ?? port
      return socket
    }
    self.transport = transport
    self.port = found
  }

  /// A cable that has just been plugged in may lose what comes first: what is to work is tried again.
  borrowing func isReached(
    from place: BorrowedDescriptor?, at address: IPAddress, port: UInt16, isExpected: Bool
  ) -> Bool? {
    var passed = isReached(from: place, at: address, port: port)
    if isExpected, passed == false { passed = isReached(from: place, at: address, port: port) }
    return passed
  }

  /// Nil where nobody could tell: a datagram to a program that may not answer.
  borrowing func isReached(from place: BorrowedDescriptor?, at address: IPAddress, port: UInt16) -> Bool? {
    switch transport {
    case .tcp: return connects(from: place, to: address, port)
    case .udp:
      guard let socket = socket.view else { return nil }
      var buffer = [UInt8](repeating: 0, count: 16)
      while (try? socket.receive(into: &buffer)) != nil {}
      _ = try? inside(place) { () throws(Fault) in
        let caller = try makeSocket(address.v4 == nil ? .ipv6 : .ipv4, .datagram)
        _ = try caller.borrowed.send([1], to: .internet(address, port: port))
      }
      return ((try? poll(socket, .readable, milliseconds: 1500)) ?? []).contains(.readable)
    case .sctp: return nil
    }
  }
}

private func inside<Value: ~Copyable>(
  _ place: BorrowedDescriptor?, _ body: () throws(Fault) -> Value
) throws(Fault) -> Value {
  if let place { return try insideNetwork(of: place, body) }
  return try body()
}

/// Whether a connection comes about within a second and a half: time for one SYN to be sent again.
func connects(from place: BorrowedDescriptor?, to address: IPAddress, _ port: UInt16) -> Bool {
  do throws(Fault) {
    return try inside(place) { () throws(Fault) in
      let socket = try makeSocket(address.v4 == nil ? .ipv6 : .ipv4, .stream, nonBlocking: true)
      do throws(Fault) { try socket.borrowed.connect(.internet(address, port: port)) } catch {
        guard error.errno == .inProgress else { return false }
      }
      guard try !poll(socket.borrowed, .writable, milliseconds: 1500).isEmpty else { return false }
      return try socket.borrowed.takeSocketError() == nil
    }
  } catch { return false }
}
