internal import DNS
internal import Kernel

/// Who is to get an answer.
enum Asker: Hashable, Sendable {
  case datagram(SocketAddress)
  case stream(UInt64)

  var isStream: Bool { if case .stream = self { true } else { false } }
}

/// A question that somebody else is asked, one server after the other.
struct Forward {
  let query: Query
  let asker: Asker
  let servers: [NameServer]
  /// When the asker gets to hear that nobody answered, in nanoseconds of the monotonic clock.
  let end: UInt64
  /// How many were asked before the one that is asked now; -1 while it waits for its turn.
  var attempt = -1
  /// When the next one is asked.
  var deadline: UInt64
  private(set) var identifier: UInt16 = 0
  /// Of this attempt alone, so that every one has a port of its own; owned here. -1 for none.
  private var socket: Int32 = -1
  private var outgoing: [UInt8] = []
  private var incoming: [UInt8] = []
  /// What the servers said or did, in words.
  private(set) var failures: [String] = []
  /// "I could not find out", from a server: passed on when no other one knows better.
  var lastAnswer: [UInt8]?

  /// So long is one server waited for. Programs wait for five seconds and ask again: two can be asked in that time.
  static let patience: UInt64 = 2_000_000_000
  static let patienceInAll: UInt64 = 8_000_000_000
  /// Every server is asked twice, for a datagram may get lost.
  static let rounds = 2

  init(_ query: Query, _ asker: Asker, _ servers: [NameServer], now: UInt64) {
    self.query = query
    self.asker = asker
    self.servers = servers
    end = now + Self.patienceInAll
    deadline = end
  }

  var descriptor: BorrowedDescriptor? { socket < 0 ? nil : BorrowedDescriptor(rawValue: socket) }
  var server: NameServer { servers[max(0, attempt) % servers.count] }
  /// In the first round a server that cannot find out is not the last word.
  var hasUnasked: Bool { attempt + 1 < servers.count }
  var isOver: Bool { attempt >= servers.count * Self.rounds }

  mutating func note(_ failure: String) {
    let text = "\(server) \(failure)"
    if !failures.contains(text) { failures.append(text) }
  }

  mutating func close() {
    if socket >= 0 { _ = Descriptor(owning: socket) }
    socket = -1
    outgoing = []
    incoming = []
  }

  /// Asks the server of this attempt. A connected socket takes answers of that address and port alone, and hears at once when
  /// nobody listens there.
  ///
  /// - Parameter make: a socket in the namespace from which it is asked.
  mutating func ask(now: UInt64, make: (SocketDomain, SocketKind) throws(Fault) -> Descriptor) throws(Fault) {
    close()
    deadline = min(end, now + Self.patience)
    let random = try randomBytes(2)
    identifier = UInt16(random[0]) << 8 | UInt16(random[1])
    let domain: SocketDomain = if case .v4 = server.address { .ipv4 } else { .ipv6 }
    let made = try make(domain, asker.isStream ? .stream : .datagram)
    let descriptor = made.borrowed
    do throws(Fault) { try descriptor.connect(server.socketAddress) } catch {
      if error.errno != .inProgress { throw error }
    }
    let message = query.bytes(identifier: identifier)
    if asker.isStream {
      outgoing = framed(message)
    } else {
      _ = try descriptor.send(message)
    }
    socket = made.release()
  }

  /// Sends what is left to send by TCP.
  mutating func flush() throws(Fault) {
    guard let descriptor else { return }
    if let errno = try descriptor.takeSocketError() { throw Fault("connect", errno, arguments: "\(server)") }
    guard !outgoing.isEmpty else { return }
    do throws(Fault) { outgoing.removeFirst(try descriptor.send(outgoing, .doNotWait)) } catch {
      if error.errno != .again { throw error }
    }
  }

  var wantsToWrite: Bool { !outgoing.isEmpty }

  /// The answer, when it is there. What does not answer this question is not looked at further: somebody may be guessing.
  mutating func answer(_ buffer: inout [UInt8]) throws(Fault) -> [UInt8]? {
    guard let descriptor else { return nil }
    while true {
      let count: Int
      do throws(Fault) { count = try descriptor.receive(into: &buffer, .doNotWait) } catch {
        if error.errno == .again { return nil }
        throw error
      }
      guard asker.isStream else {
        let message = Array(buffer[..<count])
        if query.isAnswered(by: message, identifier: identifier) { return message }
        continue
      }
      guard count > 0 else { throw Fault("recvfrom", .connectionReset, arguments: "\(server)") }
      incoming += buffer[..<count]
      guard let message = takeFrame(from: &incoming) else { continue }
      guard query.isAnswered(by: message, identifier: identifier) else {
        throw Fault("recvfrom", .badMessage, arguments: "\(server)")
      }
      return message
    }
  }
}

/// By TCP a message has its length before it (RFC 1035 4.2.2).
func framed(_ message: [UInt8]) -> [UInt8] { [UInt8(message.count >> 8), UInt8(message.count & 255)] + message }

func takeFrame(from bytes: inout [UInt8]) -> [UInt8]? {
  guard bytes.count >= 2 else { return nil }
  let length = Int(bytes[0]) << 8 | Int(bytes[1])
  guard bytes.count >= 2 + length else { return nil }
  let message = Array(bytes[2..<(2 + length)])
  bytes.removeFirst(2 + length)
  return message
}
