internal import Kernel

/// Who sends datagrams to a published port has a socket towards the container, and what comes back there is for him. As with a
/// firewall that follows connections, it is forgotten when nothing has come by for a while.
struct RelayDatagrams: ~Copyable {
  struct Caller: Hashable {
    var listener: Int32
    var address: SocketAddress
  }
  private struct Session {
    var caller: Caller
    var socket: Int32
    var lastUse: UInt64
  }
  private var sessions: [UInt64: Session] = [:]
  private var known: [Caller: UInt64] = [:]
  private var next: UInt64 = 0
  /// As long as a datagram can be; empty until the first has come.
  private var buffer: [UInt8] = []

  /// More than these, and the one that was quiet the longest goes.
  static let most = 512
  static let patience: UInt64 = 90_000_000_000
  /// How many at once, so that nobody else waits for ever.
  private static let rounds = 64

  init() {}

  var isEmpty: Bool { sessions.isEmpty }

  deinit { for session in sessions.values { _ = Descriptor(owning: session.socket) } }

  /// What has come to a published port.
  ///
  /// - Parameters:
  ///   - target: where the port leads now; nil for nowhere.
  ///   - watch: called with a new session's socket and number.
  mutating func take(
    from listener: Int32, target: () -> SocketAddress?, watch: (BorrowedDescriptor, UInt64) throws(Fault) -> Void
  ) {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 65_536) }
    let source = BorrowedDescriptor(rawValue: listener)
    for _ in 0..<Self.rounds {
      guard let (count, sender) = try? source.receiveWithSender(into: &buffer, .doNotWait) else { return }
      let caller = Caller(listener: listener, address: sender)
      if known[caller] == nil {
        do throws(Fault) { try open(caller, target(), watch) } catch { continue }
      }
      guard let number = known[caller], let session = sessions[number] else { continue }
      sessions[number]?.lastUse = monotonicNanoseconds()
      // Lost where there is no room, or nobody listens, as datagrams are.
      _ = try? BorrowedDescriptor(rawValue: session.socket).send(Array(buffer[..<count]), .doNotWait)
    }
  }

  /// What has come from the container.
  mutating func answer(_ number: UInt64) {
    guard let session = sessions[number] else { return }
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: 65_536) }
    let (socket, listener) = (
      BorrowedDescriptor(rawValue: session.socket), BorrowedDescriptor(rawValue: session.caller.listener)
    )
    sessions[number]?.lastUse = monotonicNanoseconds()
    for _ in 0..<Self.rounds {
      do throws(Fault) {
        let count = try socket.receive(into: &buffer, .doNotWait)
        _ = try? listener.send(Array(buffer[..<count]), .doNotWait, to: session.caller.address)
      } catch {
        // Nobody listened there, which is told once; the next datagram may find somebody.
        if error.errno == .again { return }
      }
    }
  }

  /// Those that were quiet for long.
  mutating func forget() {
    let now = monotonicNanoseconds()
    for (number, session) in sessions where now - session.lastUse > Self.patience { close(number) }
  }

  private mutating func open(
    _ caller: Caller, _ target: SocketAddress?, _ watch: (BorrowedDescriptor, UInt64) throws(Fault) -> Void
  ) throws(Fault) {
    guard let target else { throw Fault("connect", .hostUnreachable) }
    if sessions.count >= Self.most, let oldest = sessions.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      close(oldest.key)
    }
    let socket = try makeSocket(target.isIPv6 ? .ipv6 : .ipv4, .datagram, nonBlocking: true)
    try socket.borrowed.connect(target)
    next += 1
    try watch(socket.borrowed, next)
    sessions[next] = Session(caller: caller, socket: socket.release(), lastUse: monotonicNanoseconds())
    known[caller] = next
  }

  private mutating func close(_ number: UInt64) {
    guard let session = sessions.removeValue(forKey: number) else { return }
    known[session.caller] = nil
    _ = Descriptor(owning: session.socket)
  }
}
