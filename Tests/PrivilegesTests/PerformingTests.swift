import Foundation
import Kernel
import Privileges
import Steps
import Testing

private let isRoot = effectiveUser() == 0

/// The steps for real. Each test is a process of its own (an exit test), because nothing here can be taken back; the raw
/// calls change one thread, and /proc/thread-self shows that one.
@Suite(.enabled(if: isRoot, "changing the identity of a process needs root"))
struct PerformingTests {
  @Test func becomesAnotherUserWithExactGroups() async {
    await #expect(processExitsWith: .success) {
      try run(.setUser(user: 1234, group: 77, supplementary: [77, 5, 9]))
      try expect(status("Uid") == "1234\t1234\t1234\t1234" && status("Gid") == "77\t77\t77\t77")
      try expect(try supplementaryGroups().sorted() == [5, 9, 77])
      // Kept for the step that sets the sets; not in force meanwhile.
      let held = try processCapabilities()
      try expect(held.permitted.contains(.setUser) && held.effective.isEmpty)
      try run(.setCapabilities(Capabilities(granted: .containerDefault, user: 1234)))
      try expect(try processCapabilities().permitted.isEmpty)
      try expect(denied(.notPermitted) { () throws(Fault) in try setUser(0) })
    }
  }

  @Test func noGroupsAtAll() async {
    await #expect(processExitsWith: .success) {
      try run(.setUser(user: 1, group: 1, supplementary: []))
      try expect(try supplementaryGroups().isEmpty)
    }
  }

  @Test func capabilitiesShrinkForGood() async {
    await #expect(processExitsWith: .success) {
      let granted = CapabilitySet.containerDefault.intersection(boundingCapabilities())
      try run(.limitCapabilities(bounding: granted))
      try expect(boundingCapabilities() == granted)
      try run(.setCapabilities(Capabilities(granted: granted, user: 0)))
      let held = try processCapabilities()
      try expect(held.permitted == granted && held.effective == granted && held.inheritable.isEmpty)
      try expect(ambientCapabilities().isEmpty)
      // CVE-2022-24769: nothing is inheritable.
      try expect(status("CapInh") == "0000000000000000")
      try expect(
        denied(.notPermitted) { () throws(Fault) in
          _ = try perform(
            .setCapabilities(Capabilities(granted: .systemAdministration, user: 0)), procfs: .workingDirectory)
        })
    }
  }

  @Test func ambientFollowsTheSpecification() async {
    await #expect(processExitsWith: .success) {
      let one = CapabilitySet.bindService
      try run(.setUser(user: 1234, group: 1234, supplementary: [1234]))
      try run(.setCapabilities(Capabilities(effective: one, permitted: one, inheritable: one, ambient: one)))
      try expect(ambientCapabilities() == one)
    }
  }

  @Test func noNewPrivilegesStay() async {
    await #expect(processExitsWith: .success) {
      try run(.setNoNewPrivileges)
      try expect(status("NoNewPrivs") == "1")
    }
  }

  @Test func filterLoadsForAUserWithoutNoNewPrivileges() async {
    await #expect(processExitsWith: .success) {
      // ld [nr]; jeq SYS_sched_yield → errno 99; allow.
      #if arch(x86_64)
        let number: UInt64 = 24
      #else
        let number: UInt64 = 124
      #endif
      let program: [UInt64] = [
        0x20, 0x15 | 1 << 24 | number << 32, 0x06 | 0x0005_0063 << 32, 0x06 | 0x7fff_0000 << 32,
      ]
      try run(.setUser(user: 1234, group: 1234, supplementary: []))
      try run(.loadFilter(SystemCallFilter(name: "test", instructions: program, flags: 4)))
      try expect(status("Seccomp") == "2" && status("NoNewPrivs") == "0")
      try expect(try processCapabilities().effective.isEmpty)
      try expect(sched_yield() == -1 && errno == 99)
    }
  }

  /// The filter asks about sendmsg itself, so the listener has to leave by sendmmsg: by the other call this would wait for ever.
  @Test func theListenerLeavesAProcessThatItsFilterStops() async {
    await #expect(processExitsWith: .success) {
      #if arch(x86_64)
        let number: UInt64 = 46
      #else
        let number: UInt64 = 211
      #endif
      // ld [nr]; jeq SYS_sendmsg → SECCOMP_RET_USER_NOTIF; allow.
      let program: [UInt64] = [0x20, 0x15 | 1 << 24 | number << 32, 0x06 | 0x7fc0_0000 << 32, 0x06 | 0x7fff_0000 << 32]
      alarm(20)
      // SPEC_ALLOW and NEW_LISTENER.
      var filter = SystemCallFilter(name: "test", instructions: program, flags: 12)
      filter.listenerCall = .sendmmsg
      let pair = try makeSocketPair(.sequencedPacket)
      try run(.setUser(user: 1234, group: 1234, supplementary: []))
      try load(filter, sendingListenerWith: [8, 7], over: pair.second.borrowed)
      try expect(status("Seccomp") == "2")
      try expect(try processCapabilities().effective.isEmpty)
      var buffer = [UInt8](repeating: 0, count: 16)
      var message = try pair.first.borrowed.receiveMessage(into: &buffer, descriptorLimit: 1)
      try expect(message.count == 2 && buffer.starts(with: [8, 7]) && !message.isTruncated)
      let first = message.descriptors.take()
      let view = first.view
      let listener = try #require(view)
      try expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(listener.rawValue)")
          == "anon_inode:seccomp notify")
    }
  }

  @Test func limitsThatTheHostAllows() async {
    await #expect(processExitsWith: .success) {
      try run(.setResourceLimit(try ResourceLimit(option: "nofile=100:200")))
      try expect(try resourceLimit(7) == LimitPair(soft: 100, hard: 200))
      try run(.setResourceLimit(try ResourceLimit(option: "core=0")))
      try expect(try resourceLimit(4) == LimitPair(soft: 0, hard: 0))
    }
  }

  @Test func limitsThatTheHostRefuses() async {
    await #expect(processExitsWith: .success) {
      try setResourceLimit(7, to: LimitPair(soft: 100, hard: 200))
      // Without CAP_SYS_RESOURCE, as on many hosts; with it, it is put aside here.
      var sets = try processCapabilities()
      sets.effective.remove(.systemResource)
      try setProcessCapabilities(sets)
      var limit = try ResourceLimit(option: "nofile=150:300")
      try expect(
        denied(.notPermitted) { () throws(Fault) in
          _ = try perform(.setResourceLimit(limit), procfs: .workingDirectory)
        })
      limit.isDefault = true
      try run(.setResourceLimit(limit))
      try expect(try resourceLimit(7) == LimitPair(soft: 150, hard: 200))
    }
  }

  @Test func oomScoreThroughARealProcOnly() async {
    await #expect(processExitsWith: .success) {
      try run(.setOomScoreAdjustment(500))
      try expect(try readText("/proc/self/oom_score_adj") == "500")
      let fake = NSTemporaryDirectory() + "/skiff-proc-\(getpid())"
      try FileManager.default.createDirectory(atPath: fake + "/self", withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: fake) }
      try Data().write(to: URL(fileURLWithPath: fake + "/self/oom_score_adj"))
      let directory = try open(Path(fake), [.readOnly, .directory])
      try expect(
        denied(.crossDevice) { () throws(Fault) in
          _ = try perform(.setOomScoreAdjustment(100), procfs: directory.borrowed)
        })
    }
  }

  @Test func umaskIsSet() async {
    await #expect(processExitsWith: .success) {
      try run(.setUmask(0o027))
      try expect(setFileModeMask(0) == 0o027)
    }
  }

  @Test func otherStepsAreNotItsOwn() throws {
    #expect(try perform(.startSession, procfs: .workingDirectory) == false)
    #expect(try perform(.awaitParent, procfs: .workingDirectory) == false)
  }
}

private struct Unmet: Error { var line: Int }

private func expect(_ condition: Bool, line: Int = #line) throws {
  if !condition {
    FileHandle.standardError.write(Data("PerformingTests.swift:\(line): not so\n".utf8))
    throw Unmet(line: line)
  }
}

private func run(_ step: ProcessStep) throws {
  let procfs = try open("/proc", [.readOnly, .directory])
  guard try perform(step, procfs: procfs.borrowed) else { throw Unmet(line: 0) }
}

private func denied(_ errno: Kernel.Errno, _ body: () throws(Fault) -> Void) -> Bool {
  do throws(Fault) { try body() } catch { return error.errno == errno }
  return false
}

/// One field of /proc/thread-self/status.
private func status(_ field: String) -> String {
  let text = (try? readText("/proc/thread-self/status")) ?? ""
  let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") } ?? ""
  return line.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces)
}
