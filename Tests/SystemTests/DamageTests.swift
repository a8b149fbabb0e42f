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

  /// Nobody knows its first process, nor waits for a start that was long ago.
  @Test func aRunningOneWithoutStateIsNotWaitedFor() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let run = ["run", "-d", "--name", "busy", "--network", "none", "--rootfs", sandbox.rootfs, "sleep", "1000"]
    #expect(try sandbox.skiff(run).code == 0)
    let identifiers = sandbox.identifiers()
    let file = "\(try container("busy", in: sandbox))/state.json"
    try FileManager.default.removeItem(atPath: file)
    for words in [
      ["stop", "busy"], ["start", "busy"], ["restart", "busy"], ["pause", "busy"], ["unpause", "busy"],
      ["kill", "busy"],
      ["exec", "busy", "true"], ["cp", "busy:/etc/passwd", "-"], ["rm", "busy"],
    ] {
      let refused = try sandbox.skiff(words)
      #expect(refused.code != 0 && refused.errors.contains("\(file) is gone"), "\(words): \(refused)")
      #expect(refused.errors.contains("skiff rm -f busy"), "\(words): \(refused.errors)")
    }
    #expect(try sandbox.skiff(["rm", "-f", "busy"]).code == 0)
    sandbox.settle()
    #expect(sandbox.leaks(of: identifiers) == [])
  }

  /// Whoever owns the state could have root do anything by what is in it.
  @Test(arguments: ["SKIFF_ROOT", "SKIFF_STATE"]) func stateOfAnotherUserIsRefused(variable: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let theirs = sandbox.folder.appending(path: "theirs").path
    try FileManager.default.createDirectory(atPath: theirs, withIntermediateDirectories: true)
    #expect(chown(theirs, 1000, 1000) == 0)
    let refused = try sandbox.skiff(["ps"], environment: [variable: theirs])
    #expect(refused.code != 0 && refused.errors.contains("\(theirs) belongs to user 1000"), "\(refused)")
    #expect(refused.errors.contains("chown root \(theirs)"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: theirs) == [])
    #expect(chown(theirs, 0, 0) == 0)
    #expect(try sandbox.skiff(["ps"], environment: [variable: theirs]).code == 0)
  }

  /// Each is a file of its own, so the others are whole.
  @Test(arguments: ["local", "json-file"]) func whatADamagedLogLacksIsSaid(driver: String) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let program = "i=0; while [ $i -lt 3000 ]; do echo line number $i of a log; i=$((i+1)); done"
    let run = [
      "run", "--name", "talker", "--network", "none", "--log-driver", driver, "--log-opt", "max-size=16k", "--log-opt",
      "max-file=99", "--log-opt", "compress=true", "--rootfs", sandbox.rootfs, "sh", "-c", program,
    ]
    #expect(try sandbox.skiff(run).code == 0)
    sandbox.settle()
    let directory = try container("talker", in: sandbox)
    var packed: [String] = []
    for _ in 0..<400 {
      packed = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".gz") }
      if packed.count >= 2 { break }
      usleep(20_000)
    }
    let whole = try sandbox.skiff(["logs", "talker"])
    #expect(whole.code == 0 && whole.errors.isEmpty, "\(whole.errors)")
    let file = "\(directory)/\(try #require(packed.first))"
    let bytes = try Data(contentsOf: URL(filePath: file))
    var garbled = bytes
    for index in bytes.count / 2..<bytes.count / 2 + 40 { garbled[index] = 0xff }
    for damaged in [garbled, bytes.prefix(bytes.count / 2)] {
      try damaged.write(to: URL(filePath: file))
      let read = try sandbox.skiff(["logs", "talker"])
      #expect(read.code == 1 && read.errors.contains("\(file) is damaged"), "\(read.errors)")
      #expect(read.errors.contains("\(damaged.count) "), "\(read.errors)")
      let lines = read.output.split(separator: "\n")
      #expect(lines.count < 3000 && lines.last == "line number 2999 of a log")
    }
    try bytes.write(to: URL(filePath: file))
    #expect(try sandbox.skiff(["logs", "talker"]).output == whole.output)
  }
}
