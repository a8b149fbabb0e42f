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

  /// Whatever moment it ends in: it is said that it has, not which call found that out.
  @Test func anExecThatMeetsTheEndSaysSo() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "--name", "short", "--network", "none", "--rootfs", sandbox.rootfs, "true"]
    #expect(try sandbox.skiff(run).code == 0)
    sandbox.settle()
    let stopped = try sandbox.skiff(["exec", "short", "true"])
    #expect(stopped.errors.contains("container short is not running"))
    // Four at once against each end, from before it until after it.
    let race = """
      for round in 1 2 3 4 5 6 7 8; do
        "$0" start short >/dev/null
        for one in 1 2 3 4; do
          (code=0; while [ $code = 0 ]; do "$0" exec -u alice short true; code=$?; done; echo $code) &
        done
        "$0" kill short >/dev/null
        wait
      done
      """
    #expect(try sandbox.skiff(["rm", "short"]).code == 0)
    let long = ["create", "--name", "short", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    #expect(try sandbox.skiff(long).code == 0)
    let seen = try sandbox.shell(race)
    let codes = Set(seen.output.split(separator: "\n"))
    // 137: it ran, and was killed with the container.
    #expect(codes.isSubset(of: ["\(stopped.code)", "137"]), "\(seen)")
    let others = seen.errors.split(separator: "\n").filter {
      !$0.contains("container short is not running") && !$0.hasPrefix("hint: skiff ps -a")
    }
    #expect(others == [])
    #expect(try sandbox.skiff(["rm", "-f", "short"]).code == 0)
    sandbox.settle()
    #expect(sandbox.leaks(of: sandbox.identifiers()) == [])
  }
}
