import Foundation
import Kernel
import Testing

/// A pull that was killed in the middle of a layer: the next one goes on where it ended.
@Suite(.enabled(if: effectiveUser() == 0, "the store is root's"))
struct ResumedPullTests {
  private func withKilledPull(_ body: (Sandbox, HostileRegistry, _ part: String) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let registry = try HostileRegistry(in: sandbox.folder)
    let call = try sandbox.start(["pull", "\(registry.host)/halt"])
    let parts = "\(sandbox.state)/images/partial"
    func part() -> (path: String, size: Int)? {
      guard let name = (try? entries(of: Path(parts)))?.map(\.name.string).first(where: { size("\(parts)/\($0)") > 0 })
      else { return nil }
      return ("\(parts)/\(name)", size("\(parts)/\(name)"))
    }
    for _ in 0..<1000 where part() == nil { usleep(10_000) }
    // The helper is the same process: skiff became it.
    kill(call.identifier, SIGKILL)
    #expect(call.finish().code == 128 + 9)
    let left = try #require(part())
    #expect(left.size < 3_000_000)
    try body(sandbox, registry, left.path)
  }

  private func size(_ path: String) -> Int { (try? status(of: Path(path)).size) ?? 0 }

  @Test func theRestIsFetched() throws {
    try withKilledPull { sandbox, registry, part in
      let had = size(part)
      #expect(try sandbox.skiff(["images", "-aq"]).output.isEmpty)
      #expect(size(part) == had)
      let again = try sandbox.skiff(["pull", "\(registry.host)/halt"])
      #expect(again.code == 0, "\(again.errors)")
      #expect(try registry.statistics()["resumed-\(had)"] == 1)
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      #expect(try entries(of: Path("\(sandbox.state)/images/partial")).isEmpty)
    }
  }

  /// Bytes that are not what the registry sent, as a loss of power leaves them, cost a fetch and nothing else.
  @Test(arguments: ["printf X | dd bs=1 seek=700 conv=notrunc of=", "truncate -s 1M ", "truncate -s 1000 "])
  func aDamagedPartIsNotBelieved(by command: String) throws {
    try withKilledPull { sandbox, registry, part in
      // From its beginning the registry sends half of it, and waits.
      let registry =
        command.contains("dd") || command.contains("1M") ? try HostileRegistry(in: sandbox.folder) : registry
      #expect(try sandbox.shell("\(command)\(part) 2>/dev/null").code == 0)
      let name = "\(registry.host)/\(command.contains("1000") ? "halt" : "good")"
      let again = try sandbox.skiff(["pull", name])
      #expect(again.code == 0, "\(again.errors)")
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      if command.contains("1000") { #expect(try registry.statistics()["resumed-1000"] == 1) }
      #expect(try entries(of: Path("\(sandbox.state)/images/partial")).isEmpty)
    }
  }

  @Test func itGoesWithPruneAndWithTime() throws {
    try withKilledPull { sandbox, _, part in
      let rehearsal = try sandbox.skiff(["image", "prune", "--dry-run"])
      #expect(!rehearsal.output.contains(" 0B\n"), "\(rehearsal.output)")
      #expect(size(part) > 0)
      let pruned = try sandbox.skiff(["image", "prune", "-f"])
      #expect(pruned.code == 0 && !pruned.output.contains(" 0B\n"), "\(pruned.output)")
      #expect(size(part) == 0)
    }
    try withKilledPull { sandbox, _, part in
      #expect(try sandbox.shell("touch -d '8 days ago' \(part)").code == 0)
      _ = try sandbox.skiff(["pull", "127.0.0.1:1/nothing"])
      #expect(size(part) == 0)
    }
  }
}
