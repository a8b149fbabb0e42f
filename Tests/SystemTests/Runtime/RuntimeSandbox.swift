import Foundation
import Kernel

/// A bundle and a state directory of a test's own, for the program as an OCI runtime.
final class RuntimeSandbox {
  let base: Sandbox
  var bundle: String { base.folder.path + "/bundle" }
  var root: String { base.folder.path + "/oci" }
  /// In the names of containers and of their control groups.
  let prefix = "skifftest-" + UUID().uuidString.prefix(8).lowercased()

  init() throws {
    base = try Sandbox()
    try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
    for name in ["proc", "sys", "dev", "tmp"] {
      try FileManager.default.createDirectory(atPath: base.rootfs + "/" + name, withIntermediateDirectories: true)
    }
    try configure { _ in }
  }

  func remove() { base.remove() }

  /// Writes config.json: a small container that runs `true`, as `change` leaves it.
  func configure(_ change: (inout [String: Any]) -> Void) throws {
    var config: [String: Any] = [
      "ociVersion": "1.3.0",
      "process": [
        "args": ["/bin/true"], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 0, "gid": 0],
      ] as [String: Any],
      "root": ["path": base.rootfs],
      "mounts": [
        ["destination": "/proc", "type": "proc", "source": "proc"],
        ["destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]] as [String: Any],
      ],
      "linux": ["namespaces": ["pid", "mount", "ipc", "uts", "network"].map { ["type": $0] }],
    ]
    change(&config)
    try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: bundle + "/config.json"))
  }

  func configure(command: [String], hooks: [String: Any] = [:]) throws {
    try configure { config in
      var process = config["process"] as? [String: Any] ?? [:]
      process["args"] = command
      config["process"] = process
      if !hooks.isEmpty { config["hooks"] = hooks }
    }
  }

  /// A call that is under way. Not by Foundation's Process, which takes a child that closes what it inherited for one that has
  /// ended, and then waits for it where it should look after the others.
  final class Call {
    private let shell: Shell
    private let files: String

    fileprivate init(_ line: String, files: String) throws {
      self.files = files
      shell = try Shell("exec \(line) </dev/null >\(files).out 2>\(files).err")
    }

    var process: ProcessIdentifier { shell.process }

    /// What it has printed so far.
    var output: String { text(".out") }

    func finish() -> Sandbox.Result {
      let status = shell.waitForExit()
      return Sandbox.Result(code: status?.code ?? -1, output: output, errors: text(".err"))
    }

    private func text(_ stream: String) -> String {
      (try? String(contentsOfFile: files + stream, encoding: .utf8)) ?? ""
    }
  }

  func start(
    _ words: [String], environment: [String: String] = [:], program: String = Sandbox.skiff
  ) throws -> Call {
    let variables = environment.map { "\($0)='\($1)'" }
    let line = (["env"] + variables + [program, "oci", "--root", root] + words.map { "'\($0)'" }).joined(
      separator: " ")
    return try Call(line, files: base.folder.path + "/call-" + UUID().uuidString)
  }

  func runtime(_ words: [String], environment: [String: String] = [:]) throws -> Sandbox.Result {
    try start(words, environment: environment).finish()
  }

  func runtime(_ words: String..., environment: [String: String] = [:]) throws -> Sandbox.Result {
    try runtime(words, environment: environment)
  }

  /// What the host still has of all containers of this sandbox, in words.
  func leaks() -> [String] {
    func names(_ path: String) -> [String] { ((try? entries(of: Path(path))) ?? []).map(\.name.string) }
    var found = names(root).map { "state of \($0)" }
    for hierarchy in names("/sys/fs/cgroup") {
      found += names("/sys/fs/cgroup/\(hierarchy)").filter { $0.hasPrefix(prefix) }.map { "cgroup \(hierarchy)/\($0)" }
    }
    found += names("/sys/fs/cgroup").filter { $0.hasPrefix(prefix) }.map { "cgroup \($0)" }
    if let mounts = try? readText("/proc/self/mountinfo"), mounts.contains(base.folder.path) {
      found.append("a mount below \(base.folder.path)")
    }
    for process in names("/proc").compactMap({ ProcessIdentifier($0) }) where isRunning(process) {
      if let root = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/root"),
        root.hasPrefix(base.folder.path)
      {
        found.append("process \(process)")
      }
    }
    return found
  }
}
