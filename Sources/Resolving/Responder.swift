internal import DNS
package import Kernel

/// Answers what is asked at the sockets. It never waits: whoever owns it waits for `borrowed` and calls `serve`.
package struct Responder: ~Copyable {
  package let sockets: NameSockets
  private let source: NameSource
  /// The container, whose network those servers are asked from that are meant so.
  let process: BorrowedDescriptor?
  var poller: Poller
  private let timer: Timer
  private var armed: UInt64?
  var forwards: [UInt64: Forward] = [:]
  /// Those that wait until others are over, the oldest first.
  var waiting: [UInt64] = []
  var streams: [UInt64: Stream] = [:]
  private var turns = Turns()
  private var known = KnownDecisions()
  var lastToken = Token.first

  private enum Token {
    static let datagrams: UInt64 = 1
    static let listener: UInt64 = 2
    static let timer: UInt64 = 3
    static let first: UInt64 = 16
  }

  private static let streamLimit = 64
  /// Datagrams in a row before everything else has its turn again.
  private static let batch = 64

  /// - Parameters:
  ///   - sockets: they must not block.
  ///   - process: a pidfd.
  package static func answering(
    _ sockets: consuming NameSockets, _ source: NameSource, process: BorrowedDescriptor? = nil
  ) throws(Fault) -> Responder {
    let poller = try Poller()
    let timer = try Timer()
    try poller.add(sockets.datagrams.borrowed, .readable, token: Token.datagrams)
    try poller.add(sockets.listener.borrowed, .readable, token: Token.listener)
    try poller.add(timer.borrowed, .readable, token: Token.timer)
    return Responder(sockets, source, process, poller: poller, timer: timer)
  }

  private init(
    _ sockets: consuming NameSockets, _ source: NameSource, _ process: BorrowedDescriptor?,
    poller: consuming Poller, timer: consuming Timer
  ) {
    self.sockets = sockets
    self.source = source
    self.process = process
    self.poller = poller
    self.timer = timer
  }

  deinit {
    for (_, var forward) in forwards { forward.close() }
    for (_, stream) in streams { stream.close() }
  }

  /// Readable when there is something to do.
  package var borrowed: BorrowedDescriptor { poller.borrowed }

  /// Somebody still waits for an answer, or may ask on by TCP.
  package var isBusy: Bool { !forwards.isEmpty || !streams.isEmpty }

  /// Gives back what is only good for being quick, before a long sleep.
  package mutating func rest() { known.forget() }

  /// Does what can be done now.
  package mutating func serve() {
    guard let reports = try? poller.wait(milliseconds: 0) else { return }
    for report in reports {
      switch report.token {
      case Token.datagrams: takeDatagrams()
      case Token.listener: acceptStreams()
      case Token.timer:
        _ = try? timer.take()
        armed = nil
        lookAtTheTime()
      default:
        if forwards[report.token] != nil { hear(report.token) } else { serveStream(report) }
      }
    }
    askWaiting()
    setTimer()
    // What a burst made is given back.
    if !isBusy { (forwards, streams, waiting) = ([:], [:], []) }
  }

  // MARK: - Questions

  private mutating func takeDatagrams() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<Self.batch {
      guard
        let (count, sender) = try? sockets.datagrams.borrowed.receiveWithSender(into: &buffer, .doNotWait)
      else { return }
      take(Array(buffer[..<count]), from: .datagram(sender))
    }
  }

  private mutating func take(_ message: [UInt8], from asker: Asker) {
    switch Incoming(message) {
    case .ignored: return
    case .refused(let header, let code): send(Reply(to: header, code).bytes(limit: 512), to: asker)
    case .query(let query):
      if let options = query.options, options.version > 0 {
        return answer(query, Reply(to: query, .badVersion), to: asker)
      }
      let decision = known.decision(query.question, source)
      if case .forward(let servers) = decision { return forward(query, asker, servers) }
      let turn = if case .addresses(let all) = decision, all.count > 1 { turns.next(query.question) } else { 0 }
      if let reply = decision.reply(to: query, turn: turn) { answer(query, reply, to: asker) }
    }
  }

  mutating func answer(_ query: Query, _ reply: Reply, to asker: Asker) {
    send(reply.bytes(limit: asker.isStream ? nil : query.datagramLimit), to: asker)
  }

  mutating func send(_ message: [UInt8], to asker: Asker) {
    switch asker {
    case .datagram(let address):
      // One that cannot be sent is as good as lost, and is asked for again.
      _ = try? sockets.datagrams.borrowed.send(message, .doNotWait, to: address)
    case .stream(let token):
      // Nil when they have gone by now.
      streams[token]?.send(message)
    }
  }

  // MARK: - Those who ask by TCP

  private mutating func acceptStreams() {
    while let socket = try? sockets.listener.borrowed.accept(nonBlocking: true) {
      guard streams.count < Self.streamLimit else { continue }
      lastToken += 1
      let stream = Stream(socket, now: monotonicNanoseconds())
      streams[lastToken] = stream
      try? poller.add(stream.descriptor, .readable, token: lastToken)
    }
  }

  private mutating func serveStream(_ report: PollReport) {
    guard var stream = streams[report.token] else { return }
    var messages: [[UInt8]] = []
    if report.events.contains(.writable) { stream.flush() }
    if !report.events.isDisjoint(with: [.readable, .hungUp, .failed]) {
      var buffer = [UInt8](repeating: 0, count: 16_384)
      messages = stream.questions(&buffer, now: monotonicNanoseconds())
    }
    streams[report.token] = stream
    for message in messages { take(message, from: .stream(report.token)) }
    settle(report.token)
  }

  mutating func settle(_ token: UInt64) {
    guard let stream = streams[token] else { return }
    if stream.isOver {
      stream.close()
      streams[token] = nil
    } else {
      try? poller.modify(stream.descriptor, stream.interest, token: token)
    }
  }

  // MARK: - Time

  private mutating func lookAtTheTime() {
    let now = monotonicNanoseconds()
    for token in forwards.filter({ $0.value.deadline <= now }).keys {
      guard var forward = forwards[token] else { continue }
      if let index = waiting.firstIndex(of: token) {
        waiting.remove(at: index)
        fail(token, forward)
      } else {
        forward.note("did not answer within \(Forward.patience / 1_000_000_000) s")
        forwards[token] = forward
        askNext(token)
      }
    }
    for (token, stream) in streams where stream.deadline <= now && stream.open == 0 {
      stream.close()
      streams[token] = nil
    }
  }

  /// The next time at which something is late; none while nobody waits.
  private mutating func setTimer() {
    guard isBusy || armed != nil else { return }
    let times = forwards.values.map(\.deadline) + streams.values.filter { $0.open == 0 }.map(\.deadline)
    let next = times.min()
    guard next != armed else { return }
    armed = next
    let now = monotonicNanoseconds()
    try? timer.set(nanoseconds: next.map { $0 > now ? $0 - now : 1 } ?? 0)
  }
}
