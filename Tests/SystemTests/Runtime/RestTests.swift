import Foundation
import Kernel
import Testing

/// A runtime in the foreground to which nothing has happened for a second gives its memory back (CKernel/Rest.c). What it is
/// there for goes on as before.
@Suite(.enabled(if: getuid() == 0, "containers need root"))
struct RestTests {
  /// A line of a file in /proc/PID, in KiB.
  private func kibibytes(_ line: String, in file: String, of process: ProcessIdentifier) -> Int? {
    let lines = try? String(contentsOfFile: "/proc/\(process)/\(file)", encoding: .utf8).split(separator: "\n")
    return lines?.first { $0.hasPrefix(line) }.flatMap { Int($0.split { $0.isWhitespace }[1]) }
  }

  private func expectSoon(_ what: String, _ condition: () -> Bool) {
    for _ in 0..<150 {
      if condition() { return }
      usleep(100_000)
    }
    Issue.record("a quarter of a minute went by without \(what)")
  }

  private func awaitProgram(of id: String, in sandbox: RuntimeSandbox) {
    expectSoon("a program that runs") {
      (try? sandbox.runtime("state", id))?.output.contains("\"running\"") ?? false
    }
  }

  /// What is mapped of the program and its libraries: a start alone needs several times as much.
  private func awaitRest(of call: RuntimeSandbox.Call) {
    expectSoon("rest") { kibibytes("RssFile:", in: "status", of: call.process).map { $0 < 2048 } ?? false }
  }

  /// Counts what it is told, and ends by the code 7.
  private static let counting = """
    trap 'echo told' HUP; trap 'echo over; exit 7' TERM; echo ready; while :; do sleep 1000 & wait $!; done
    """

  @Test(arguments: [false, true], [false, true])
  func everySignalIsPassedOnOnceBeforeAndAfter(hasTerminal: Bool, isKept: Bool) throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure { config in
      var process = config["process"] as? [String: Any] ?? [:]
      process["args"] = ["/bin/sh", "-c", Self.counting]
      process["terminal"] = hasTerminal
      config["process"] = process
      let terminals: [String: Any] = [
        "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"],
      ]
      config["mounts"] = (config["mounts"] as? [[String: Any]] ?? []) + [terminals]
    }
    let call = try sandbox.start(["run"] + (isKept ? ["--keep"] : []) + ["-b", sandbox.bundle, id])
    func lines() -> [Substring] { call.output.split { $0.isNewline } }
    expectSoon("a program that runs") { lines() == ["ready"] }
    kill(call.process, SIGHUP)
    expectSoon("the first signal") { lines() == ["ready", "told"] }
    // Twice: it rests again after it was woken.
    for count in 2...3 {
      awaitRest(of: call)
      kill(call.process, SIGHUP)
      expectSoon("signal \(count)") { lines().count == count + 1 }
    }
    awaitRest(of: call)
    kill(call.process, SIGTERM)
    let result = call.finish()
    #expect(result.code == 7, "\(result.errors)")
    #expect(lines() == ["ready", "told", "told", "told", "over"])
    let state = try sandbox.runtime("state", id)
    #expect((state.code == 0) == isKept)
    if isKept { #expect(try sandbox.runtime("delete", id).code == 0) }
    #expect(sandbox.leaks() == [])
  }

  @Test func readinessIsPassedOn() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    let id = sandbox.prefix
    try sandbox.configure(command: ["/bin/sleep", "1000"])
    let address = sandbox.base.folder.path + "/manager"
    let manager = try makeSocket(.unix, .datagram)
    try manager.borrowed.bindUnix(Path(address))
    let call = try sandbox.start(["run", "-b", sandbox.bundle, id], environment: ["NOTIFY_SOCKET": address])
    awaitProgram(of: id, in: sandbox)
    awaitRest(of: call)
    // As the program would say it, to the socket that it sees as its own.
    let program = try makeSocket(.unix, .datagram)
    try program.borrowed.connectUnix(Path("\(sandbox.root)/\(id)/notify/notify.sock"))
    _ = try program.borrowed.send(Array("READY=1".utf8))
    #expect(try poll(manager.borrowed, .readable, milliseconds: 30_000).contains(.readable))
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = try manager.borrowed.receive(into: &buffer)
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == "READY=1\n")
    #expect(try sandbox.runtime("kill", id, "KILL").code == 0)
    #expect(call.finish().code == 137)
    #expect(sandbox.leaks() == [])
  }

  @Test func killedAtRestItLeavesAContainerThatCanBeDeleted() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    try sandbox.configure(command: ["/bin/sleep", "1000"])
    let call = try sandbox.start(["run", "-b", sandbox.bundle, sandbox.prefix])
    awaitProgram(of: sandbox.prefix, in: sandbox)
    awaitRest(of: call)
    kill(call.process, SIGKILL)
    #expect(call.finish().code == 137)
    #expect(try sandbox.runtime("state", sandbox.prefix).output.contains("\"running\""))
    #expect(try sandbox.runtime("delete", "--force", sandbox.prefix).code == 0)
    #expect(sandbox.leaks() == [])
  }

  /// Pss, which a debug build's libraries alone exceed. `Benchmarks/run memory` shows crun's beside it.
  @Test(.enabled(if: environment("SKIFF_RELEASE") != nil, "needs the release: SKIFF_RELEASE says where"))
  func theReleaseIsWithinItsBudget() throws {
    let sandbox = try RuntimeSandbox()
    defer { sandbox.remove() }
    try sandbox.configure(command: ["/bin/sleep", "1000"])
    let program = try #require(environment("SKIFF_RELEASE"))
    let call = try sandbox.start(["run", "-b", sandbox.bundle, sandbox.prefix], program: program)
    awaitProgram(of: sandbox.prefix, in: sandbox)
    expectSoon("rest") { kibibytes("Pss:", in: "smaps_rollup", of: call.process).map { $0 < 1200 } ?? false }
    #expect(try sandbox.runtime("kill", sandbox.prefix, "KILL").code == 0)
    #expect(call.finish().code == 137)
  }
}
