import Foundation
import Testing

/// containerd, driven by ctr: its shim takes the runtime's path as the option BinaryName.
struct ContainerdEngine: EngineUnderTest {
  @TaskLocal static var current: Self?
  static var slot: TaskLocal<Self?> { $current }
  static var programs: [String] { ["containerd", "ctr", "containerd-shim-runc-v2"] }

  let host: EngineHost
  let removal = ["task", "rm", "-f"]
  let command = ["ctr", "-a", "/run/ctr.sock"]
  var runOptions: [String] { ["--runc-binary", host.runtime, "--runc-root", "/run/skiff"] }

  init(_ host: EngineHost) throws {
    self.host = host
    // Only the plugins that ctr needs; the daemon may not raise its own score where it is no real root.
    let configuration = """
      version = 2
      root = "\(host.folder)/containerd"
      state = "/run/containerd"
      disabled_plugins = ["io.containerd.grpc.v1.cri"]
      [grpc]
        address = "/run/ctr.sock"
      """
    try Data(configuration.utf8).write(to: URL(filePath: host.folder + "/containerd.toml"))
    try host.startDaemon(
      "containerd", ["containerd", "--config", host.folder + "/containerd.toml"], isReady: command + ["version"])
  }

  /// `ctr run` of a container without an image.
  func run(_ name: String, _ options: [String] = [], _ program: String...) throws -> Sandbox.Result {
    let options = runOptions + ["--cgroup", "/\(host.group)/\(name)", "--rootfs"] + options
    return try host.run(command + ["run"] + options + [host.folder + "/rootfs", name] + program)
  }
}

extension SuiteTrait where Self == EngineTrait<ContainerdEngine> {
  static var containerd: Self { Self() }
}

@Suite(
  .serialized, .containerd,
  .enabled(if: ContainerdEngine.obstacle == nil, Comment(rawValue: ContainerdEngine.obstacle ?? "")))
struct ContainerdTests {
  let containerd: ContainerdEngine

  init() throws { containerd = try #require(ContainerdEngine.current) }

  private func task(_ words: String...) throws -> Sandbox.Result {
    try containerd.host.run(containerd.command + ["task"] + words)
  }

  private func status(of name: String) throws -> String? {
    try task("ls").output.split(separator: "\n").map { $0.split(separator: " ") }.first { $0.first == name[...] }?
      .last.map(String.init)
  }

  private func withTask(_ name: String, _ body: () throws -> Void) throws {
    let wait = "trap 'exit 4' TERM; i=0; while :; do i=$((i+1)); echo $i >/tmp-\(name); sleep 0.02; done"
    let started = try containerd.run(name, ["-d"], "sh", "-c", wait)
    try #require(started.code == 0, "\(started.errors)")
    defer {
      _ = try? task("rm", "-f", name)
      _ = try? containerd.call("c", "rm", name)
    }
    try body()
  }

  @Test func runsToTheEnd() throws {
    let result = try containerd.run("once", ["--rm"], "sh", "-c", "echo out; echo err >&2; exit 5")
    #expect(result.output == "out\n")
    #expect(result.errors.hasPrefix("err\n"))
    #expect(result.code == 5)
    #expect(try task("ls").output.split(separator: "\n").count == 1)
  }

  @Test func tellsWhatIsWrong() throws {
    let missing = try containerd.run("missing", ["--rm"], "nonexistent")
    #expect(missing.errors.contains(#"OCI runtime create failed"#))
    #expect(missing.errors.contains(#"exec: "nonexistent": executable file not found in $PATH"#), "\(missing.errors)")
    let denied = try containerd.run("denied", ["--rm"], "/etc/passwd")
    #expect(denied.errors.contains(#"exec: "/etc/passwd": permission denied"#), "\(denied.errors)")
    // The runtime's own state is gone too, or the name would be taken.
    #expect(try containerd.run("missing", ["--rm"], "true").code == 0)
  }

  @Test func killsAndDeletes() throws {
    try withTask("killed") {
      #expect(try status(of: "killed") == "RUNNING")
      #expect(try task("kill", "-s", "TERM", "killed").code == 0)
      for _ in 0..<100 where try status(of: "killed") != "STOPPED" { usleep(20_000) }
      // A second signal finds nobody, in words that the shim takes for that.
      #expect(try task("kill", "-s", "TERM", "killed").errors.contains("not found"))
      #expect(try task("rm", "killed").errors.contains("non-zero exit code 4"))
      #expect(try status(of: "killed") == nil)
    }
  }

  @Test func pausesAndResumes() throws {
    try withTask("paused") {
      func count() throws -> String? {
        try? String(contentsOfFile: containerd.host.folder + "/rootfs/tmp-paused", encoding: .utf8)
      }
      #expect(try task("pause", "paused").code == 0)
      #expect(try status(of: "paused") == "PAUSED")
      let before = try count()
      usleep(200_000)
      #expect(try count() == before)
      #expect(try task("resume", "paused").code == 0)
      #expect(try status(of: "paused") == "RUNNING")
      usleep(200_000)
      #expect(try count() != before)
    }
  }

  @Test func executes() throws {
    try withTask("entered") {
      // ctr may miss the output of a process that ends at once, whatever its runtime.
      let script = "echo inside; sleep 0.3; exit 6"
      let result = try task("exec", "--exec-id", "one", "entered", "sh", "-c", script)
      #expect(result.output == "inside\n")
      #expect(result.code == 6)
      let missing = try task("exec", "--exec-id", "two", "entered", "nonexistent")
      #expect(missing.errors.contains("executable file not found in $PATH"), "\(missing.errors)")
      #expect(
        try task(
          "exec", "--exec-id", "three", "--cwd", "/bin", "--user", "1000:1000", "entered", "sh", "-c",
          "id -u; pwd; sleep 0.3"
        ).output == "1000\n/bin\n")
    }
  }

  @Test func listsProcessesAndStatistics() throws {
    try withTask("listed") {
      let lines = try task("ps", "listed").output.split(separator: "\n")
      #expect(lines.count >= 2, "a title and the first process at least: \(lines)")
      let metrics = try task("metrics", "--format", "json", "listed")
      #expect(metrics.code == 0, "\(metrics.errors)")
      #expect(metrics.output.contains("pids"))
    }
  }

  @Test func passesTheTerminal() throws {
    let words =
      containerd.command + ["run", "--rm", "-t"] + containerd.runOptions
      + ["--cgroup", "/\(containerd.host.group)/typed", "--rootfs", containerd.host.folder + "/rootfs", "typed"]
    try containerd.checkTerminal(words + ["sh", "-c"])
  }
}
