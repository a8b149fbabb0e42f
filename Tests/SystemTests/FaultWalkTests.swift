import Foundation
import Kernel
import Testing

/// kill -9 right before each step of a whole plan, in whichever process performs it, by the kill switch of debug builds
/// (Kernel/KillSwitch.swift). After the next command nothing may be left of it.
@Suite(.serialized, .enabled(if: getuid() == 0, "kill -9 between steps needs root: they are real"))
struct FaultWalkTests {
  /// Every phase of a run, and then those of its end.
  @Test(arguments: ["preparation", "host", "clone", "wiring", "building", "finishing", "undo", "ending"])
  func nothingIsLeftAfterAKillBeforeEachStep(phase: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    var walked = 0
    for index in 0..<200 {
      let result = try sandbox.skiff(
        ["run", "--name", "walk", "-m", "64m", "--rootfs", sandbox.rootfs, "true"],
        environment: ["SKIFF_KILL_AT": "\(phase):\(index)"])
      let identifiers = sandbox.identifiers()
      let leftover = try sandbox.skiff(["ps", "-aq"])
      #expect(leftover.code == 0, "\(phase):\(index): \(leftover.errors)")
      // A container that had ended when its supervisor died keeps its record, as any that has ended does.
      _ = try sandbox.skiff(["rm", "-f", "walk"])
      #expect(sandbox.leaks(of: identifiers) == [], "\(phase):\(index) left something behind")
      walked = index
      // Past the last step of the phase nobody is killed any more.
      if result.code == 0 && phase != "undo" && phase != "ending" { break }
      if result.code == 0 && sandbox.ranToItsEnd { break }
    }
    #expect(walked > 0 || phase == "clone" || phase == "host", "the walk of \(phase) never began")
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// The supervisor of a running container is killed; the next command finds it and finishes what it would have.
  @Test func aKilledSupervisorIsHealedByTheNextCommand() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let started = try sandbox.skiff(["run", "-d", "--name", "orphan", "--rootfs", sandbox.rootfs, "sleep", "1000"])
    #expect(started.code == 0, "\(started.errors)")
    let identifiers = sandbox.identifiers()
    let supervisor = try #require(sandbox.supervisors().first)
    let pidfd = try openProcess(supervisor)
    try sendSignal(9, to: pidfd.borrowed)
    #expect(try poll(pidfd.borrowed, .readable, milliseconds: 10_000) == .readable)
    let listed = try sandbox.skiff(["ps", "-a", "--format", "{{.Status}}"])
    #expect(listed.output.hasPrefix("Exited (137)"), "\(listed.output)")
    #expect(try sandbox.skiff(["rm", "orphan"]).code == 0)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  @Test func ofTwoWithOneNameOneWins() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let words = ["run", "-d", "--network", "none", "--name", "only", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    let calls = try (0..<6).map { _ in try sandbox.start(words) }
    let results = calls.map { $0.finish() }
    #expect(results.filter { $0.code == 0 }.count == 1)
    for loser in results where loser.code != 0 {
      #expect(loser.code == 125 && loser.errors.contains("the name only is taken by container"), "\(loser.errors)")
    }
    #expect(try sandbox.skiff(["ps", "-q"]).output.split(separator: "\n").count == 1)
    #expect(try sandbox.skiff(["rm", "-f", "only"]).code == 0)
  }

  @Test func aHundredAtOnceAreAllThereWithAddressesOfTheirOwn() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let calls = try (0..<100).map {
      try sandbox.start(["run", "-d", "--name", "c\($0)", "--rootfs", sandbox.rootfs, "sleep", "1000"])
    }
    for result in calls.map({ $0.finish() }) { #expect(result.code == 0, "\(result.errors)") }
    let identifiers = sandbox.identifiers()
    let names = (0..<100).map { "c\($0)" }
    let addresses = try sandbox.skiff(["inspect", "-f", "{{.NetworkSettings.IPAddress}}"] + names).output
      .split(separator: "\n")
    #expect(addresses.count == 100 && Set(addresses).count == 100)
    let removals = try names.map { try sandbox.start(["rm", "-f", $0]) }
    for result in removals.map({ $0.finish() }) { #expect(result.code == 0, "\(result.errors)") }
    #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }
}
