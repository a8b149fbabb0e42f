internal import CKernel

package enum SocketDomain: Int32, Sendable {
  case unix = 1
  case ipv4 = 2
  case ipv6 = 10
  case netlink = 16
}

package enum SocketKind: Int32, Sendable {
  case stream = 1
  case datagram = 2
  case raw = 3
  /// Connected, with message borders kept.
  case sequencedPacket = 5
}

/// The flags of send(2) and recv(2).
package struct MessageFlags: FlagWord {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }
  package static let peek = MessageFlags(rawValue: 0x2)
  /// Receiving: the count is the whole message's, even when the buffer was shorter.
  package static let truncate = MessageFlags(rawValue: 0x20)
  package static let doNotWait = MessageFlags(rawValue: 0x40)
}

/// The two connected ends of a socketpair(2).
@frozen package struct SocketPair: ~Copyable {
  package var first: Descriptor
  package var second: Descriptor
  init(first: consuming Descriptor, second: consuming Descriptor) {
    self.first = first
    self.second = second
  }
}

/// socket(2).
package func makeSocket(
  _ domain: SocketDomain, _ kind: SocketKind, protocol number: Int32 = 0, nonBlocking: Bool = false
) throws(Fault) -> Descriptor {
  let type = kind.rawValue | Int32(SOCK_CLOEXEC.rawValue) | (nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0)
  let raw = try systemCall(
    "socket", Int(SYS_socket), Int(domain.rawValue), Int(type), Int(number), arguments: "\(domain), \(kind), \(number)")
  return Descriptor(owning: Int32(raw))
}

package func makeSocketPair(_ kind: SocketKind = .sequencedPacket) throws(Fault) -> SocketPair {
  var ends: [Int32] = [-1, -1]
  _ = try ends.withMutableAddress { (base) throws(Fault) in
    try systemCall(
      "socketpair", Int(SYS_socketpair), Int(AF_UNIX), Int(kind.rawValue) | Int(SOCK_CLOEXEC.rawValue), 0, base,
      arguments: "unix, \(kind)")
  }
  return SocketPair(first: Descriptor(owning: ends[0]), second: Descriptor(owning: ends[1]))
}

extension BorrowedDescriptor {
  package func bind(_ address: SocketAddress) throws(Fault) {
    _ = try address.bytes.withAddress { (base) throws(Fault) in
      try systemCall(
        "bind", Int(SYS_bind), argument, base, address.bytes.count, arguments: "\(rawValue), \(address)")
    }
  }

  package func connect(_ address: SocketAddress) throws(Fault) {
    _ = try address.bytes.withAddress { (base) throws(Fault) in
      try systemCall(
        "connect", Int(SYS_connect), argument, base, address.bytes.count, arguments: "\(rawValue), \(address)")
    }
  }

  package func listen(backlog: Int = 128) throws(Fault) {
    _ = try systemCall("listen", Int(SYS_listen), argument, backlog, arguments: "\(rawValue), \(backlog)")
  }

  /// accept4(2). EAGAIN when the listening socket does not block and nobody waits.
  package func accept(nonBlocking: Bool = false) throws(Fault) -> Descriptor {
    let flags = Int(SOCK_CLOEXEC.rawValue) | (nonBlocking ? Int(SOCK_NONBLOCK.rawValue) : 0)
    return Descriptor(
      owning: Int32(try systemCall("accept4", Int(SYS_accept4), argument, 0, 0, flags, arguments: "\(rawValue)")))
  }

  /// The address this end is bound to (getsockname(2)).
  package func localAddress() throws(Fault) -> SocketAddress {
    var bytes = [UInt8](repeating: 0, count: 128)
    var length: [UInt32] = [128]
    _ = try bytes.withMutableAddress { (base) throws(Fault) in
      try length.withMutableAddress { (lengthBase) throws(Fault) in
        try systemCall("getsockname", Int(SYS_getsockname), argument, base, lengthBase, arguments: "\(rawValue)")
      }
    }
    return SocketAddress(bytes: Array(bytes.prefix(Int(length[0]))))
  }

  /// sendto(2), never with a SIGPIPE. Returns how much was taken.
  package func send(
    _ bytes: [UInt8], _ flags: MessageFlags = [], to address: SocketAddress? = nil
  ) throws(Fault) -> Int {
    let flags = Int(flags.rawValue) | Int(MSG_NOSIGNAL)
    let target = address?.bytes ?? []
    return try bytes.withAddress { (base) throws(Fault) in
      try target.withAddress { (targetBase) throws(Fault) in
        try systemCall(
          "sendto", Int(SYS_sendto), argument, base, bytes.count, flags, target.isEmpty ? 0 : targetBase, target.count,
          arguments: "\(rawValue), \(bytes.count) bytes")
      }
    }
  }

  /// recvfrom(2) into the front of `buffer`. 0 is the end of a stream.
  package func receive(into buffer: inout [UInt8], _ flags: MessageFlags = []) throws(Fault) -> Int {
    let count = buffer.count
    return try buffer.withMutableAddress { (base) throws(Fault) in
      try systemCall(
        "recvfrom", Int(SYS_recvfrom), argument, base, count, Int(flags.rawValue), 0, 0, arguments: "\(rawValue)")
    }
  }

