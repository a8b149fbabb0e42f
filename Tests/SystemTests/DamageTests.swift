import Foundation
import Testing

/// Files of the state that a crash or a hand has damaged: nothing is lost for it, and what is left can be removed.
@Suite(.serialized, .enabled(if: geteuid() == 0, "containers need root"))
struct DamageTests {
  private func container(_ name: String, in sandbox: Sandbox) throws -> String {
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(sandbox.state)/names/\(name)")
    return "\(sandbox.state)/containers/\(target)"
  }

  @Test(arguments: ["", "{", "{\"status\":\"running\""]) func aContainerThatHadEndedIsKept(garbage: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    for name in ["state", "record"] {
      let run = ["run", "--name", name, "--network", "none", "--rootfs", sandbox.rootfs, "true"]
      #expect(try sandbox.skiff(run).code == 0)
      sandbox.settle()
      let file = URL(filePath: "\(try container(name, in: sandbox))/\(name).json")
      try Data(garbage.utf8).write(to: file)
    }
    let listed = try sandbox.skiff(["ps", "-a", "--format", "{{.Names}} {{.Image}}"]).output
    #expect(listed.contains("state \(sandbox.rootfs)") && listed.contains("record <damaged record>"), "\(listed)")
    let reason = try sandbox.skiff(["inspect", "-f", "{{.State.Error}}", "state"])
    #expect(reason.output == "how it ended is not known: its state file was damaged\n")
    let damaged = try sandbox.skiff(["inspect", "record"])
    #expect(damaged.errors.contains("record.json") && damaged.errors.contains("skiff rm -f takes the container away"))
    #expect(try sandbox.skiff(["rm", "state", "record"]).code == 0)
    #expect(sandbox.leaks(of: sandbox.identifiers()) == [])
  }

  /// Its supervisor lives, and nobody knows its first process: its group does.
  @Test func aRunningOneIsListedAndRemoved() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "-d", "--name", "busy", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    #expect(try sandbox.skiff(run).code == 0)
    let identifiers = sandbox.identifiers()
    try Data("{".utf8).write(to: URL(filePath: "\(try container("busy", in: sandbox))/state.json"))
    #expect(try sandbox.skiff(["ps", "--format", "{{.Names}}"]).output == "busy\n")
    let refused = try sandbox.skiff(["rm", "busy"])
    #expect(refused.code == 1 && refused.errors.contains("container busy is running"))
    #expect(try sandbox.skiff(["rm", "-f", "busy"]).code == 0)
    sandbox.settle()
    #expect(sandbox.leaks(of: identifiers) == [])
  }
}
