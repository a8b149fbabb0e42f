import Foundation
import Kernel
import Testing

/// Eight people do all that can be done with containers, at random and at once, and some of their commands and supervisors are
/// killed. Then nothing may be left that belongs to nobody, nothing lost that belongs to somebody, and every container that is
/// still there must answer. SKIFF_SOAK is for how many seconds; `make soak` takes five minutes.
@Suite(.serialized, .enabled(if: Sandbox.obstacle == nil, "\(Sandbox.obstacle ?? "")"))
struct SoakTests {
  private static let seconds = environment("SKIFF_SOAK").flatMap { Double($0) } ?? 20

  @Test func manyHands() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let crew = Crew(sandbox, seed: UInt64.random(in: 0 ... .max), until: Date(timeIntervalSinceNow: Self.seconds))
    crew.work(hands: 8)
    let said = "seed \(crew.seed)"
    #expect(crew.faults == [], "\(said)")
    #expect(crew.calls > 100, "\(said)")
    // Whoever is killed in the middle is healed after by the next command.
    sandbox.settleCalls()
    let listed = try sandbox.skiff(["ps", "-aq", "--no-trunc"])
    let there = Set(listed.output.split(separator: "\n").map(String.init))
    #expect(listed.code == 0 && crew.kept.subtracting(there) == [], "lost, \(said)")
    for identifier in there { try answers(identifier, sandbox, said) }
    let identifiers = sandbox.identifiers()
    for identifier in there {
      let removed = try sandbox.skiff(["rm", "-f", identifier])
      #expect(removed.code == 0, "\(removed), \(said)")
    }
    #expect(sandbox.leaks(of: identifiers.union(there)) == [], "\(said)")
  }

  /// It runs and can be entered, or it can be started.
  private func answers(_ identifier: String, _ sandbox: Sandbox, _ said: String) throws {
    let state = try sandbox.skiff(["inspect", "-f", "{{.State.Status}}", identifier])
    #expect(state.code == 0, "\(state), \(said)")
    switch state.output {
    case "paused\n":
      #expect(try sandbox.skiff(["unpause", identifier]).code == 0, "\(said)")
      try isEntered(identifier, sandbox, said)
    case "running\n": try isEntered(identifier, sandbox, said)
    case "restarting\n": break
    default:
      let started = try sandbox.skiff(["start", identifier])
      #expect(started.code == 0, "\(started), \(said)")
    }
  }
}

extension SoakTests {
  /// One that has soon done its work, or crashes in a loop, may end meanwhile.
  private func isEntered(_ identifier: String, _ sandbox: Sandbox, _ said: String) throws {
    let entered = try sandbox.skiff(["exec", identifier, "true"])
    if entered.code == 0 || entered.code == 137 || entered.errors.contains("not running") { return }
    let state = try sandbox.skiff(["inspect", "-f", "{{.State.Status}}", identifier]).output
    #expect(state != "running\n", "\(entered), \(said)")
  }
}

extension Sandbox {
  /// Waits until no command works on this state any more: those of who was killed go on for a moment.
  fileprivate func settleCalls() {
    for _ in 0..<200 {
      let calls = ((try? entries(of: "/proc")) ?? []).filter { entry in
        guard let words = try? readText(Path("/proc/\(entry.name)/environ"), limit: 65_536) else { return false }
        return words.contains("SKIFF_ROOT=\(state)\0") && ProcessIdentifier(entry.name.string) != nil
      }
      if calls.isEmpty { return }
      usleep(50_000)
    }
  }
}

/// Those who work, and what they know together.
private final class Crew: @unchecked Sendable {
  let sandbox: Sandbox
  let seed: UInt64
  private let end: Date
  private let lock = NSLock()
  /// Containers that were made and that nobody has begun to remove.
  private(set) var kept: Set<String> = []
  private var known: [String] = []
  private(set) var faults: [String] = []
  private(set) var calls = 0

  init(_ sandbox: Sandbox, seed: UInt64, until end: Date) {
    (self.sandbox, self.seed, self.end) = (sandbox, seed, end)
  }

