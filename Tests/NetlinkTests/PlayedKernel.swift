import Kernel
import Netlink
import Synchronization

/// The kernel's end of a netlink socket, played over a socketpair: what a kernel answers when it is short of something cannot
/// be ordered from a real one.
enum PlayedKernel {
  /// The datagrams that answer a request, by its number: of a transaction, its last operation's.
  typealias Answer = @Sendable (_ sequence: UInt32) -> [[UInt8]]

  /// Answers one request after the other, and hangs up on the next.
  ///
  /// - Returns: how many came that there was an answer for.
  static func play(_ answers: [Answer], while body: (consuming Descriptor) throws -> Void) throws -> Int {
    let pair = try makeSocketPair()
    let (theirs, ours) = (try pair.first.borrowed.duplicate().release(), try pair.second.borrowed.duplicate().release())
    try pair.first.close()
    try pair.second.close()
    let asked = Mutex(0)
    let end = background {
      let ours = Descriptor(owning: ours)
      try ours.borrowed.setReceiveTimeout(seconds: 10)
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      for answer in answers {
        let count = try ours.borrowed.receive(into: &buffer)
        if count == 0 { return }
        asked.withLock { $0 += 1 }
        // NLM_F_ACK, or a dump.
        let last = try parseMessages(buffer[..<count]).last { $0.flags & 0x4 != 0 || $0.flags & 0x300 == 0x300 }
        for datagram in answer(last?.sequence ?? 0) { _ = try ours.borrowed.send(datagram) }
      }
      // Until it has read what it is to read.
      _ = try ours.borrowed.receive(into: &buffer)
    }
    let result = Result { try body(Descriptor(owning: theirs)) }
    try end()
    try result.get()
    return asked.withLock { $0 }
  }

  // MARK: - What a kernel says

  private static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  /// struct nlmsghdr: length, type, flags, sequence, port; the payload.
  static func message(_ type: UInt16, _ sequence: UInt32, flags: UInt16 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    word(UInt32(16 + payload.count)) + [UInt8(type & 255), UInt8(type >> 8), UInt8(flags & 255), UInt8(flags >> 8)]
      + word(sequence) + word(0) + payload
  }

  /// NLMSG_ERROR; with 0, an acknowledgement.
  static func verdict(_ sequence: UInt32, _ errno: Int32 = 0) -> [UInt8] {
    message(2, sequence, word(UInt32(bitPattern: -errno)) + message(16, sequence))
  }

  /// NLMSG_DONE.
  static func end(_ sequence: UInt32, flags: UInt16 = 2) -> [UInt8] { message(3, sequence, flags: flags, word(0)) }

  /// NLMSG_OVERRUN.
  static func loss(_ sequence: UInt32) -> [UInt8] { message(4, sequence) }

  /// struct ifinfomsg of link 7, and its name.
  static func link(_ sequence: UInt32, _ name: String, flags: UInt16 = 2) -> [UInt8] {
    let text = Array(name.utf8) + [0]
    let padding = [UInt8](repeating: 0, count: (4 - text.count % 4) % 4)
    return message(
      16, sequence, flags: flags,
      word(0) + word(7) + word(0) + word(0) + [UInt8(4 + text.count), 0, 3, 0] + text + padding)
  }
}
