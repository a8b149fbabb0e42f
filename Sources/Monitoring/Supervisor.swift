package import Kernel
package import Resolving

/// What a supervisor watches over.
package struct Supervised: ~Copyable {
  package var process: ProcessIdentifier
  package var pidfd: Descriptor
  /// The pseudo terminal's master, or the reading ends of the pipes, and the writing end of standard input.
  package var terminal: Descriptor?
  package var output: Descriptor?
  package var errors: Descriptor?
  package var input: Descriptor?
  /// Where `attach` and `wait` connect.
  package var listener: Descriptor
  package var log: LogWriter?

  package init(
    process: ProcessIdentifier, pidfd: consuming Descriptor, terminal: consuming Descriptor?,
    output: consuming Descriptor?, errors: consuming Descriptor?, input: consuming Descriptor?,
    listener: consuming Descriptor, log: consuming LogWriter?
  ) {
    self.process = process
    self.pidfd = pidfd
    self.terminal = terminal
    self.output = output
    self.errors = errors
    self.input = input
    self.listener = listener
    self.log = log
  }
}

/// One container's supervisor: it moves the container's streams to the log and to whoever is attached, and waits for its
/// end. It sleeps in epoll_wait; nothing here polls.
package struct Supervisor: ~Copyable {
  var container: Supervised
  var poller: Poller
  var clients: [Client]
  /// Bytes for the container's standard input that it has not taken yet.
  var pendingInput: [UInt8] = []
  var inputIsAtEnd = false
  /// A client is so far behind that output waits for it, as it would for a slow terminal.
  private var outputIsPaused = false
  /// The log's receiver is behind: its socket is in the poller.
  private var logIsAwaited: BorrowedDescriptor?
  /// For what the container writes; empty while it writes nothing.
  var buffer: [UInt8] = []
  private let signals: SignalDescriptor
  /// Its share in watching over bridges and firewall rules.
  private var post: WatchPost?
  private var health: HealthWatch?
  private var companion: CompanionWatch?
  /// What answers the container's questions for names.
  var names: Responder?
  /// When its time is over.
  private var deadline: Deadline?

  /// How far a client may be behind before the container's output waits.
  let clientLimit = 1 << 20

  enum Token {
    static let exit: UInt64 = 1
    static let signal: UInt64 = 2
    static let output: UInt64 = 3
    static let errors: UInt64 = 4
    static let terminal: UInt64 = 5
    static let listener: UInt64 = 6
    static let input: UInt64 = 7
    static let names: UInt64 = 8
    static let deadline: UInt64 = 9
    static let log: UInt64 = 10
    static let firstClient: UInt64 = 1 << 32
  }

  /// - Parameter client: the command that started the container, already connected, which gets its output.
  package static func watching(
    _ container: consuming Supervised, client: consuming Descriptor?
  ) throws(Fault) -> Supervisor {
    guard let client else { return try watching(container, clients: []) }
    return try watching(container, clients: [Client(taking: client, wantsOutput: true)])
  }

  static func watching(_ container: consuming Supervised, clients: [Client]) throws(Fault) -> Supervisor {
    let poller = try Poller()
    // A supervisor leaves only with its container; what asks it to stop is passed on to that.
    let passedOn = SignalSet(Signal.terminate, Signal.interrupt, Signal.hangUp, Signal.quit)
    try setSignalMask(.block, passedOn)
    try ignoreSignal(Signal.pipe)
    let signals = try SignalDescriptor(passedOn)
    try poller.add(container.pidfd.borrowed, .readable, token: Token.exit)
    try poller.add(signals.borrowed, .readable, token: Token.signal)
    try poller.add(container.listener.borrowed, .readable, token: Token.listener)
    for (descriptor, token) in [
      (container.terminal.view, Token.terminal), (container.output.view, Token.output),
      (container.errors.view, Token.errors),
    ] {
      guard let descriptor else { continue }
      try descriptor.setNonblocking(true)
      try poller.add(descriptor, .readable, token: token)
    }
    try container.input.view?.setNonblocking(true)
    for client in clients { try poller.add(client.descriptor, [.readable], token: token(of: client)) }
    return Supervisor(container, clients: clients, poller: poller, signals: signals)
  }

  private init(
    _ container: consuming Supervised, clients: [Client], poller: consuming Poller, signals: consuming SignalDescriptor
  ) {
    self.container = container
    self.clients = clients
    self.poller = poller
    self.signals = signals
  }

  /// From now on it also answers the container's questions for names.
  package mutating func answerNames(at sockets: consuming NameSockets, from source: NameSource) throws(Fault) {
    let responder = try Responder.answering(sockets, source, process: container.pidfd.borrowed)
    try poller.add(responder.borrowed, .readable, token: Token.names)
    names = consume responder
  }

  /// It is killed after so many nanoseconds.
  ///
  /// - Parameter announce: says so before.
  package mutating func killAfter(nanoseconds: UInt64, announce: @escaping () -> Void) throws(Fault) {
    let deadline = try Deadline(after: nanoseconds, announce: announce)
    try poller.add(deadline.timer.borrowed, .readable, token: Token.deadline)
    self.deadline = consume deadline
  }

  /// A question that waits for somebody else's answer would be lost by a renewal.
  private var isAsked: Bool {
    switch names {
    case .some(let responder): responder.isBusy
    case .none: false
    }
  }

  private var isChecking: Bool {
    switch health {
    case .some(let health): health.isBusy
    case .none: false
    }
  }

  static func token(of client: Client) -> UInt64 { Token.firstClient + UInt64(client.number) }

  /// Until the container's first process has ended and all that it said has been passed on.
  ///
  /// - Parameter renewal: how this process becomes a smaller one, once it has had nothing to do for a second.
  /// - Parameter watch: what to watch over beside the container.
  /// - Parameter schedule: of its health checks.
  /// - Parameter wanted: what is to run as long as the container does.
  package mutating func run(
    renewal: Renewal? = nil, watch: SharedWatch? = nil, health schedule: HealthSchedule? = nil,
    companion wanted: Companion? = nil
  ) throws(Fault) -> ExitStatus {
    var renewal = renewal
    if let wanted { companion = try CompanionWatch(wanted, poller: poller) }
    if let schedule { health = try HealthWatch(schedule, poller: poller) }
    // Before the renewal it would be given up again at once.
    if let watch { post = try? WatchPost(watch, after: renewal == nil ? 0 : 3_000_000_000, poller: poller) }
    var quietSince = monotonicNanoseconds()
    while true {
      let reports = try poller.wait(milliseconds: 1000)
      if let wanted = renewal {
        // Checks of its health, every second or oftener, are nothing that a container does.
        let now = monotonicNanoseconds()
        if reports.contains(where: { !HealthWatch.owns($0.token) }) { quietSince = now }
        if now - quietSince >= 1_000_000_000, !isAsked, !isChecking {
          renewal = nil
          renew(wanted)
        }
      }
      if reports.isEmpty {
        names?.rest()
        buffer = []
        _ = try pollAtRest([(poller.borrowed, .readable)], after: 0)
        continue
      }
      for report in reports {
        switch report.token {
        case Token.exit:
          guard let ended = try wait(for: .pidfd(container.pidfd.borrowed), block: false) else { continue }
          health?.end()
          drain()
          return ended.status
        case Token.signal:
          while let signal = try signals.next() { try? sendSignal(signal.signal, to: container.pidfd.borrowed) }
        case Token.output: copyOutput(from: Token.output)
        case Token.errors: copyOutput(from: Token.errors)
        case Token.terminal:
          if report.events.contains(.readable) || report.events.contains(.hungUp) { copyOutput(from: Token.terminal) }
          if report.events.contains(.writable) { feedInput() }
        case Token.input: feedInput()
        case Token.listener: acceptClient()
        case Token.names: names?.serve()
        case Token.deadline: deadline?.pass(container.pidfd.borrowed)
        case Token.log: container.log?.sendWaiting()
        case let token where WatchPost.owns(token): post?.serve(report, poller: poller)
        case let token where HealthWatch.owns(token): health?.serve(report, poller: poller)
        case let token where CompanionWatch.owns(token): companion?.serve(report, poller: poller)
        default: serve(report)
        }
      }
      settle()
    }
  }

  /// Tells everyone who is connected how it ended; the sockets take what they take within a second.
  package mutating func report(_ frame: Frame) {
    for index in clients.indices {
      clients[index].send(frame)
      var attempts = 0
      while !clients[index].pending.isEmpty && !clients[index].isGone && attempts < 10 {
        _ = try? poll(clients[index].descriptor, .writable, milliseconds: 100)
        clients[index].flush()
        attempts += 1
      }
    }
  }

  /// Hears when the log's receiver takes something again, while something waits for that.
  private mutating func awaitLog() {
    let waiting: BorrowedDescriptor? =
      switch container.log {
      case .some(let log): log.waiting
      case .none: nil
      }
    if let before = logIsAwaited, before != waiting { try? poller.remove(before) }
    logIsAwaited = waiting
    // A socket that was closed has left the poller by itself, and the next one may have its number.
    if let waiting, (try? poller.modify(waiting, .writable, token: Token.log)) == nil {
      try? poller.add(waiting, .writable, token: Token.log)
    }
  }

  /// Ends the log, so that its last line is whole.
  package mutating func closeLog() { container.log?.finish() }

  // MARK: - Interest

  /// After each round: who has left, what is waited for.
  mutating func settle() {
    awaitLog()
    for client in clients where client.isGone {
      try? poller.remove(client.descriptor)
      client.close()
    }
    clients.removeAll { $0.isGone }
    let inputIsFull = pendingInput.count > clientLimit
    for client in clients {
      var events: PollEvents = inputIsFull ? [] : [.readable]
      if !client.pending.isEmpty { events.insert(.writable) }
      try? poller.modify(client.descriptor, events, token: Self.token(of: client))
    }
    let paused = clients.contains { $0.pending.count > clientLimit }
    let inputWaits = !pendingInput.isEmpty
    if let terminal = container.terminal.view {
      var events: PollEvents = paused ? [] : [.readable]
      if inputWaits { events.insert(.writable) }
      try? poller.modify(terminal, events, token: Token.terminal)
    } else if let input = container.input.view {
      if inputWaits {
        if (try? poller.modify(input, .writable, token: Token.input)) == nil {
          try? poller.add(input, .writable, token: Token.input)
        }
      } else {
        try? poller.remove(input)
      }
    }
    if paused != outputIsPaused {
      outputIsPaused = paused
      for token in [Token.output, Token.errors] {
        guard let source = source(of: token) else { continue }
        try? poller.modify(source, paused ? [] : .readable, token: token)
      }
    }
  }
}