  func work(hands: Int) {
    let done = DispatchSemaphore(value: 0)
    for hand in 0..<hands {
      Thread {
        var generator = SeededGenerator(seed: self.seed &+ UInt64(hand))
        while Date() < self.end { self.act(&generator) }
        done.signal()
      }.start()
    }
    for _ in 0..<hands { done.wait() }
  }

  private func act(_ generator: inout SeededGenerator) {
    let one = lock.withLock { known.randomElement(using: &generator) }
    let number = Int.random(in: 0..<20, using: &generator)
    guard let one, number > 3 || lock.withLock({ known.count }) > 16 else {
      return make(&generator, starts: number % 2 == 0)
    }
    switch number {
    case 4, 5: call(["start", one], &generator)
    case 6: call(["stop", "-t", "1", one], &generator)
    case 7: call(["restart", "-t", "1", one], &generator)
    case 8: call(["kill", one], &generator)
    case 9: call(["pause", one], &generator)
    case 10, 11: call(["unpause", one], &generator)
    case 12: call(["update", "--pids-limit", "\(Int.random(in: 20...90, using: &generator))", one], &generator)
    case 13: call(["rename", one, "n\(UInt32.random(in: 0 ... .max, using: &generator))"], &generator)
    case 14: call(["exec", one, "true"], &generator)
    case 15: call(["ps", "-a"], &generator)
    case 16: call(["inspect", one], &generator)
    case 17: killSupervisor(&generator)
    case 18: call(["logs", one], &generator)
    default:
      lock.withLock {
        kept.remove(one)
        known.removeAll { $0 == one }
      }
      call(["rm", "-f", one], &generator)
    }
  }

  private func make(_ generator: inout SeededGenerator, starts: Bool) {
    let scripts = ["sleep 1000", "exit 1", "trap 'exit 0' TERM; while :; do sleep 0.1; done", "echo said; sleep 0.5"]
    var words = [starts ? "run" : "create"] + (starts ? ["-d"] : [])
    words += Bool.random(using: &generator) ? ["--network", "none"] : ["-p", "127.0.0.1::80"]
    if Int.random(in: 0..<3, using: &generator) == 0 { words += ["--restart", "always"] }
    words += ["-m", "64m", "--rootfs", sandbox.rootfs, "sh", "-c", scripts.randomElement(using: &generator) ?? ""]
    guard let made = call(words, &generator), made.code == 0 else { return }
    let identifier = String(made.output.prefix { $0 != "\n" })
    guard identifier.utf8.count == 64 else { return note("no identifier: \(made)") }
    lock.withLock {
      known.append(identifier)
      kept.insert(identifier)
    }
  }

  private func killSupervisor(_ generator: inout SeededGenerator) {
    guard let one = sandbox.supervisors().randomElement(using: &generator) else { return }
    kill(one, SIGKILL)
  }

  /// One in ten is killed within 50 ms, and then its answer says nothing.
  @discardableResult
  private func call(_ words: [String], _ generator: inout SeededGenerator) -> Sandbox.Result? {
    let isKilled = Int.random(in: 0..<10, using: &generator) == 0
    let pause = UInt32.random(in: 0..<50_000, using: &generator)
    do {
      let limited = ["-s", "KILL", "60", Sandbox.skiff] + words
      let call = try isKilled ? sandbox.start(words) : sandbox.start(limited, program: "/usr/bin/timeout")
      if isKilled {
        usleep(pause)
        kill(call.identifier, SIGKILL)
      }
      let result = call.finish()
      lock.withLock { calls += 1 }
      if isKilled { return nil }
      // A command in a container ends with that.
      if words[0] == "exec" && result.code == 137 { return result }
      // What makes no sense for the state that a container is in is an error with a word; anything else is ours.
      if ![0, 1, 125, 126, 127].contains(result.code) { note("\(words) ended with \(result.code): \(result.errors)") }
      if result.code != 0 && result.errors.isEmpty { note("\(words) failed without a word") }
      return result
    } catch {
      note("\(words): \(error)")
      return nil
    }
  }

  private func note(_ fault: String) { lock.withLock { faults.append(fault) } }
}
