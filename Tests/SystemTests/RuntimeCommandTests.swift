import Foundation
import JSON
import Kernel
import Testing

/// The runtime's commands as a person or an engine calls them, one after another on one bundle.
@Suite(.serialized, .enabled(if: geteuid() == 0)) struct RuntimeCommandTests {
  /// A bundle of busybox's that `spec` configured, and a state directory beside it.
  private final class Runtime {
    let base: RuntimeSandbox
    var bundle: String { base.bundle }
    var root: String { base.root }
    let id: String

    init(_ program: [String]) throws {
      base = try RuntimeSandbox()
      id = base.prefix + "-one"
      let file = Path(bundle + "/config.json")
      try removeFile(file)
      let result = try call(["spec", "--bundle", bundle])
      guard result.code == 0 else { throw Sandbox.Failure(description: result.errors) }
      var config = try JSONValue(parsing: try readFile(file)).object!
      var process = config["process"]!.object!
      process["args"] = .array(program.map { .string($0) })
      process["terminal"] = false
      config["process"] = .object(process)
      config["root"] = ["path": .string(base.base.rootfs)]
      try replaceFile(file, with: JSONValue.object(config).jsonBytes())
    }

    func call(_ words: [String], globals: [String] = [], environment: [String: String] = [:]) throws -> Sandbox.Result {
      try base.runtime(globals + words, environment: environment)
    }

    func remove() {
      _ = try? call(["delete", "--force", id])
      base.remove()
    }

    var state: JSONValue? { try? JSONValue(parsing: Array(try call(["state", id]).output.utf8)) }

    func awaitStatus(_ status: String) -> Bool {
      for _ in 0..<500 {
        if state?["status"] == .string(status) { return true }
        usleep(10_000)
      }
      return false
    }
  }

  private func with(_ program: [String], _ body: (Runtime) throws -> Void) throws {
    let runtime = try Runtime(program)
    defer { runtime.remove() }
    try body(runtime)
  }

  @Test func aContainerIsListedPausedChangedAndWatched() throws {
    try with(["sleep", "100"]) { runtime in
      let id = runtime.id
      let none = try runtime.call(["list", "-q"])
      #expect(none.code == 0 && none.output.isEmpty, "before the first container there is no state directory")
      #expect(try runtime.call(["create", "--bundle", runtime.bundle, id]).code == 0)
      #expect(try runtime.call(["start", id]).code == 0)
      let pid = try #require(runtime.state?["pid"]?.integer)
      #expect(try runtime.call(["list", "-q"]).output == id + "\n")
      let list = try JSONValue(parsing: Array(try runtime.call(["list", "-f", "json"]).output.utf8))
      #expect(list[0]?["owner"] == "root")
      #expect(list[0]?["pid"]?.integer == pid)
      #expect(try runtime.call(["ps", "-f", "json", id]).output == "[\(pid)]\n")
      let table = try runtime.call(["ps", id, "-o", "pid,args", "-A"]).output.split(separator: "\n")
      #expect(table.count == 2 && table[1].hasSuffix("sleep 100"))

      #expect(try runtime.call(["resume", id]).errors.contains("container not paused"))
      #expect(try runtime.call(["pause", id]).code == 0)
      #expect(runtime.state?["status"] == "paused")
      #expect(try runtime.call(["pause", id]).errors.contains("container not running"))
      #expect(try runtime.call(["resume", id]).code == 0)
      #expect(runtime.state?["status"] == "running")

      #expect(try runtime.call(["update", "--pids-limit", "37", "--memory", "64m", id]).code == 0)
      let line = try JSONValue(parsing: Array(try runtime.call(["events", "--stats", id]).output.utf8))
      #expect(line["type"] == "stats" && line["id"] == .string(id))
      #expect(line["data"]?["pids"]?["limit"]?.integer == 37)
      #expect(line["data"]?["memory"]?["usage"]?["limit"]?.integer == 64 << 20)
      let kept = try JSONValue(parsing: try readFile(Path("\(runtime.root)/\(id)/config.json")))
      #expect(kept["linux"]?["resources"]?["pids"]?["limit"]?.integer == 37)
      #expect(kept["linux"]?["resources"]?["memory"]?["limit"]?.integer == 64 << 20)

      #expect(try runtime.call(["kill", id, "nonsense"]).errors.contains("unknown signal \"nonsense\""))
      #expect(try runtime.call(["kill", id, "0"]).code == 0)
      #expect(try runtime.call(["kill", id, "kill"]).code == 0)
      #expect(runtime.awaitStatus("stopped"))
      #expect(try runtime.call(["kill", id, "9"]).errors.contains("container not running"))
      #expect(try runtime.call(["kill", "--all", id, "9"]).code == 0)
      for words in [["pause", id], ["update", "--pids-limit", "1", id], ["events", "--stats", id]] {
        #expect(try runtime.call(words).code == 1)
      }
      #expect(try runtime.call(["delete", id]).code == 0)
      #expect(try runtime.call(["list", "-f", "json"]).output == "null\n")
    }
  }

  @Test func eventsEndWithTheContainer() throws {
    try with(["sleep", "1"]) { runtime in
      #expect(try runtime.call(["run", "-d", "--bundle", runtime.bundle, runtime.id]).code == 0)
      let result = try runtime.call(["events", "--interval", "100ms", runtime.id])
      #expect(result.code == 0)
      #expect(result.output.split(separator: "\n").count >= 2)
      #expect(try runtime.call(["events", "--interval", "0s", runtime.id]).code == 1)
    }
  }

  @Test func whatAContainerSaysOfBeingReadyReachesTheServiceManager() throws {
    try with(["sleep", "100"]) { runtime in
      let address = runtime.bundle + "/manager.sock"
      let manager = try makeSocket(.unix, .datagram)
      try manager.borrowed.bindUnix(Path(address))
      try manager.borrowed.setReceiveTimeout(seconds: 20)
      #expect(
        try runtime.call(["create", "-b", runtime.bundle, runtime.id], environment: ["NOTIFY_SOCKET": address]).code
          == 0)
      let start = try runtime.base.start(["start", runtime.id], environment: ["NOTIFY_SOCKET": address])
      #expect(runtime.awaitStatus("running"))
      let pid = try #require(runtime.state?["pid"]?.integer)
      let socket = try makeSocket(.unix, .datagram)
      try socket.borrowed.connectUnix(Path("/proc/\(pid)/root/run/notify/notify.sock"))
      _ = try socket.borrowed.send(Array("STATUS=nearly\nMAINPID=1".utf8))
      _ = try socket.borrowed.send(Array("STATUS=there\nREADY=1\nMAINPID=1".utf8))
      func next() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // What came with the barrier is closed at once, as a manager does.
        let message = try manager.borrowed.receiveMessage(into: &buffer)
        return String(decoding: buffer[..<message.count], as: UTF8.self)
      }
      #expect(try next() == "READY=1\n")
      #expect(try next() == "MAINPID=\(pid)\n")
      #expect(try next() == "BARRIER=1")
      #expect(start.finish().code == 0)
      let environment = try readText(Path("/proc/\(pid)/environ"))
      #expect(environment.contains("NOTIFY_SOCKET=/run/notify/notify.sock"))
    }
  }

  @Test func socketsOfActivationAreToldOf() throws {
    try with(["env"]) { runtime in
      let line =
        "exec 3</dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$0\" oci --root \(runtime.root) run -b \(runtime.bundle) \(runtime.id)"
      let result = try runtime.base.base.shell(line)
      #expect(result.code == 0, "\(result.errors)")
      for variable in ["LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=web"] {
        #expect(result.output.split(separator: "\n").contains(Substring(variable)))
      }
    }
  }

  @Test func withoutCriuTheContainerRunsOn() throws {
    try with(["sleep", "100"]) { runtime in
      #expect(try runtime.call(["run", "-d", "-b", runtime.bundle, runtime.id]).code == 0)
      let image = ["--image-path", runtime.bundle + "/image"]
      let missing = try runtime.call(["checkpoint"] + image + [runtime.id], globals: ["--criu", "/nonexistent/criu"])
      #expect(missing.code == 1)
      #expect(missing.errors.contains("executable file not found"))
      try script("broken", in: runtime, "echo 'Error (criu/util.c:1): no such kernel'; exit 1")
      let broken = try runtime.call(
        ["checkpoint"] + image + [runtime.id], globals: ["--criu", runtime.bundle + "/broken"])
      #expect(broken.errors.contains("criu failed: dump ended with 1"))
      #expect(broken.errors.contains("`criu check` says Error (criu/util.c:1): no such kernel"))
      #expect(runtime.state?["status"] == "running")
    }
  }

  /// What criu is told; what it makes of that is not seen here.
  @Test func checkpointAndRestoreCallCriu() throws {
    try with(["sleep", "100"]) { runtime in
      #expect(try runtime.call(["run", "-d", "-b", runtime.bundle, runtime.id]).code == 0)
      let (image, log) = (runtime.bundle + "/image", runtime.bundle + "/words")
      try script(
        "criu", in: runtime,
        """
        echo "$@" >> \(log)
        case $1 in restore)
          sleep 100 >/dev/null 2>&1 &
          for word; do [ "$last" = --pidfile ] && echo $! > $word; last=$word; done
        esac
        """)
      let globals = ["--criu", runtime.bundle + "/criu"]
      #expect(
        try runtime.call(
          ["checkpoint", "--image-path", image, "--tcp-established", "--file-locks", runtime.id], globals: globals
        ).code == 0)
      #expect(runtime.state == nil, "it is deleted when it was taken down")
      let words = try readText(Path(log))
      #expect(words.hasPrefix("dump "))
      for word in [
        "--tcp-established", "--file-locks", "--images-dir \(image)", "--external mnt[/proc/kcore]:/proc/kcore",
      ] {
        #expect(words.contains(word), "\(word)")
      }
      let restored = try runtime.call(
        ["restore", "--image-path", image, "-b", runtime.bundle, "--detach", "--pid-file", image + "/pid", runtime.id],
        globals: globals)
      #expect(restored.code == 0, "\(restored.errors)")
      #expect(try readText(Path(log)).contains("--restore-sibling"))
      #expect(runtime.state?["status"] == "running")
      #expect(try readText(Path(image + "/pid")) == "\(try #require(runtime.state?["pid"]?.integer))")
      #expect(try runtime.call(["kill", runtime.id, "KILL"]).code == 0)
    }
  }

  private func script(_ name: String, in runtime: Runtime, _ text: String) throws {
    try replaceFile(Path("\(runtime.bundle)/\(name)"), with: Array("#!/bin/sh\n\(text)\n".utf8), mode: 0o755)
  }

  @Test func enginesReadTheLog() throws {
    try with(["/no/such/program"]) { runtime in
      let log = runtime.bundle + "/log.json"
      let globals = ["--log", log, "--log-format", "json", "--debug"]
      #expect(try runtime.call(["run", "-b", runtime.bundle, runtime.id], globals: globals).code == 1)
      let lines = try readText(Path(log)).split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
      let last = try #require(lines.last)
      #expect(last["level"] == "error")
      #expect(last["msg"]?.string?.contains("exec: \"/no/such/program\": no such file or directory") == true)
      #expect(last["time"]?.string?.isEmpty == false)
      #expect(lines.contains { $0["level"] == "debug" && $0["msg"]?.string?.contains("host") == true })
    }
  }

  /// What `create` saves for `exec` only saves time: a container of an older version has none of it.
  @Test func execIsFilteredWithAndWithoutWhatCreateSaved() throws {
    let runtime = try RuntimeSandbox()
    defer { runtime.remove() }
    let id = runtime.prefix + "-filter"
    try runtime.configure { config in
      config["process"] =
        [
          "args": ["/bin/sleep", "100"], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
        ] as [String: Any]
      var linux = config["linux"] as? [String: Any] ?? [:]
      linux["seccomp"] = [
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [["names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95] as [String: Any]],
      ]
      config["linux"] = linux
    }
    defer { _ = try? runtime.runtime(["delete", "--force", id]) }
    #expect(try runtime.runtime(["run", "--detach", "--bundle", runtime.bundle, id]).code == 0)
    let saved = Path("\(runtime.root)/\(id)/filter")
    let state = Path("\(runtime.root)/\(id)/state.json")
    func expectRefusal(_ what: Comment) throws {
      let result = try runtime.runtime(["exec", id, "/bin/mkdir", "/tmp/new"])
      #expect(result.code == 1 && result.errors.contains("Operation not supported"), what)
    }
    try expectRefusal("saved")
    let bytes = try readFile(saved)
    try replaceFile(saved, with: Array(bytes.dropLast(3)), durable: false)
    try expectRefusal("damaged")
    try removeFile(saved)
    try expectRefusal("not there")
    var members = try #require(try JSONValue(parsing: try readFile(state)).object)
    #expect(members["groupMounts"] != nil)
    members["groupMounts"] = nil
    try replaceFile(state, with: JSONValue.object(members).jsonBytes(), durable: false)
    try expectRefusal("mounts not recorded")
    members["groupMounts"] = [["key": "memory", "point": "/nowhere"]]
    try replaceFile(state, with: JSONValue.object(members).jsonBytes(), durable: false)
    try expectRefusal("mounts that are gone")
  }

  @Test func itsPagesAndCompletionsAreWhole() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let result = try sandbox.shell(
      "\"$0\" oci completion bash | bash -n && mkdir \(sandbox.folder.path)/man && \"$0\" oci man --all \(sandbox.folder.path)/man && ls \(sandbox.folder.path)/man"
    )
    #expect(result.code == 0 && result.errors.isEmpty, "\(result.errors)")
    for page in ["skiff-runtime.1", "skiff-runtime-create.1", "skiff-runtime-events.1"] {
      #expect(result.output.contains(page))
    }
  }
}
