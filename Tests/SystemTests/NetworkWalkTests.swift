import Foundation
import Kernel
import Testing

/// kill -9 before every step of making and of removing a network; the next commands know what to do with what is there.
@Suite(.serialized, .enabled(if: getuid() == 0, "networks need root: their bridges are real"))
struct NetworkWalkTests {
  @Test func aPortIsFreeAgainAfterAKillWhileItWasPublished() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    // A port of the machine's own network namespace: one that nothing here uses.
    let words = ["run", "--rm", "-p", "127.0.0.1:38412:80", "--rootfs", sandbox.rootfs, "true"]
    for index in 0..<3 {
      let killed = try sandbox.skiff(words, environment: ["SKIFF_KILL_AT": "publishing:\(index)"])
      #expect(killed.code == 137)
      let again = try sandbox.skiff(words)
      #expect(again.code == 0, "killed at \(index): \(again.errors)")
      #expect(try entries(of: Path(sandbox.run + "/networks/.ports")).isEmpty)
    }
  }

  @Test func nothingIsLeftOfANetworkAfterAKillBeforeEachStep() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    var (creations, removals) = (0, 0)
    for index in 0..<20 {
      let kill = ["SKIFF_KILL_AT": "network:\(index)"]
      let created = try sandbox.skiff(["network", "create", "back"], environment: kill)
      // Whatever there is of it can be removed, and made again.
      #expect(try sandbox.skiff(["network", "rm", "-f", "back"]).code == 0)
      let again = try sandbox.skiff(["network", "create", "back"])
      #expect(again.code == 0, "create killed at \(index): \(again.errors)")
      let bridge = try String(
        sandbox.skiff(["network", "inspect", "back"]).output.split(separator: "\"").first { $0.hasPrefix("sk") } ?? "")
      #expect(exists(Path("/sys/class/net/\(bridge)")))

      let removed = try sandbox.skiff(["network", "rm", "back"], environment: kill)
      let rest = try sandbox.skiff(["network", "rm", "-f", "back"])
      #expect(rest.code == 0, "rm killed at \(index): \(rest.errors)")
      #expect(try sandbox.skiff(["network", "ls", "-q"]).output.isEmpty)
      let mark = String(bridge.prefix(6))
      #expect(mark.utf8.count == 6)
      let links = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")
      #expect(links.filter { $0.hasPrefix(mark) } == [], "killed at \(index)")
      creations += created.code == 137 ? 1 : 0
      removals += removed.code == 137 ? 1 : 0
      if created.code == 0 && removed.code == 0 { break }
    }
    #expect(creations >= 5 && removals >= 4, "the walk ended early: \(creations) and \(removals) kills")
  }
}
