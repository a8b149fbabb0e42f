package import Kernel

/// A peer that answered with an error, and what it is called: `org.freedesktop.systemd1.NoSuchUnit`.
package struct BusError: Error, Hashable, Sendable, CustomStringConvertible {
  package var name: String
  package var text: String
  package var description: String { text.isEmpty ? name : text }
}

/// Why a call has no answer.
package enum BusFailure: Error, Hashable, Sendable {
  case fault(Fault)
  case malformed(MalformedMessage)
  case refused(BusError)
}

/// A conversation over a stream socket: a message bus, or a peer that speaks the protocol itself, as systemd's private socket.
package struct BusConnection: ~Copyable {
  private let socket: Descriptor
  private var received: [UInt8] = []
  private var serial: UInt32 = 0
  /// Signals that came while an answer was waited for.
  private var signals: [BusMessage] = []
  private let deadline: UInt64

  private init(_ socket: consuming Descriptor, deadline: UInt64) {
    self.socket = socket
    self.deadline = deadline
  }

  /// - Parameters:
  ///   - isBus: a bus wants to be greeted, and gives the name by which it knows us.
  ///   - milliseconds: for the whole conversation.
  package static func open(
    _ path: Path, isBus: Bool, user: UInt32, milliseconds: Int
  ) throws(BusFailure) -> BusConnection {
    var connection = BusConnection(
      try connect(path), deadline: monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000)
    try connection.authenticate(user)
    if isBus {
      _ = try connection.call(
        BusMessage("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", to: "org.freedesktop.DBus"))
    }
    return connection
  }

  private static func connect(_ path: Path) throws(BusFailure) -> Descriptor {
    do throws(Fault) { return try connectUnix(path) } catch { throw .fault(error) }
  }

  /// SASL EXTERNAL: the kernel tells the peer who we are. No user is claimed, as sd-bus has it: the root of a user namespace is
  /// another one to the peer, and does not know which.
  private mutating func authenticate(_ user: UInt32) throws(BusFailure) {
    // BEGIN at once, and no message before the answer: systemd's end forgets a message that it reads together with BEGIN,
    // until something else comes.
    try send([0] + Array("AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n".utf8))
    var answer = try line()
    // It asks who we are, in its own words; that we have said nothing is answered already.
    if answer.starts(with: Array("DATA".utf8)) { answer = try line() }
    guard answer.starts(with: Array("OK ".utf8)) else {
      throw .refused(
        BusError(name: "org.freedesktop.DBus.Error.AuthFailed", text: "the bus does not let user \(user) in"))
    }
  }

  private mutating func line() throws(BusFailure) -> ArraySlice<UInt8> {
    while true {
      if let end = received.firstIndex(of: 10) {
        let line = received[..<end]
        received.removeFirst(end + 1)
        return line
      }
      guard received.count < 4096 else { throw .malformed(MalformedMessage("the peer does not speak D-Bus")) }
      try receive()
    }
  }

  // MARK: Messages

  /// Sends a call and waits for its answer.
  package mutating func call(_ message: BusMessage) throws(BusFailure) -> [BusValue] {
    serial += 1
    var message = message
    message.serial = serial
    try send(message.bytes)
    while true {
      let answer = try next()
      switch answer.kind {
      case .reply where answer.replySerial == serial: return answer.body
      case .error where answer.replySerial == serial:
        throw .refused(BusError(name: answer.errorName ?? "", text: answer.body.first?.text ?? ""))
      case .signal where signals.count < 1024: signals.append(answer)
      default: break
      }
    }
  }

  /// The body of the next signal that is asked for, of those that came already first.
  package mutating func waitForSignal(_ member: String, _ isWanted: ([BusValue]) -> Bool) throws(BusFailure)
    -> [BusValue]
  {
    while true {
      let message = signals.isEmpty ? try next() : signals.removeFirst()
      if message.kind == .signal, message.member == member, isWanted(message.body) { return message.body }
    }
  }

  private mutating func next() throws(BusFailure) -> BusMessage {
    while true {
      do throws(MalformedMessage) {
        if let length = try BusMessage.length(of: received[...]), received.count >= length {
          let message = try BusMessage(received[..<length])
          received.removeFirst(length)
          return message
        }
      } catch { throw .malformed(error) }
      try receive()
    }
  }

  // MARK: Bytes

  private func send(_ bytes: [UInt8]) throws(BusFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      do throws(Fault) {
        try wait(for: .writable)
        rest = rest.dropFirst(try socket.borrowed.send(Array(rest), .doNotWait))
      } catch {
        if error.errno != .again { throw .fault(error) }
      }
    }
  }

  private mutating func receive() throws(BusFailure) {
    do throws(Fault) {
      try wait(for: .readable)
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = try socket.borrowed.read(into: &buffer)
      guard count > 0 else { throw Fault("read", .connectionReset, arguments: "\(socket.rawValue)") }
      received += buffer[..<count]
    } catch { throw .fault(error) }
  }

  private func wait(for event: PollEvents) throws(Fault) {
    let now = monotonicNanoseconds()
    let left = deadline > now ? Int((deadline - now + 999_999) / 1_000_000) : 0
    if left > 0, try !poll(socket.borrowed, event, milliseconds: left).isEmpty { return }
    throw Fault("poll", .timedOut, arguments: "\(socket.rawValue)", hint: "the bus does not answer: is it overloaded?")
  }
}