  /// recvfrom(2) with the sender's address.
  package func receiveWithSender(
    into buffer: inout [UInt8], _ flags: MessageFlags = []
  ) throws(Fault) -> (count: Int, sender: SocketAddress) {
    let count = buffer.count
    var sender = [UInt8](repeating: 0, count: 128)
    var length: [UInt32] = [128]
    let got = try buffer.withMutableAddress { (base) throws(Fault) in
      try sender.withMutableAddress { (senderBase) throws(Fault) in
        try length.withMutableAddress { (lengthBase) throws(Fault) in
          try systemCall(
            "recvfrom", Int(SYS_recvfrom), argument, base, count, Int(flags.rawValue), senderBase, lengthBase,
            arguments: "\(rawValue)")
        }
      }
    }
    return (got, SocketAddress(bytes: Array(sender.prefix(Int(length[0])))))
  }

  /// Whether the side that reads, writes, or both is shut (shutdown(2)).
  package func shutDown(reading: Bool, writing: Bool) throws(Fault) {
    guard reading || writing else { return }
    let how = reading && writing ? SHUT_RDWR : (reading ? SHUT_RD : SHUT_WR)
    _ = try systemCall("shutdown", Int(SYS_shutdown), argument, Int(how), arguments: "\(rawValue), \(how)")
  }

  /// setsockopt(2) of an int.
  package func setSocketOption(level: Int32, _ name: Int32, to value: Int32) throws(Fault) {
    _ = try [value].withAddress { (base) throws(Fault) in
      try systemCall(
        "setsockopt", Int(SYS_setsockopt), argument, Int(level), Int(name), base, 4,
        arguments: "\(rawValue), \(level), \(name), \(value)")
    }
  }

  /// SO_RCVTIMEO: a receive that would wait longer throws EAGAIN.
  /// SO_REUSEADDR: connections that have just ended do not keep others from the port.
  package func reuseAddress() throws(Fault) { try setSocketOption(level: SOL_SOCKET, SO_REUSEADDR, to: 1) }

  package func setReceiveTimeout(seconds: Int) throws(Fault) {
    _ = try [seconds, 0].withAddress { (base) throws(Fault) in
      try systemCall(
        "setsockopt", Int(SYS_setsockopt), argument, Int(SOL_SOCKET), 20, base, 16,
        arguments: "\(rawValue), SOL_SOCKET, SO_RCVTIMEO, \(seconds) s")
    }
  }

  /// SO_ATTACH_FILTER with a program of one instruction: what arrives is dropped before the socket sees it.
  package func dropWhatArrives() throws(Fault) {
    let program: [UInt64] = [0x06]  // BPF_RET | BPF_K, 0 bytes
    _ = try program.withAddress { (programBase) throws(Fault) in
      // struct sock_fprog: u16 length, padding, the program.
      try [1, programBase].withAddress { (base) throws(Fault) in
        try systemCall(
          "setsockopt", Int(SYS_setsockopt), argument, Int(SOL_SOCKET), Int(SO_ATTACH_FILTER), base, 16,
          arguments: "\(rawValue), SOL_SOCKET, SO_ATTACH_FILTER, ret 0")
      }
    }
  }

  /// getsockopt(2) of a structure that is filled in by the kernel and may say beforehand what is asked for. Returns how
  /// many bytes came.
  package func socketOption(level: Int32, _ name: Int32, structure: inout [UInt8]) throws(Fault) -> Int {
    var length: [UInt32] = [UInt32(structure.count)]
    _ = try structure.withMutableAddress { (base) throws(Fault) in
      try length.withMutableAddress { (lengthBase) throws(Fault) in
        try systemCall(
          "getsockopt", Int(SYS_getsockopt), argument, Int(level), Int(name), base, lengthBase,
          arguments: "\(rawValue), \(level), \(name)")
      }
    }
    return Int(length[0])
  }

  /// getsockopt(2) of `count` ints.
  package func socketOption(level: Int32, _ name: Int32, count: Int = 1) throws(Fault) -> [Int32] {
    var value = [Int32](repeating: 0, count: count)
    var length: [UInt32] = [UInt32(count * 4)]
    _ = try value.withMutableAddress { (base) throws(Fault) in
      try length.withMutableAddress { (lengthBase) throws(Fault) in
        try systemCall(
          "getsockopt", Int(SYS_getsockopt), argument, Int(level), Int(name), base, lengthBase,
          arguments: "\(rawValue), \(level), \(name)")
      }
    }
    return Array(value.prefix(Int(length[0]) / 4))
  }

  /// The error that a connect in the background ended with, or nil (SO_ERROR, which also clears it).
  package func takeSocketError() throws(Fault) -> Errno? {
    let value = try socketOption(level: SOL_SOCKET, SO_ERROR)[0]
    return value == 0 ? nil : Errno(rawValue: value)
  }
}
