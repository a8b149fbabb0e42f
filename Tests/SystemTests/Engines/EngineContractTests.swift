import Foundation
import Kernel
import Testing

/// What engines read of a runtime's answers, one contract each: the phrases, members and descriptors that they look for.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct EngineContractTests {
  private let sandbox: RuntimeSandbox
  private var id: String { sandbox.prefix }

  init() throws { sandbox = try RuntimeSandbox() }

  private func withSandbox(_ body: () throws -> Void) throws {
    defer {
      _ = try? sandbox.runtime("delete", "--force", id)
      sandbox.remove()
    }
    try body()
  }

  /// go-runc reads standard output and error of `create` to their end when the container has a terminal: the process that
  /// waits for `start` must not hold them. The shim gets the master over the socket, in one message.
  @Test func aWaitingContainerWithATerminalHoldsNoPipe() throws {
    try withSandbox {
      try sandbox.configure { config in
        var process = config["process"] as? [String: Any] ?? [:]
        process["args"] = ["/bin/sh", "-c", "ls -l /proc/self/fd/0"]
        process["terminal"] = true
        config["process"] = process
        let devpts: [String: Any] = [
          "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"],
        ]
        config["mounts"] = (config["mounts"] as? [Any] ?? []) + [devpts]
      }
      let socket = Path(sandbox.base.folder.path + "/console")
      let listener = try listenUnix(socket)
      let create =
        "'\(Sandbox.skiff)' oci --root '\(sandbox.root)' create -b '\(sandbox.bundle)' --console-socket \(socket)"
      let shell = try Shell("exec timeout -k 1 30 sh -c \"\(create) \(id) 2>&1 </dev/null | cat\"")
      try #require(try poll(listener.borrowed, .readable, milliseconds: 20_000).contains(.readable))
      let connection = try listener.borrowed.accept()
      var buffer = [UInt8](repeating: 0, count: 4096)
      var message = try connection.borrowed.receiveMessage(into: &buffer)
      #expect(String(decoding: buffer[..<message.count], as: UTF8.self) == "/dev/ptmx")
      #expect(message.descriptors.count == 1)
      guard let master = message.descriptors.take() else { return }
      #expect(shell.succeeds, "the pipe has an end")
      #expect(try sandbox.runtime("start", id).code == 0)
      var screen = ""
      while !screen.contains("\n"), try poll(master.borrowed, .readable, milliseconds: 10_000).contains(.readable) {
        let count = try master.borrowed.read(into: &buffer)
        screen += String(decoding: buffer[..<count], as: UTF8.self)
      }
      #expect(screen.contains("/dev/pts/0"), "\(screen)")
    }
  }

  /// containerd takes the message of the last entry of level error out of the log; entries are one JSON object a line, whose
  /// time is RFC 3339's.
  @Test(arguments: [
    (["nonexistent"], #"exec: "nonexistent": executable file not found in $PATH"#),
    (["/nonexistent"], #"exec: "/nonexistent": no such file or directory"#),
    (["/etc/passwd"], #"exec: "/etc/passwd": permission denied"#),
  ])
  func theLogSaysWhy(_ command: [String], _ phrase: String) throws {
    try withSandbox {
      try sandbox.configure(command: command)
      let log = sandbox.base.folder.path + "/log.json"
      let words = ["--log", log, "--log-format", "json", "create", "-b", sandbox.bundle, id]
      let result = try sandbox.runtime(words)
      #expect(result.code == 1)
      // podman, which reads no log of a runtime that it does not know, finds the same on standard error.
      #expect(result.errors.contains(phrase))
      struct Entry: Decodable {
        var level: String
        var msg: String
        var time: String
      }
      let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
      let entries = try lines.map { try JSONDecoder().decode(Entry.self, from: Data($0.utf8)) }
      let last = try #require(entries.last { $0.level == "error" })
      #expect(last.msg.contains(phrase), "\(last.msg)")
      #expect(
        last.time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/) != nil, "\(last.time)")
    }
  }

  /// The shim takes "container not running" and "does not exist" for an end that has come already; anything else is an error
  /// that `docker stop` shows.
  @Test func aContainerThatIsOverIsToldFromOneThatIsNot() throws {
    try withSandbox {
      for words in [["kill", id, "KILL"], ["state", id], ["start", id], ["delete", id]] {
        let result = try sandbox.runtime(words)
        #expect(result.code == 1)
        #expect(result.errors.contains("does not exist"), "\(words): \(result.errors)")
      }
      #expect(try sandbox.runtime("delete", "--force", id).code == 0)
      #expect(try sandbox.runtime("create", "-b", sandbox.bundle, id).code == 0)
      #expect(try sandbox.runtime("kill", id, "9").code == 0)
      for _ in 0..<200 where try state()["status"] as? String != "stopped" { usleep(10_000) }
      #expect(try sandbox.runtime("kill", id, "SIGTERM").errors.contains("container not running"))
      #expect(try sandbox.runtime("delete", id).code == 0)
    }
  }

  private func state() throws -> [String: Any] {
    let answer = try sandbox.runtime("state", id)
    return try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any] ?? [:]
  }

  /// podman and go-runc decode it into typed members; podman knows four words of a status.
  @Test func theStateHasItsTypes() throws {
    try withSandbox {
      try sandbox.configure { config in
        config["annotations"] = ["org.example.key": "value"]
        config["process"] = [
          "args": ["/bin/sleep", "100"], "cwd": "/", "user": ["uid": 0, "gid": 0],
        ]
      }
      let pidFile = sandbox.base.folder.path + "/pid"
      #expect(try sandbox.runtime("create", "-b", sandbox.bundle, "--pid-file", pidFile, id).code == 0)
      var state = try state()
      #expect(state["status"] as? String == "created")
      #expect(state["id"] as? String == id)
      #expect(state["bundle"] as? String == sandbox.bundle)
      #expect(state["rootfs"] as? String == sandbox.base.rootfs)
      #expect((state["created"] as? String)?.hasSuffix("Z") == true)
      #expect(state["annotations"] as? [String: String] == ["org.example.key": "value"])
      // conmon and the shim read the file as nothing but digits.
      let process = try String(contentsOfFile: pidFile, encoding: .utf8)
      #expect((state["pid"] as? Int).map(String.init) == process)
      #expect(try sandbox.runtime("start", id).code == 0)
      state = try self.state()
      #expect(state["status"] as? String == "running")
      #expect(try sandbox.runtime("kill", id, "KILL").code == 0)
      for _ in 0..<200 where try self.state()["status"] as? String != "stopped" { usleep(10_000) }
      #expect(try self.state()["pid"] as? Int == 0)
    }
  }

  /// dockerd and podman show it: a line with the word version, whatever else.
  @Test func theVersionHasItsLine() throws {
    try withSandbox {
      let result = try sandbox.base.start(["oci", "--version"]).finish()
      #expect(
        result.output.split(separator: "\n").first?.wholeMatch(of: /skiff-runtime version \d+\.\d+\.\d+.*/) != nil)
    }
  }
}
