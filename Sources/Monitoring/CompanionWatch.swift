package import Kernel

/// A process that a supervisor keeps running beside its container.
package struct Companion: Sendable {
  /// The one that was started last.
  package var running: ProcessIdentity?
  /// Starts it, a child of the caller's.
  package var start: @Sendable () throws(Fault) -> ProcessIdentity

  package init(running: ProcessIdentity?, start: @escaping @Sendable () throws(Fault) -> ProcessIdentity) {
    self.running = running
    self.start = start
  }
}

/// A supervisor's part in it: it hears of the process's end and starts it again, soon at first, and after a longer and longer
/// pause where it ends again and again.
struct CompanionWatch: ~Copyable {
  private let companion: Companion
  private let timer: Timer
  private var process: Descriptor?
  /// Lives that were short, one after the other.
  private var shortLives: UInt64 = 0
  private var started: UInt64

  private enum Token {
    static let timer: UInt64 = 28
    static let process: UInt64 = 29
  }

  static func owns(_ token: UInt64) -> Bool { (Token.timer...Token.process).contains(token) }

  private static let longLife: UInt64 = 10_000_000_000

  /// Milliseconds until it is started again: 100, 200, 400, up to ten seconds.
  static func pause(after shortLives: UInt64) -> UInt64 { min(10_000, 100 << min(shortLives, 7)) }

  init(_ companion: Companion, poller: borrowing Poller) throws(Fault) {
    let timer = try Timer()
    try poller.add(timer.borrowed, .readable, token: Token.timer)
    let pidfd = companion.running?.open()
    if let running = pidfd.view {
      try poller.add(running, .readable, token: Token.process)
    } else {
      // It ended while this process executed itself again, or it could not be started then.
      try timer.set(nanoseconds: 1)
    }
    self.companion = companion
    self.timer = timer
    process = consume pidfd
    started = monotonicNanoseconds()
  }

  mutating func serve(_ report: PollReport, poller: borrowing Poller) {
    if report.token == Token.timer {
      _ = try? timer.take()
      start(poller)
    } else {
      reap(poller)
    }
  }

  private mutating func start(_ poller: borrowing Poller) {
    guard process == nil else { return }
    started = monotonicNanoseconds()
    do throws(Fault) {
      let identity = try companion.start()
      let pidfd = try openProcess(identity.process)
      try poller.add(pidfd.borrowed, .readable, token: Token.process)
      process = consume pidfd
    } catch { startLater() }
  }

  private mutating func reap(_ poller: borrowing Poller) {
    guard let pidfd = process.view else { return }
    var isOver = true
    do throws(Fault) { isOver = try Kernel.wait(for: .pidfd(pidfd), block: false) != nil } catch {}
    guard isOver else { return }
    try? poller.remove(pidfd)
    process = nil
    startLater()
  }

  private mutating func startLater() {
    if monotonicNanoseconds() - started >= Self.longLife { shortLives = 0 }
    try? timer.set(nanoseconds: Self.pause(after: shortLives) * 1_000_000)
    shortLives += 1
  }
}
