package import Kernel

// An ordinary user's published ports on networks of the user's own. Those are in a network namespace of the user's, and nothing
// of the host leads there: the supervisor listens on the host before it goes there, and this program, which has its sockets and
// is in that namespace, takes the calls and passes them on.
//
//   caller ── host's port ── socket of the host's namespace ── this process ── socket of the user's ── bridge ── container
//
// It sleeps while nothing comes by, and what it holds for one connection is two pipes. The container sees the bridge's address
// for its caller's.

/// One published port: a socket that listens, in whichever namespace, and where its callers are to be led.
package struct RelayedPort: Sendable {
  package var listener: Int32
  package var isDatagram: Bool
  /// Asked for each caller, for a container may be led to by another network meanwhile; nil for nowhere.
  package var target: @Sendable () -> SocketAddress?
  package init(listener: Int32, isDatagram: Bool, target: @escaping @Sendable () -> SocketAddress?) {
    self.listener = listener
    self.isDatagram = isDatagram
    self.target = target
  }
}

package struct PortRelay: ~Copyable {
  private let ports: [RelayedPort]
  private let mostStreams: Int
  private var poller: Poller
  private let timer: Timer
  private var streams: [UInt64: RelayStream] = [:]
  private var nextStream: UInt64 = 0
  /// With more to do at once than one turn allows.
  private var busy: Set<UInt64> = []
  private var datagrams: RelayDatagrams
  private var isAccepting = true
  private var isTiming = false

  private enum Kind: UInt64 { case port, stream, session, timer }
  private static func token(_ kind: Kind, _ number: UInt64 = 0) -> UInt64 { kind.rawValue << 56 | number }

  /// - Parameter mostStreams: how many connections there are at once; who calls then waits in the kernel's queue.
  package init(_ ports: [RelayedPort], mostStreams: Int = 512) throws(Fault) {
    let poller = try Poller(capacity: 64)
    let timer = try Timer()
    try poller.add(timer.borrowed, .readable, token: Self.token(.timer))
    for (index, port) in ports.enumerated() {
      let listener = BorrowedDescriptor(rawValue: port.listener)
      try listener.setNonblocking(true)
      try poller.add(listener, .readable, token: Self.token(.port, UInt64(index)))
    }
    self.ports = ports
    self.mostStreams = mostStreams
    self.poller = poller
    self.timer = timer
    datagrams = RelayDatagrams()
  }

  /// Until something is wrong with what it waits by.
  package mutating func run() throws(Fault) -> Never { while true { try turn() } }

  /// Waits for something to do, and does it.
  package mutating func turn(milliseconds: Int32? = nil) throws(Fault) {
    let waiting = busy
    for report in try poller.wait(milliseconds: waiting.isEmpty ? milliseconds : 0) {
      let number = report.token & (1 << 56 - 1)
      switch Kind(rawValue: report.token >> 56) {
      case .port: take(Int(number))
      case .stream: move(number)
      case .session: datagrams.answer(number)
      case .timer: tick()
      case nil: break
      }
    }
    for number in waiting { move(number) }
  }

  package var streamCount: Int { streams.count }

  private mutating func take(_ index: Int) {
    guard ports[index].isDatagram else { return accept(ports[index]) }
    datagrams.take(from: ports[index].listener, target: ports[index].target) { (socket, number) throws(Fault) in
      try poller.add(socket, .readable, token: Self.token(.session, number))
    }
    arm()
  }

  // MARK: - Connections

  private mutating func accept(_ port: RelayedPort) {
    while isAccepting {
      let client: Descriptor
      do throws(Fault) {
        client = try BorrowedDescriptor(rawValue: port.listener).accept(nonBlocking: true)
      } catch {
        switch error.errno {
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace: pauseAccepting()
        // Gone before it was taken: the next one.
        case .connectionAborted: continue
        default: break
        }
        return
      }
      do throws(Fault) { try connect(client, port.target()) } catch {
        if error.errno == .tooManyOpenFiles || error.errno == .tooManyOpenFilesInSystem { pauseAccepting() }
      }
      if streams.count >= mostStreams { pauseAccepting() }
    }
  }

  private mutating func connect(_ client: consuming Descriptor, _ target: SocketAddress?) throws(Fault) {
    // A caller who is led nowhere hears so.
    try client.borrowed.resetOnClose()
    guard let target else { throw Fault("connect", .hostUnreachable) }
    let upstream = try makeSocket(target.isIPv6 ? .ipv6 : .ipv4, .stream, nonBlocking: true)
    do throws(Fault) { try upstream.borrowed.connect(target) } catch {
      if error.errno != .inProgress { throw error }
    }
    let stream = try RelayStream(client: client, upstream: upstream)
    nextStream += 1
    streams[nextStream] = stream
    do throws(Fault) {
      for socket in [stream.client, stream.upstream].map({ BorrowedDescriptor(rawValue: $0) }) {
        try socket.setSocketOption(level: 6, 1, to: 1)  // TCP_NODELAY
        try poller.add(
          socket, [.readable, .writable, .peerClosed, .edgeTriggered], token: Self.token(.stream, nextStream))
      }
    } catch {
      end(nextStream, isReset: true)
      throw error
    }
  }

  private mutating func move(_ number: UInt64) {
    guard streams[number] != nil else {
      busy.remove(number)
      return
    }
    do throws(Fault) {
      if try streams[number]?.move() == true { busy.insert(number) } else { busy.remove(number) }
      if streams[number]?.isDone == true { end(number, isReset: false) }
    } catch { end(number, isReset: true) }
  }

  private mutating func end(_ number: UInt64, isReset: Bool) {
    busy.remove(number)
    streams.removeValue(forKey: number)?.close(isReset: isReset)
    resumeAccepting()
  }

  private mutating func pauseAccepting() {
    guard isAccepting else { return }
    isAccepting = false
    for port in ports where !port.isDatagram { try? poller.remove(BorrowedDescriptor(rawValue: port.listener)) }
    arm()
  }

  private mutating func resumeAccepting() {
    guard !isAccepting, streams.count < mostStreams else { return }
    isAccepting = true
    for (index, port) in ports.enumerated() where !port.isDatagram {
      try? poller.add(
        BorrowedDescriptor(rawValue: port.listener), .readable, token: Self.token(.port, UInt64(index)))
    }
  }

  // MARK: - Time

  /// Only while there is something to forget, or to try again.
  private mutating func arm() {
    guard !isTiming, !datagrams.isEmpty || !isAccepting else { return }
    isTiming = (try? timer.set(nanoseconds: isAccepting ? 15_000_000_000 : 1_000_000_000)) != nil
  }

  private mutating func tick() {
    _ = try? timer.take()
    isTiming = false
    datagrams.forget()
    resumeAccepting()
    arm()
  }
}
