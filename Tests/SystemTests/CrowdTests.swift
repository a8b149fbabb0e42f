import Foundation
import Kernel
import Testing

/// Many at once, on one state: who wins, who loses, and what is left.
@Suite(.serialized, .enabled(if: getuid() == 0, "containers need root"))
struct CrowdTests {
  /// kill -9 by time and not by step: 20 containers a round, a random process of each killed at a random moment of its start.
  @Test func nothingIsLeftAfterKillsAtRandomMoments() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    var kills = 0
    // Ten rounds; on a slow machine, where many calls are over or not there yet, as many more as it takes.
    for round in 0..<40 where round < 10 || kills <= 50 {
      let calls = try (0..<20).map { number in
        try sandbox.start([
          "run", number % 2 == 0 ? "-d" : "--rm", "--name", "r\(round)n\(number)", "-v", "/anonymous", "--rootfs",
          sandbox.rootfs, "sleep", "0.2",
        ])
      }
      for call in calls.shuffled() {
        usleep(UInt32.random(in: 0...15_000))
        let targets = [call.identifier] + sandbox.supervisors() + sandbox.supervisors().flatMap(children)
        if (try? sendSignal(9, toProcess: targets.randomElement() ?? call.identifier)) != nil { kills += 1 }
      }
      for call in calls { _ = call.finish() }
      let identifiers = sandbox.identifiers()
      sandbox.settle()
      #expect(try sandbox.skiff(["ps", "-q"]).output.isEmpty)
      let rest = try sandbox.skiff(["ps", "-aq"]).output.split(separator: "\n").map(String.init)
      if !rest.isEmpty { #expect(try sandbox.skiff(["rm", "-v"] + rest).code == 0) }
      #expect(sandbox.leaks(of: identifiers) == [], "round \(round)")
    }
    #expect(kills > 50, "only \(kills) kills hit anybody")
    #expect(try sandbox.skiff(["network", "rm", "-f", "bridge"]).code == 0)
  }

  private func children(of process: ProcessIdentifier) -> [ProcessIdentifier] {
    ((try? readText("/proc/\(process)/task/\(process)/children")) ?? "").split(separator: " ").compactMap {
      ProcessIdentifier($0)
    }
  }

  /// A hundred races for one name.
  @Test func ofTwoWithOneNameOneWins() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for race in 0..<20 {
      let words = ["run", "-d", "--network", "none", "--name", "only", "--rootfs", sandbox.rootfs, "sleep", "1000"]
      let results = try (0..<5).map { _ in try sandbox.start(words) }.map { $0.finish() }
      #expect(results.filter { $0.code == 0 }.count == 1, "race \(race)")
      for loser in results where loser.code != 0 {
        #expect(loser.code == 125 && loser.errors.contains("the name only is taken by container"), "\(loser.errors)")
      }
      #expect(try sandbox.skiff(["ps", "-q"]).output.split(separator: "\n").count == 1)
      #expect(try sandbox.skiff(["rm", "-f", "only"]).code == 0)
    }
    #expect(sandbox.leaks(of: sandbox.identifiers()) == [])
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
    sandbox.settle()
    #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// rm -f and stop while the container is only just starting wait for it, rather than miss it.
  @Test func whatIsStartingCanBeStoppedAndRemoved() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for round in 0..<8 {
      let words = ["run", "-d", "--network", "none", "--name", "late", "--rootfs", sandbox.rootfs, "sleep", "1000"]
      let run = try sandbox.start(words)
      // From the moment that the name is there.
      while !exists(Path("\(sandbox.state)/names/late"), followLinks: false) { usleep(500) }
      if round % 2 == 0 { #expect(try sandbox.skiff(["stop", "-t", "0", "late"]).code == 0) }
      let removed = try sandbox.skiff(["rm", "-f", "late"])
      #expect(removed.code == 0, "\(removed.errors)")
      _ = run.finish()
      sandbox.settle()
      #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
    }
    #expect(sandbox.leaks(of: sandbox.identifiers()) == [])
  }

  /// A container that forks as fast as it can while it is removed.
  @Test func whatForksMadlyIsRemoved() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let forks = "f() { while :; do sleep 100 & done; }; f & f & wait"
    let run = ["run", "-d", "--name", "mad", "--pids-limit", "60", "--rootfs", sandbox.rootfs, "sh", "-c", forks]
    #expect(try sandbox.skiff(run).code == 0)
    let identifiers = sandbox.identifiers()
    let removals = try (0..<4).map { _ in try sandbox.start(["rm", "-f", "mad"]) }
    for result in removals.map({ $0.finish() }) { #expect(result.code == 0, "\(result.errors)") }
    sandbox.settle()
    #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// Networks that come and go while containers want to join them.
  @Test func aNetworkIsRemovedWhileContainersStartOnIt() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for _ in 0..<6 {
      #expect(try sandbox.skiff(["network", "create", "brief"]).code == 0)
      let runs = try (0..<4).map { _ in
        try sandbox.start(["run", "--rm", "--network", "brief", "--rootfs", sandbox.rootfs, "true"])
      }
      let removal = try sandbox.start(["network", "rm", "brief"])
      for result in runs.map({ $0.finish() }) where result.code != 0 {
        #expect(result.code == 125 && result.errors.contains("there is no network brief"), "\(result.errors)")
      }
      let removed = removal.finish()
      #expect(removed.code == 0 || removed.errors.contains("network brief is in use by"), "\(removed.errors)")
      sandbox.settle()
      #expect(try sandbox.skiff(["network", "rm", "-f", "brief"]).code == 0)
      #expect(try sandbox.skiff(["network", "ls", "-q"]).output.isEmpty)
    }
    #expect(sandbox.leaks(of: sandbox.identifiers()) == [])
    #expect(!FileManager.default.fileExists(atPath: "\(sandbox.run)/networks/brief"))
  }
}
