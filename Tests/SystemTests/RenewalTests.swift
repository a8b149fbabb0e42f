import Foundation
import Kernel
import Testing

/// A supervisor that is idle for a second executes itself again, to be small (Monitoring/Supervisor+Renewal.swift). Nobody
/// who is connected to it may notice.
@Suite(.enabled(if: getuid() == 0, "containers need root"))
struct RenewalTests {
  /// Waits until the one supervisor of the sandbox has renewed itself.
  private func awaitRenewal(_ sandbox: Sandbox) {
    for _ in 0..<100 {
      // Another life of it has another number.
      let words = sandbox.supervisors().compactMap {
        try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8)
      }
      if words.contains(where: { $0.contains("--resume") }) { return }
      usleep(100_000)
    }
    Issue.record("no supervisor renewed itself within ten seconds")
  }

  @Test func anAttachedCommandGoesOnAcrossIt() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    // A line that is begun before, and ended after; input that comes after; an exit code.
    let script = "printf 'half a '; read word; echo \"line, $word\"; echo wrong >&2; exit 7"
    let call = Process()
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    call.executableURL = URL(filePath: Sandbox.skiff)
    call.arguments = [
      "run", "-i", "--name", "talker", "--network", "none", "--rootfs", sandbox.rootfs, "sh", "-c", script,
    ]
    call.environment = ["PATH": "/usr/bin:/bin", "SKIFF_ROOT": sandbox.state, "SKIFF_STATE": sandbox.run]
    (call.standardInput, call.standardOutput, call.standardError) = (input, output, errors)
    try call.run()
    awaitRenewal(sandbox)
    try input.fileHandleForWriting.write(contentsOf: Data("and more\n".utf8))
    call.waitUntilExit()
    #expect(call.terminationStatus == 7)
    #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "half a line, and more\n")
    #expect(String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self) == "wrong\n")
    #expect(try sandbox.skiff(["logs", "talker"]).output == "half a line, and more\n")
    let identifiers = sandbox.identifiers()
    #expect(try sandbox.skiff(["rm", "talker"]).code == 0)
    #expect(sandbox.leaks(of: identifiers) == [])
  }

  /// Checks that come oftener than the second that it waits for are no reason to stay large.
  @Test func aSupervisorThatChecksHealthRenewsItselfToo() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let words = [
      "run", "-d", "--name", "checked", "--network", "none", "--health-cmd", "true", "--health-interval", "300ms",
    ]
    #expect(try sandbox.skiff(words + ["--rootfs", sandbox.rootfs, "sleep", "1000"]).code == 0)
    awaitRenewal(sandbox)
    // The checks go on after it.
    let count = "{{len .State.Health.Log}} {{.State.Health.Status}}"
    try sandbox.expect("checked", count, "5 healthy")
    #expect(try sandbox.skiff(["rm", "-f", "checked"]).code == 0)
  }

  @Test func theContainerCanBeStoppedAndNothingIsLeft() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let started = try sandbox.skiff([
      "run", "-d", "--rm", "--name", "idle", "-m", "64m", "--rootfs", sandbox.rootfs, "sleep", "1000",
    ])
    #expect(started.code == 0, "\(started.errors)")
    let identifiers = sandbox.identifiers()
    awaitRenewal(sandbox)
    #expect(try sandbox.skiff(["ps", "--format", "{{.Names}}"]).output == "idle\n")
    // Still the holder of the lock: nobody takes it for dead, and nobody else may have its name.
    #expect(try sandbox.skiff(["run", "--name", "idle", "--rootfs", sandbox.rootfs, "true"]).code == 125)
    #expect(try sandbox.skiff(["stop", "-t", "0", "idle"]).code == 0)
    #expect(try sandbox.skiff(["ps", "-aq"]).output.isEmpty)
    #expect(sandbox.leaks(of: identifiers) == [])
    _ = try sandbox.skiff(["network", "rm", "bridge"])
  }

  /// kill -9 right before the program is executed again, and right after.
  @Test(arguments: 0...1) func killedOnTheWayItIsHealed(moment: Int) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let started = try sandbox.skiff(
      ["run", "-d", "--name", "idle", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"],
      environment: ["SKIFF_KILL_AT": "renewal:\(moment)"])
    #expect(started.code == 0, "\(started.errors)")
    let identifiers = sandbox.identifiers()
    #expect(sandbox.lastingSupervisors().isEmpty, "nobody was killed")
    #expect(try sandbox.skiff(["ps", "-a", "--format", "{{.Status}}"]).output.hasPrefix("Exited (137)"))
    #expect(try sandbox.skiff(["rm", "idle"]).code == 0)
    #expect(sandbox.leaks(of: identifiers) == [])
  }
}
