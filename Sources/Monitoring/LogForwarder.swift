internal import Kernel

/// Sends lines to a receiver and never waits for it. What it does not take at once is kept back, up to a limit; what comes on
/// top of that is counted, and told as soon as there is room again.
struct LogForwarder: ~Copyable {
  /// The supervisor stays small: what is kept back of a receiver that is behind.
  private static let limit = 64 << 10
  /// A receiver over TCP that has gone is looked for once a second, when there is something to say.
  private static let patience: UInt64 = 1_000_000_000

  private let receiver: LogReceiver
  private var socket: Descriptor?
  private var pending: [[UInt8]] = []
  private var pendingBytes = 0
  /// How much of the first one a stream has taken.
  private var taken = 0
  private var lastAttempt: UInt64 = 0
  private(set) var lost: LogLoss?

  init(_ receiver: LogReceiver, mustReach: Bool) throws(Fault) {
    do throws(Fault) {
      let opened = try receiver.connect()
      if mustReach && receiver.isStream { try Self.awaitConnection(opened.borrowed) }
      socket = consume opened
    } catch {
      if mustReach {
        var fault = error
        fault.hint = receiver.hint
        throw fault
      }
    }
    self.receiver = receiver
  }

  /// The container starts only with a log: a connection that nobody accepts is seen now.
  private static func awaitConnection(_ socket: BorrowedDescriptor) throws(Fault) {
    if try poll(socket, .writable, milliseconds: 5000).isEmpty { throw Fault("connect", .timedOut) }
    if let errno = try socket.takeSocketError() { throw Fault("connect", errno) }
  }

  var waiting: BorrowedDescriptor? { pending.isEmpty ? nil : socket.view }

  mutating func send(_ part: ArraySlice<UInt8>, _ stream: LogStream, _ time: LogTime) {
    if let lost, pendingBytes == 0 {
      // There is room again, perhaps.
      let text = receiver.message(Array(lost.text.utf8)[...], .errors, time)
      if let fault = trySend(text) {
        if fault != .again { count(part, fault) } else { count(part, lost.reason) }
        return
      }
      self.lost = nil
    }
    let message = receiver.message(part, stream, time)
    if pending.isEmpty {
      guard let errno = trySend(message) else { return }
      // Nobody there: the next line looks again.
      if errno != .again { return count(part, errno) }
    }
    if pendingBytes + message.count > Self.limit { return count(part, .again) }
    pending.append(message)
    pendingBytes += message.count
  }

  private mutating func count(_ part: ArraySlice<UInt8>, _ reason: Errno) {
    var all = lost ?? LogLoss(reason: reason)
    all.add(lines: 1, bytes: part.count, reason)
    lost = all
  }

  /// The receiver takes something again.
  mutating func sendWaiting() {
    while let message = pending.first {
      if let errno = trySend(message) {
        if errno == .again { return }
        // It has gone with what it had been told.
        for message in pending { count(message[...], errno) }
        (pending, pendingBytes, taken) = ([], 0, 0)
        return
      }
      pending.removeFirst()
      pendingBytes -= message.count
    }
    pending = []
  }

  /// The container is over: what is kept back has a second.
  mutating func finish() {
    for _ in 0..<10 where !pending.isEmpty {
      guard let socket = socket.view else { return }
      _ = try? poll(socket, .writable, milliseconds: 100)
      sendWaiting()
    }
  }

  /// Nil when the receiver has all of it; `taken` is how much of it a stream got else.
  private mutating func trySend(_ message: [UInt8]) -> Errno? {
    var errno = Errno.brokenPipe
    // A socket that broke is made anew once, at once; a datagram that nobody got is answered to the one after it.
    for _ in 0..<2 {
      if socket == nil { reconnect() }
      guard let target = socket.view else { return errno }
      do throws(Fault) {
        while taken < message.count {
          taken += try target.send(taken == 0 ? message : Array(message[taken...]), .doNotWait)
        }
        taken = 0
        return nil
      } catch {
        errno = error.errno
        // ENOBUFS: the queue of a link is full, which passes as EAGAIN does.
        if errno == .again || errno == .noBufferSpace { return .again }
        // A datagram that is too long for it will not get shorter.
        if errno == .messageTooLong { return errno }
        socket = nil
        taken = 0
      }
    }
    return errno
  }

  private mutating func reconnect() {
    let present = monotonicNanoseconds()
    if receiver.isStream, present - lastAttempt < Self.patience { return }
    lastAttempt = present
    if let made = try? receiver.connect() { socket = consume made }
  }

  // MARK: - Renewal

  borrowing func write(to message: inout RenewalMessage) {
    message.put(lost)
    message.put(Int32(pending.count))
    for (index, waiting) in pending.enumerated() {
      // What is left of a message that was cut off cannot go on over another connection.
      message.put(index == 0 && taken > 0 ? [] : waiting)
    }
  }

  mutating func readOn(from message: inout RenewalMessage) throws(Fault) {
    lost = try message.loss()
    for _ in 0..<(try message.number()) {
      let waiting = try message.data()
      if waiting.isEmpty { continue }
      pending.append(waiting)
      pendingBytes += waiting.count
    }
    sendWaiting()
  }
}
