internal import CKernel

/// A socket address as the kernel has it (struct sockaddr_*), length included.
package struct SocketAddress: Hashable, Sendable {
  package var bytes: [UInt8]
  package init(bytes: [UInt8]) { self.bytes = bytes }

  /// AF_UNIX by path (unix(7)). Nil when it does not fit the 108 bytes with its NUL: `bindUnix` and `connectUnix` take any
  /// length.
  package static func unix(_ path: Path) -> SocketAddress? {
    guard path.bytes.count < 108, !path.isEmpty else { return nil }
    return SocketAddress(bytes: [UInt8(AF_UNIX), 0] + Array(path.bytes) + [0])
  }

  package static func ipv4(_ address: IPv4Address, port: UInt16) -> SocketAddress {
    SocketAddress(
      bytes: [UInt8(AF_INET), 0, UInt8(port >> 8), UInt8(port & 255)] + address.bytes + [0, 0, 0, 0, 0, 0, 0, 0])
  }

  /// AF_NETLINK (netlink(7)): port 0 is the kernel as a destination, "choose one" when binding.
  package static func netlink(port: UInt32 = 0, groups: UInt32 = 0) -> SocketAddress {
    var bytes: [UInt8] = [UInt8(AF_NETLINK), 0, 0, 0]
    for word in [port, groups] {
      for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(word >> shift & 255)) }
    }
    return SocketAddress(bytes: bytes)
  }

  var family: Int32 { bytes.count < 2 ? 0 : Int32(bytes[0]) | Int32(bytes[1]) << 8 }

  /// Of an AF_INET address.
  package var ipv4: (address: IPv4Address, port: UInt16)? {
    guard family == AF_INET, bytes.count >= 8, let address = IPv4Address(bytes: bytes[4..<8]) else { return nil }
    return (address, UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
  }

  /// The port of an AF_NETLINK address.
  package var netlinkPort: UInt32? {
    guard family == AF_NETLINK, bytes.count >= 12 else { return nil }
    return UInt32(bytes[4]) | UInt32(bytes[5]) << 8 | UInt32(bytes[6]) << 16 | UInt32(bytes[7]) << 24
  }
}

extension SocketAddress: CustomStringConvertible {
  package var description: String {
    if let (address, port) = ipv4 { return "\(address):\(port)" }
    if let port = netlinkPort { return "netlink port \(port)" }
    if family == AF_UNIX, let path = Path(bytes: bytes.dropFirst(2).prefix { $0 != 0 }) { return path.quoted }
    return "address family \(family)"
  }
}
