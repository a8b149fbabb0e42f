internal import CKernel

extension SocketAddress {
  /// AF_INET or AF_INET6 (ip(7), ipv6(7)).
  ///
  /// - Parameter scope: the number of the link that a link-local address is on.
  package static func internet(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) -> SocketAddress {
    switch address {
    case .v4(let address): return .ipv4(address, port: port)
    case .v6(let address):
      // struct sockaddr_in6: family, port and flow label in network order, address, scope in the machine's order.
      var bytes: [UInt8] = [UInt8(AF_INET6), 0, UInt8(port >> 8), UInt8(port & 255), 0, 0, 0, 0] + address.bytes
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(scope >> shift & 255)) }
      return SocketAddress(bytes: bytes)
    }
  }
}

extension SocketAddress {
  package var isIPv6: Bool { family == AF_INET6 }

  /// Of an internet address: nil for other families.
  package var port: UInt16? {
    guard family == AF_INET || family == AF_INET6, bytes.count >= 4 else { return nil }
    return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
  }
}

extension BorrowedDescriptor {
  /// IPV6_V6ONLY: the same port of IPv4 is another one.
  package func takeIPv6Alone() throws(Fault) { try setSocketOption(level: 41, 26, to: 1) }

  /// SO_LINGER with no time: the close is a reset, and the other end hears that something went wrong.
  package func resetOnClose(_ isOn: Bool = true) throws(Fault) {
    _ = try ([isOn ? 1 : 0, 0] as [Int32]).withAddress { (base) throws(Fault) in
      try systemCall(
        "setsockopt", Int(SYS_setsockopt), argument, Int(SOL_SOCKET), Int(SO_LINGER), base, 8,
        arguments: "\(rawValue), SOL_SOCKET, SO_LINGER, 0 s")
    }
  }

  /// SO_RCVBUFFORCE: room for so many bytes that have not been taken yet, beyond the system's limit; at that where this process
  /// may not go beyond.
  package func setReceiveBuffer(_ bytes: Int32) throws(Fault) {
    do throws(Fault) { try setSocketOption(level: SOL_SOCKET, 33, to: bytes) } catch {
      try setSocketOption(level: SOL_SOCKET, SO_RCVBUF, to: bytes)
    }
  }
}
