package import DNS
package import Kernel

/// What became of one question to one server.
package struct Exchange: Hashable, Sendable {
  package var server: NameServer
  /// Nil where none came.
  package var answer: Message?
  /// Why none came, in words.
  package var failure: String?
  package var nanoseconds: UInt64

  /// Asks one server and waits for it, by TCP too where the answer does not fit a datagram.
  ///
  /// - Parameter process: a pidfd; it is asked from that process's network then.
  package static func asking(
    _ server: NameServer, _ question: Question, inside process: BorrowedDescriptor? = nil,
    patience: UInt64 = 2_000_000_000
  ) -> Exchange {
    let begin = monotonicNanoseconds()
    var exchange = Exchange(server: server, answer: nil, failure: nil, nanoseconds: 0)
    do throws(Fault) {
      let end = begin + patience
      var bytes = try ask(server, question, .datagram, inside: process, until: end)
      if Header(bytes)?.flags.contains(.truncated) == true {
        bytes = try ask(server, question, .stream, inside: process, until: end)
      }
      exchange.answer = Message(bytes)
      if exchange.answer == nil { exchange.failure = "what came back cannot be read" }
    } catch {
      exchange.failure =
        switch error.errno {
        case .connectionRefused: "nobody answers names there"
        case .timedOut: "no answer within \(patience / 1_000_000_000) s"
        default: "\(error.errno)"
        }
    }
    exchange.nanoseconds = monotonicNanoseconds() - begin
    return exchange
  }

  private static func ask(
    _ server: NameServer, _ question: Question, _ kind: SocketKind, inside process: BorrowedDescriptor?,
    until end: UInt64
  ) throws(Fault) -> [UInt8] {
    let query = Query(question, identifier: 0)
    let asker = kind == .stream ? Asker.stream(0) : .datagram(server.socketAddress)
    var forward = Forward(query, asker, [server], now: monotonicNanoseconds())
    defer { forward.close() }
    try forward.ask(now: monotonicNanoseconds()) { (domain, kind) throws(Fault) in
      try makeSocket(domain, kind, in: process)
    }
    var buffer = [UInt8](repeating: 0, count: 65_537)
    while let descriptor = forward.descriptor {
      let now = monotonicNanoseconds()
      guard now < end else { break }
      let events = try poll(
        descriptor, forward.wantsToWrite ? [.readable, .writable] : .readable,
        milliseconds: Int((end - now + 999_999) / 1_000_000))
      if events.isEmpty { break }
      if forward.wantsToWrite { try forward.flush() }
      if let answer = try forward.answer(&buffer) { return answer }
    }
    throw Fault("recvfrom", .timedOut, arguments: "\(server)")
  }
}
