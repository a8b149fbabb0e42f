import Foundation
import Testing

/// Commands that are killed just when they have handed their container over.
@Suite(.serialized, .enabled(if: geteuid() == 0, "containers need root"))
struct LostCommandTests {
  /// Nobody learnt its id: either it runs, as it was asked to, or nothing of it is left. Never a corpse that has the name.
  @Test(arguments: [["--rm"], ["-d"], ["--rm", "-d"]])
  func aRunThatNobodyWaitsForLeavesNoCorpse(flags: [String]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for _ in 0..<5 {
      let words =
        ["run", "--name", "alone", "--network", "none"] + flags + ["--rootfs", sandbox.rootfs, "sleep", "1000"]
      let killed = try sandbox.skiff(words, environment: ["SKIFF_KILL_AT": "command:1"])
      #expect(killed.code == 128 + 9)
      let identifiers = sandbox.identifiers()
      func states() throws -> String { try sandbox.skiff(["ps", "-a", "--format", "{{.State}}"]).output }
      for _ in 0..<400 {
        let found = try states()
        if found == "running\n" || found.isEmpty && sandbox.supervisors().isEmpty { break }
        usleep(20_000)
      }
      let state = try states()
      #expect(["", "running\n"].contains(state), "\(state)")
      if !state.isEmpty { #expect(try sandbox.skiff(["rm", "-f", "alone"]).code == 0) }
      sandbox.settle()
      #expect(sandbox.leaks(of: identifiers) == [])
    }
  }
}
