package import Kernel

/// A request and its answers, over a netlink socket in the network namespace of the thread that opened it.
package struct NetlinkSocket: ~Copyable {
  package enum Family: Int32, Sendable {
    case route = 0
    case netfilter = 12
  }

  private let descriptor: Descriptor
  /// Only the kernel is number 0; who is at the other end of a socketpair has none.
  private let answererHasNumber: Bool
  private var sequence: UInt32 = 0
  /// Since the last request something found no room in the queue.
  private var hasLost = false
  /// The kernel's dumps come in datagrams of up to 32 KiB; an acknowledgement takes less than 200 bytes.
  private var buffer = [UInt8](repeating: 0, count: 8192)

  /// How often a dump that a change interrupted is begun anew.
  private static let dumpAttempts = 32
  /// How many datagrams of others in a row are passed over.
  private static let mostStrangers = 4096

  package init(_ family: Family) throws(Fault) {
    do throws(Fault) {
      descriptor = try makeSocket(.netlink, .raw, protocol: family.rawValue)
    } catch {
      throw Fault(
        operation: error.operation, error.errno, arguments: "netlink, \(family)",
        hint: family == .netfilter
          ? "the kernel has no nfnetlink (CONFIG_NETFILTER_NETLINK): load it with "
            + "`modprobe nf_tables`" : nil)
    }
    answererHasNumber = true
    let netlinkLevel: Int32 = 270
    // Extended acknowledgements carry the kernel's reason in words, and do not repeat the request.
    try? descriptor.borrowed.setSocketOption(level: netlinkLevel, 11, to: 1)  // NETLINK_EXT_ACK
    try? descriptor.borrowed.setSocketOption(level: netlinkLevel, 10, to: 1)  // NETLINK_CAP_ACK
    // A dump request is checked strictly and its filters count, instead of being ignored (Linux 4.20).
    try? descriptor.borrowed.setSocketOption(level: netlinkLevel, 12, to: 1)  // NETLINK_GET_STRICT_CHK
    // Where an answer was lost the wait ends, rather than the command hanging.
    try? descriptor.borrowed.setReceiveTimeout(seconds: 10)
  }

  /// Somebody plays the kernel at the other end.
  package init(answeredOver descriptor: consuming Descriptor) {
    self.descriptor = descriptor
    answererHasNumber = false
  }

  /// A second descriptor of it stays open until this process ends.
  package func lingerUntilExit() { if let copy = try? descriptor.borrowed.duplicate() { _ = copy.release() } }

  /// Sends one request and waits until the kernel has done it. Returns the objects that it answered with, if any.
  @discardableResult
  package mutating func request(
    _ name: StaticString, _ type: UInt16, _ flags: RequestFlags = [], about arguments: @autoclosure () -> String,
    _ body: (inout MessageWriter) -> Void
  ) throws(Fault) -> [Message] {
    sequence &+= 1
    let sequence = sequence
    var writer = MessageWriter()
    writer.message(type, [.request, .acknowledge, flags], sequence: sequence, body)
    do throws(Fault) {
      try send(writer.bytes)
      var reader = ReplyReader(.request, sequence)
      while try !reader.take(receive()) {}
      return reader.objects
    } catch {
      throw Fault(operation: name.description, error.errno, arguments: arguments(), hint: error.hint)
    }
  }

  /// Several messages as one transaction (nf_tables): the first refusal is thrown. `write` gets the first sequence number
  /// and returns the last; only the message with the last one asks for an acknowledgement, for a refusal is always sent.
  package mutating func transaction(
    _ name: StaticString, about arguments: @autoclosure () -> String,
    _ write: (inout MessageWriter, _ first: UInt32) -> UInt32
  ) throws(Fault) {
    let first = sequence &+ 1
    var writer = MessageWriter()
    let last = write(&writer, first)
    sequence = last &+ 1
    do throws(Fault) {
      try send(writer.bytes)
      var reader = ReplyReader(.transaction(first: first), last)
      while try !reader.take(receive()) {}
    } catch {
      throw Fault(operation: name.description, error.errno, arguments: arguments(), hint: error.hint)
    }
  }

  /// All objects of one kind. A dump that the kernel marks as interrupted by a change is read again.
  package mutating func dump(
    _ name: StaticString, _ type: UInt16, about arguments: @autoclosure () -> String = "",
    _ body: (inout MessageWriter) -> Void
  ) throws(Fault) -> [Message] {
    if buffer.count < 32_768 { buffer = [UInt8](repeating: 0, count: 32_768) }
    do throws(Fault) {
      return try readAgain(NetlinkSocket.dumpAttempts) { () throws(Fault) in try dumpOnce(type, body) { _ in } }
    } catch { throw Fault(operation: name.description, error.errno, arguments: arguments(), hint: error.hint) }
  }

  /// The same for a long list of which little is kept: a datagram's objects are shown, and forgotten with the next one's. Where
  /// the list changed meanwhile all are shown again.
  package mutating func scan(
    _ name: StaticString, _ type: UInt16, about arguments: @autoclosure () -> String = "",
    _ body: (inout MessageWriter) -> Void, visit: (Message) throws(Fault) -> Void
  ) throws(Fault) {
    if buffer.count < 32_768 { buffer = [UInt8](repeating: 0, count: 32_768) }
    do throws(Fault) {
      _ = try readAgain(NetlinkSocket.dumpAttempts) { () throws(Fault) in
        try dumpOnce(type, body) { (reader) throws(Fault) in
          for message in reader.removeObjects() { try visit(message) }
        }
      }
    } catch { throw Fault(operation: name.description, error.errno, arguments: arguments(), hint: error.hint) }
  }

  /// The first object of a list that `choose` takes, and the rest of it is not read. The socket is of no use after that: the
  /// kernel means to go on with the list, and begins no other (EBUSY) until it is closed.
  package mutating func first<Found>(
    _ name: StaticString, _ type: UInt16, _ body: (inout MessageWriter) -> Void,
    choose: (Message) throws(Fault) -> Found?
  ) throws(Fault) -> Found? {
    if buffer.count < 32_768 { buffer = [UInt8](repeating: 0, count: 32_768) }
    do throws(Fault) {
      for _ in 0..<NetlinkSocket.dumpAttempts {
        var reader = try ask(type, body)
        var isOver = false
        while !isOver {
          isOver = try reader.take(receive())
          for message in reader.removeObjects() { if let found = try choose(message) { return found } }
        }
        // What is in no whole list is nowhere; in one that changed meanwhile it may have been passed over.
        if !reader.isInterrupted { return nil }
      }
      throw Fault("netlink", .interrupted, hint: "the list changed while it was read: try again")
    } catch { throw Fault(operation: name.description, error.errno, hint: error.hint) }
  }

  /// Nil when the list changed meanwhile.
  ///
  /// - Parameter after: called after each datagram.
  private mutating func dumpOnce(
    _ type: UInt16, _ body: (inout MessageWriter) -> Void, after: (inout ReplyReader) throws(Fault) -> Void
  ) throws(Fault) -> [Message]? {
    var reader = try ask(type, body)
    var isOver = false
    while !isOver {
      isOver = try reader.take(receive())
      try after(&reader)
    }
    return reader.isInterrupted ? nil : reader.objects
  }

  private mutating func ask(_ type: UInt16, _ body: (inout MessageWriter) -> Void) throws(Fault) -> ReplyReader {
    sequence &+= 1
    var writer = MessageWriter()
    writer.message(type, [.request, .dump], sequence: sequence, body)
    try send(writer.bytes)
    return ReplyReader(.dump, sequence)
  }

  // MARK: - Datagrams

  private mutating func send(_ bytes: [UInt8]) throws(Fault) {
    hasLost = false
    var attempts = 0
    while true {
      do throws(Fault) {
        _ = try descriptor.borrowed.send(bytes)
        return
      } catch {
        attempts += 1
        if attempts == 8 { throw error }
        switch error.errno {
        // No memory for the datagram at this moment, and nothing was sent.
        case .noBufferSpace: continue
        // A transaction longer than the send buffer, 208 KiB by default. Root may exceed net.core.wmem_max.
        case .messageTooLong:
          try descriptor.borrowed.setSocketOption(level: 1, 32, to: Int32(clamping: bytes.count * 2))  // SO_SNDBUFFORCE
        default: throw error
        }
      }
    }
  }

  private mutating func receive() throws(Fault) -> [Message] {
    for _ in 0..<NetlinkSocket.mostStrangers {
      let (count, sender): (Int, SocketAddress)
      do throws(Fault) {
        (count, sender) = try descriptor.borrowed.receiveWithSender(
          into: &buffer, hasLost ? [.truncate, .doNotWait] : .truncate)
      } catch {
        switch error.errno {
        // Something found no room in the queue, which is told once. The kernel has answered by the time that it has taken a
        // request (netlink_rcv_skb): the answer is behind what did fit, or it is what was lost.
        case .noBufferSpace where !hasLost:
          hasLost = true
          continue
        case .again where hasLost:
          throw Fault(
            "netlink", .noBufferSpace, hint: "the kernel's answer was lost: what was asked may be done, or not")
        case .again: throw Fault("netlink", .timedOut, hint: "the kernel did not answer")
        default: throw error
        }
      }
      // Any process may send to our port.
      guard !answererHasNumber || sender.netlinkPort == 0 else { continue }
      guard count > 0 else { throw Fault("netlink", .badMessage, arguments: "an empty datagram") }
      guard count <= buffer.count else {
        throw Fault("netlink", .badMessage, arguments: "a datagram of \(count) bytes in a buffer of \(buffer.count)")
      }
      return try parseMessages(buffer[..<count])
    }
    throw Fault("netlink", .timedOut, hint: "other programs send to this one's netlink socket without end")
  }
}

// MARK: - Acknowledgements

/// What an NLMSG_ERROR says; nil when it says that all went well.
func acknowledgement(_ message: Message) -> Fault? {
  guard let code = message.payload.word(at: 0) else { return Fault("netlink", .badMessage) }
  if code == 0 { return nil }
  var found = fault(code: code)
  // The request's header follows, with its payload unless capped, and then what the kernel has to say.
  guard message.flags & Message.hasAttributes != 0 else { return found }
  let repeated = message.flags & Message.capped != 0 ? 16 : Int(message.payload.word(at: 4) ?? 16)
  guard let attributes = try? parseAttributes(message.payload.dropFirst(4 + (repeated + 3) & ~3)) else { return found }
  if let words = attributes.first(where: { $0.type == 1 }) {  // NLMSGERR_ATTR_MSG
    found.hint = "the kernel says: \(words.payload.text)"
  }
  return found
}

func fault(code: UInt32) -> Fault {
  let value = Int32(bitPattern: code)
  // A negated errno; anything else is no answer at all.
  return Fault("netlink", value < 0 && value > -4096 ? Errno(rawValue: -value) : .badMessage)
}
