import Foundation
import Kernel
import Testing

@Suite struct ThreadsTests {
  private static func threadNames() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap {
      try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8).trimmingCharacters(in: .newlines)
    }
  }

  @Test func runsUntilItIsLetGoOf() throws {
    let gate = Monitor(false)
    let answers = Monitor<[Int]>([])
    do {
      let first = try Thread("skiff-gate-1") {
        gate.wait { $0 ? true : nil }
        answers.update { $0.append(1) }
      }
      let second = try Thread("skiff-gate-2") {
        gate.wait { $0 ? true : nil }
        answers.update { $0.append(2) }
      }
      answers.wait { _ in true }
      #expect(answers.update { $0 } == [])
      gate.update { $0 = true }
      first.join()
      second.join()
    }
    #expect(answers.update { $0.sorted() } == [1, 2])
    #expect(try Self.threadNames().filter { $0.hasPrefix("skiff-gate") } == [])
  }

  @Test func bearsItsNameAndTakesNoSignals() throws {
    let seen = Monitor("")
    let thread = try Thread("skiff-named") {
      seen.update { $0 = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? "" }
    }
    thread.join()
    let lines = seen.update { $0 }.split(separator: "\n")
    #expect(lines.contains("Name:\tskiff-named"))
    // All but what the C library keeps for itself (32, 33), and what nobody can block (SIGKILL, SIGSTOP).
    #expect(lines.contains("SigBlk:\tfffffffe7ffbfeff") || lines.contains("SigBlk:\tfffffffc7ffbfeff"), "\(lines)")
  }

  @Test func theMaskOfFilesIsTheThreadsOwn() throws {
    let before = setFileModeMask([])
    setFileModeMask(before)
    let inside = Monitor<FileMode?>(nil)
    let thread = try Thread("skiff-mask") {
      guard (try? unshareFileSystemContext()) != nil else { return }
      setFileModeMask(0o055)
      inside.update { $0 = setFileModeMask(0o077) }
    }
    thread.join()
    #expect(inside.update { $0 } == 0o055)
    let after = setFileModeMask(before)
    #expect(after == before)
  }

  /// Two threads that take turns see every change of the other.
  @Test func aMonitorHandsOverEveryChange() throws {
    let turn = Monitor(0)
    do {
      let other = try Thread("skiff-turn") {
        for round in 0..<1000 {
          turn.wait { (value: inout Int) -> Bool? in
            guard value == 2 * round + 1 else { return nil }
            value += 1
            return true
          }
        }
      }
      for round in 0..<1000 {
        turn.wait { (value: inout Int) -> Bool? in
          guard value == 2 * round else { return nil }
          value += 1
          return true
        }
      }
      other.join()
    }
    #expect(turn.update { $0 } == 2000)
  }

  @Test func thereIsAtLeastOneProcessor() {
    #expect((1...ProcessInfo.processInfo.processorCount).contains(usableProcessorCount()))
  }
}
