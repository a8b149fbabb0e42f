internal import CKernel

// Path sockets and what only they carry: descriptors and the identity of the peer. Skiff makes no abstract sockets: those
// belong to the network namespace, so `--network host` would reach them (CVE-2020-15257).

/// Who is at the other end of a unix socket, as of its connect or socketpair (SO_PEERCRED), in our own namespaces.
package struct PeerCredentials: Hashable, Sendable {
  package var process: ProcessIdentifier
  package var user: UInt32
  package var group: UInt32
}

extension BorrowedDescriptor {
  package func peerCredentials() throws(Fault) -> PeerCredentials {
    let words = try socketOption(level: SOL_SOCKET, SO_PEERCRED, count: 3)
    guard words.count == 3 else { throw Fault("getsockopt", .invalid, arguments: "\(rawValue), SO_PEERCRED") }
    return PeerCredentials(
      process: words[0], user: UInt32(bitPattern: words[1]), group: UInt32(bitPattern: words[2]))
  }

  /// bind(2) to a path of any length. The name must be free: unlink a dead socket first, under a lock.
  package func bindUnix(_ path: Path) throws(Fault) {
    try withUnixAddress(path, "bind") { (address) throws(Fault) in try bind(address) }
  }

  /// connect(2) to a path of any length.
  package func connectUnix(_ path: Path) throws(Fault) {
    try withUnixAddress(path, "connect") { (address) throws(Fault) in try connect(address) }
  }
}

/// sun_path holds 107 bytes. A longer path goes through its directory's descriptor: `/proc/self/fd/N/name`.
private func withUnixAddress(
  _ path: Path, _ operation: StaticString, _ body: (SocketAddress) throws(Fault) -> Void
) throws(Fault) {
  do throws(Fault) {
    if let address = SocketAddress.unix(path) { return try body(address) }
    let parent = path.parent.isEmpty ? Path(".") : path.parent
    let directory = try open(parent, [.path, .directory])
    guard let address = SocketAddress.unix("/proc/self/fd/\(directory.rawValue)/\(path.name)") else {
      throw Fault(operation, .nameTooLong, arguments: path.quoted)
    }
    try body(address)
  } catch {
    throw Fault(operation, error.errno, arguments: path.quoted)
  }
}

/// A stream or packet socket that listens at a path; the mode of its file is set before anyone can connect.
package func listenUnix(
  _ path: Path, kind: SocketKind = .stream, mode: FileMode = 0o600, backlog: Int = 128, nonBlocking: Bool = false
) throws(Fault) -> Descriptor {
  let socket = try makeSocket(.unix, kind, nonBlocking: nonBlocking)
  // fchmod before bind gives the file that bind makes its mode (masked by the umask), so there is no moment in between.
  try setMode(of: socket.borrowed, to: mode)
  try socket.borrowed.bindUnix(path)
  try socket.borrowed.listen(backlog: backlog)
  return socket
}

package func connectUnix(_ path: Path, kind: SocketKind = .stream) throws(Fault) -> Descriptor {
  let socket = try makeSocket(.unix, kind)
  try socket.borrowed.connectUnix(path)
  return socket
}

// MARK: - Descriptors in messages (SCM_RIGHTS)

/// Descriptors that came with a message, each owned here until taken; the rest is closed.
package struct ReceivedDescriptors: ~Copyable, Sendable {
  private var numbers: [Int32]
  init(_ numbers: [Int32]) { self.numbers = numbers }
  deinit { for number in numbers { _ = ckernel_syscall(Int(SYS_close), Int(number), 0, 0, 0, 0, 0) } }

  package var count: Int { numbers.count }
  /// The next one in the order they were sent.
  package mutating func take() -> Descriptor? {
    numbers.isEmpty ? nil : Descriptor(owning: numbers.removeFirst())
  }
}

