package import Kernel

/// When a supervisor has its container's health checked, and by whom.
package struct HealthSchedule: Sendable {
  /// Nanoseconds to the first check.
  package var first: Int64
  /// Between checks, and in the start period.
  package var interval: Int64
  package var startInterval: Int64
  /// The command line of this program that makes one check and writes down what it shows, in a process of its own: it exits
  /// with `isStarting` while the next is to come after `startInterval`.
  package var probe: [Path]

  package static let isStarting: Int32 = 11

  package init(first: Int64, interval: Int64, startInterval: Int64, probe: [Path]) {
    self.first = first
    self.interval = interval
    self.startInterval = startInterval
    self.probe = probe
  }
}

/// A supervisor's part in health checks: a timer, and the one process that checks at a time. The pause begins when a check has
/// ended, so that slow ones never pile up.
struct HealthWatch: ~Copyable {
  private let schedule: HealthSchedule
  private let timer: Timer
  private var probe: Descriptor?

  private enum Token {
    static let timer: UInt64 = 24
    static let probe: UInt64 = 25
  }

  static func owns(_ token: UInt64) -> Bool { (Token.timer...Token.probe).contains(token) }

  init(_ schedule: HealthSchedule, poller: borrowing Poller) throws(Fault) {
    let timer = try Timer()
    try poller.add(timer.borrowed, .readable, token: Token.timer)
    try timer.set(nanoseconds: UInt64(max(1, schedule.first)))
    self.timer = timer
    self.schedule = schedule
  }

  /// A check that goes on would be forgotten by a renewal.
  var isBusy: Bool { probe != nil }

  private func wait(_ nanoseconds: Int64) throws(Fault) { try timer.set(nanoseconds: UInt64(max(1, nanoseconds))) }

  mutating func serve(_ report: PollReport, poller: borrowing Poller) {
    if report.token == Token.timer {
      _ = try? timer.take()
      check(poller)
    } else {
      reap(poller)
    }
  }

  private mutating func check(_ poller: borrowing Poller) {
    guard probe == nil else { return }
    do throws(Fault) {
      let pidfd = try openProcess(try startThisProgram(arguments: schedule.probe))
      try poller.add(pidfd.borrowed, .readable, token: Token.probe)
      probe = consume pidfd
    } catch { try? wait(schedule.interval) }
  }

  private mutating func reap(_ poller: borrowing Poller) {
    guard let pidfd = probe.view, let ended = try? Kernel.wait(for: .pidfd(pidfd), block: false) else { return }
    try? poller.remove(pidfd)
    probe = nil
    try? wait(ended.status == .exited(HealthSchedule.isStarting) ? schedule.startInterval : schedule.interval)
  }

  /// The container has ended: what is still being checked is of no interest.
  mutating func end() {
    guard let pidfd = probe.view else { return }
    try? sendSignal(Signal.kill, to: pidfd)
    _ = try? Kernel.wait(for: .pidfd(pidfd))
    probe = nil
  }
}
