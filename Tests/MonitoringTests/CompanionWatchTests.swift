import Kernel
import Synchronization
import Testing

@testable import Monitoring

/// A process that is started again whenever it has ended.
@Suite struct CompanionWatchTests {
  /// Programs that end at once, or not.
  private static func start(_ word: Path) throws(Fault) -> ProcessIdentity {
    let program = try open("/bin/sleep", .path)
    let process = try spawn(
      program.borrowed, arguments: ["sleep", word], environment: [], streams: [], resetsSignals: true)
    return try ProcessIdentity(of: process)
  }

  private static func serve(_ watch: inout CompanionWatch, _ poller: inout Poller, until isOver: () -> Bool) throws {
    let end = monotonicNanoseconds() + 10_000_000_000
    while !isOver(), monotonicNanoseconds() < end {
      for report in try poller.wait(milliseconds: 100) where CompanionWatch.owns(report.token) {
        watch.serve(report, poller: poller)
      }
    }
  }

  @Test func theLongerItFailsTheLongerThePause() {
    let pauses = (0...9).map { CompanionWatch.pause(after: UInt64($0)) }
    #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000])
  }

  @Test func whatEndsIsStartedAgain() throws {
    let started = Mutex<[ProcessIdentity]>([])
    let companion = Companion(running: nil) { () throws(Fault) in
      let identity = try Self.start(started.withLock { $0.count } < 2 ? "0" : "100")
      started.withLock { $0.append(identity) }
      return identity
    }
    var poller = try Poller()
    var watch = try CompanionWatch(companion, poller: poller)
    let begin = monotonicNanoseconds()
    try Self.serve(&watch, &poller) { started.withLock { $0.count } == 3 }
    // After the first 100 ms, and after the second 200.
    #expect(monotonicNanoseconds() - begin >= 300_000_000)
    let last = try #require(started.withLock { $0.last })
    #expect(started.withLock { $0.count } == 3 && last.isRunning)
    // Killed by somebody.
    try sendSignal(Signal.kill, toProcess: last.process)
    try Self.serve(&watch, &poller) { started.withLock { $0.count } == 4 }
    let next = try #require(started.withLock { $0.last })
    #expect(next.isRunning && next != last && !last.isAlive)
    // Another one that takes over watches the same process, and not one more.
    var other = try CompanionWatch(Companion(running: next, start: companion.start), poller: Poller())
    try Self.serve(&other, &poller) { true }
    #expect(started.withLock { $0.count } == 4)
    try sendSignal(Signal.kill, toProcess: next.process)
    _ = try wait(for: .process(next.process))
  }
}