/// One message: how many bytes of the buffer it filled (0 is the end), and what came with it.
package struct ReceivedMessage: ~Copyable, Sendable {
  package var count: Int
  package var descriptors: ReceivedDescriptors
  /// MSG_TRUNC or MSG_CTRUNC: the sender sent more bytes or descriptors than there was room for.
  package var isTruncated: Bool
}

/// SCM_MAX_FD.
private let mostDescriptors = 253

extension BorrowedDescriptor {
  /// sendmsg(2): the bytes (at least one, or a stream drops the descriptors) and copies of the descriptors.
  package func sendMessage(
    _ bytes: [UInt8], descriptors: [BorrowedDescriptor] = [], _ flags: MessageFlags = []
  ) throws(Fault) -> Int {
    precondition(descriptors.isEmpty || !bytes.isEmpty, "descriptors travel with at least one byte")
    precondition(descriptors.count <= mostDescriptors, "at most \(mostDescriptors) descriptors in a message")
    // struct cmsghdr: size_t length, int level, int type; then the descriptors, padded to 8.
    var control: [Int32] = []
    if !descriptors.isEmpty {
      control = [Int32(16 + 4 * descriptors.count), 0, SOL_SOCKET, 1]  // SCM_RIGHTS
      control.append(contentsOf: descriptors.map(\.rawValue))
      if control.count % 2 == 1 { control.append(0) }
    }
    return try bytes.withAddress { (base) throws(Fault) in
      try control.withAddress { (controlBase) throws(Fault) in
        try [base, bytes.count].withAddress { (vector) throws(Fault) in
          // struct msghdr: name, its length, iovec, their count, control, its length, flags.
          let header = [0, 0, vector, 1, control.isEmpty ? 0 : controlBase, control.count * 4, 0]
          return try header.withAddress { (headerBase) throws(Fault) in
            try systemCall(
              "sendmsg", Int(SYS_sendmsg), argument, headerBase, Int(flags.rawValue) | Int(MSG_NOSIGNAL),
              arguments: "\(rawValue), \(bytes.count) bytes, \(descriptors.count) descriptors")
          }
        }
      }
    }
  }

  /// recvmsg(2); every descriptor arrives close-on-exec. More than `limit` are closed by the kernel (`isTruncated`).
  package func receiveMessage(
    into buffer: inout [UInt8], descriptorLimit limit: Int = 8, _ flags: MessageFlags = []
  ) throws(Fault) -> ReceivedMessage {
    precondition(limit <= mostDescriptors, "at most \(mostDescriptors) descriptors in a message")
    let room = buffer.count
    var control = [Int32](repeating: 0, count: 4 + (limit + 1) / 2 * 2)
    var header = [Int](repeating: 0, count: 7)
    // CMSG_LEN rather than CMSG_SPACE, so that an odd limit has no room for one more.
    let controlSize = 16 + 4 * limit
    let count = try buffer.withMutableAddress { (base) throws(Fault) in
      try control.withMutableAddress { (controlBase) throws(Fault) in
        try [base, room].withAddress { (vector) throws(Fault) in
          (header[2], header[3], header[4], header[5]) = (vector, 1, controlBase, controlSize)
          return try header.withMutableAddress { (headerBase) throws(Fault) in
            try systemCall(
              "recvmsg", Int(SYS_recvmsg), argument, headerBase, Int(flags.rawValue) | Int(MSG_CMSG_CLOEXEC),
              arguments: "\(rawValue)")
          }
        }
      }
    }
    var numbers: [Int32] = []
    if header[5] >= 16, control[2] == SOL_SOCKET, control[3] == 1 {
      let length = min(Int(control[0]), controlSize)
      numbers = Array(control[4..<(4 + max(0, length - 16) / 4)])
    }
    let truncated = Int32(truncatingIfNeeded: header[6]) & 0x28 != 0  // MSG_TRUNC | MSG_CTRUNC
    return ReceivedMessage(count: count, descriptors: ReceivedDescriptors(numbers), isTruncated: truncated)
  }
}
