import Foundation
import Kernel
import Testing

/// A machine of an engine's own: namespaces for its mounts, network and processes, directories, control groups below one
/// name, and `skiff-runtime` to run its containers with.
///
/// Whatever happens to the tests, nothing of it stays: the namespaces' first process ends with the pipe that it reads, the
/// kernel kills the rest with it, and who waits for that takes the groups and the directories away.
final class EngineHost: @unchecked Sendable {
  private let sandbox: Sandbox
  private let holder: Shell
  private var lifeline: Descriptor?
  /// Killed where nobody holds them any more.
  private var daemons: [Call] = []
  private let process: ProcessIdentifier
  /// The parent of all control groups that the engine makes.
  let group: String
  var environment: [String: String]

  var folder: String { sandbox.folder.path }
  var runtime: String { folder + "/skiff-runtime" }
  /// A root of busybox's commands, as an archive that every engine imports.
  var archive: String { folder + "/box.tar" }

  init() throws {
    sandbox = try Sandbox()
    let folder = sandbox.folder.path
    group = "skiff-engine-" + sandbox.folder.lastPathComponent.suffix(8)
    environment = [
      "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": "/run",
      "SWIFT_BACKTRACE": "enable=no",
    ]
    for name in ["sed", "httpd", "wget", "stty", "dd", "tr", "readlink", "rm", "test", "wc"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(sandbox.rootfs)/bin/\(name)", withDestinationPath: "busybox")
    }
    for name in ["tmp", "data"] {
      try FileManager.default.createDirectory(atPath: "\(sandbox.rootfs)/\(name)", withIntermediateDirectories: true)
    }
    let program = Kernel.environment("SKIFF_RELEASE") ?? Sandbox.skiff
    try FileManager.default.createSymbolicLink(atPath: folder + "/skiff-runtime", withDestinationPath: program)
    let alive = folder + "/alive"
    _ = try Shell("mkfifo \(alive)").waitForExit()
    // Open for both, it waits for nobody.
    lifeline = try open(Path(alive), .readWrite)
    let arguments = [Self.outside, "bash", folder, group, Self.inside].map(Self.quoted)
    holder = try Shell("exec bash -c \(arguments.joined(separator: " ")) </dev/null >/dev/null 2>&1")
    for _ in 0..<500 where !FileManager.default.fileExists(atPath: folder + "/ready") { usleep(10_000) }
    let text = try String(contentsOfFile: folder + "/ready", encoding: .utf8)
    process = try #require(ProcessIdentifier(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    let packed = try sandbox.start(["-C", sandbox.rootfs, "-cf", folder + "/box.tar", "."], program: "/bin/tar")
      .finish()
    guard packed.code == 0 else { throw Sandbox.Failure(description: packed.errors) }
  }

  private static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }

  /// What lives on here would keep open what other tests wait for the end of.
  private static let closing = """
    for file in /proc/self/fd/*; do number=${file##*/}; [ "$number" -gt 2 ] && eval "exec $number>&-"; done
    """

  /// Waits for the namespaces to end, then takes away what is on the disk and in the control groups.
  private static let outside = """
    \(closing)
    unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private bash -c "$3" bash "$1" &
    unshare=$!
    for _ in $(seq 500); do [ -e "$1/inside" ] && break; sleep 0.01; done
    tr -d ' ' <"/proc/$unshare/task/$unshare/children" >"$1/ready.new" && mv "$1/ready.new" "$1/ready"
    cat "$1/alive" >/dev/null
    kill -KILL "$unshare"; wait "$unshare"
    for top in /sys/fs/cgroup /sys/fs/cgroup/*; do
      for _ in $(seq 100); do
        [ -d "$top/$2" ] || break
        find "$top/$2" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
      done
    done
    rm -rf "$1"
    """

  /// An engine that finds in /run what another one or the machine's own keeps there would use it.
  private static let inside = """
    resolver=$(readlink -m /etc/resolv.conf); cp "$resolver" "$1/resolv.conf" 2>/dev/null || : >"$1/resolv.conf"
    mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/lock "$(dirname "$resolver")"
    [ -e "$resolver" ] || cp "$1/resolv.conf" "$resolver"
    ip link set lo up
    : >"$1/inside"
    # Number 1 of the namespace: what has lost its parent is reaped here.
    while :; do sleep 1000 & wait $!; done
    """

  func remove() {
    daemons = []
    lifeline = nil
    holder.waitForExit()
  }

  // MARK: - Commands

  /// A command that is under way. Not by Foundation's Process, which waits for everybody who inherited a descriptor of its
  /// own: conmon, which stays, is one.
  final class Call {
    private let shell: Shell
    private let files: String
    var isRunning: Bool { Kernel.isRunning(shell.process) }

    fileprivate init(_ words: [String], environment: [String: String], files: String) throws {
      self.files = files
      let quoted = (environment.map { "\($0)=\($1)" } + words).map(EngineHost.quoted)
      shell = try Shell(
        "exec bash -c '\(EngineHost.closing); exec env -i \"$@\"' bash \(quoted.joined(separator: " ")) </dev/null >\(files).out 2>\(files).err"
      )
    }

    func finish() -> Sandbox.Result {
      let status = shell.waitForExit()
      func text(_ file: String) -> String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
      return Sandbox.Result(code: status?.code ?? -1, output: text(files + ".out"), errors: text(files + ".err"))
    }
  }

  /// Starts a command on this machine. One that hangs is killed: it is the engine that is under test.
  func start(_ words: [String], seconds: Int = 60) throws -> Call {
    let enter = ["-t", "\(process)", "-m", "-n", "-p", "--wd=\(folder)", "--"]
    return try Call(
      ["timeout", "-k", "5", "\(seconds)", "nsenter"] + enter + words, environment: environment,
      files: "\(folder)/call-\(UUID().uuidString)")
  }

  func run(_ words: [String], seconds: Int = 60) throws -> Sandbox.Result {
    try start(words, seconds: seconds).finish()
  }

  /// A line of sh; "$0" is the folder.
  @discardableResult
  func shell(_ line: String) throws -> Sandbox.Result { try run(["/bin/sh", "-c", line, folder]) }

  /// Starts a daemon that writes to `name`.log, and waits until `isReady` succeeds.
  func startDaemon(_ name: String, _ words: [String], isReady: [String]) throws {
    let daemon = try start(["/bin/sh", "-c", "exec \"$@\" >$0/\(name).log 2>&1", folder] + words, seconds: 100_000)
    daemons.append(daemon)
    for _ in 0..<200 {
      if try run(isReady).code == 0 { return }
      guard daemon.isRunning else { break }
      usleep(100_000)
    }
    let log = try? String(contentsOfFile: "\(folder)/\(name).log", encoding: .utf8)
    throw Sandbox.Failure(description: "\(name) does not come up: \(log?.suffix(2000) ?? "no log")")
  }

  /// Tries until the command prints what is waited for.
  func expect(_ text: String, of words: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
    var last: Sandbox.Result?
    for _ in 0..<100 {
      let result = try run(words)
      if result.output.contains(text) { return }
      last = result
      usleep(100_000)
    }
    Issue.record(
      "never \(text): \(last?.output ?? "")\(last?.errors ?? "")", sourceLocation: sourceLocation)
  }
}

// MARK: - One for a suite

/// Starts an engine before the first test of a suite and ends it after the last.
struct EngineTrait<Engine: EngineUnderTest>: SuiteTrait, TestScoping {
  var isRecursive: Bool { false }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let host = try EngineHost()
    defer { host.remove() }
    let engine = try Engine(host)
    try await Engine.slot.withValue(engine) { try await function() }
  }
}

/// An engine whose containers `skiff-runtime` runs.
protocol EngineUnderTest: Sendable {
  init(_ host: EngineHost) throws
  static var programs: [String] { get }
  static var slot: TaskLocal<Self?> { get }
  var host: EngineHost { get }
  /// The command line up to the engine's command.
  var command: [String] { get }
  /// The command that kills and removes a container.
  var removal: [String] { get }
  /// What every container needs on top.
  var runOptions: [String] { get }
}

extension EngineUnderTest {
  /// Why its tests cannot run here; nil when they can.
  static var obstacle: String? {
    guard geteuid() == 0 else { return "needs root" }
    let missing = (programs + ["busybox", "unshare", "nsenter", "ip"]).filter { name in
      !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains {
        FileManager.default.isExecutableFile(atPath: $0 + "/" + name)
      }
    }
    return missing.isEmpty ? nil : "not installed: \(missing.joined(separator: ", ")) (`Scripts/setup test` brings it)"
  }

  func call(_ words: String...) throws -> Sandbox.Result { try host.run(command + words) }

  /// Runs a container of the image `box`.
  func run(_ options: [String], _ program: String...) throws -> Sandbox.Result {
    try host.run(command + ["run"] + runOptions + options + ["box"] + program)
  }

  /// The same, for a line of sh; its network is none unless the options say otherwise, which saves half of the time.
  func sh(_ options: [String] = [], _ script: String) throws -> Sandbox.Result {
    let network = options.contains("--network") || options.contains("-p") ? [] : ["--network", "none"]
    return try run(["--rm"] + network + options, "sh", "-c", script)
  }

  /// A container that waits, gone when `body` returns.
  func withContainer(
    _ name: String, _ options: [String] = [], script: String = "trap 'exit 0' TERM; while :; do sleep 0.1; done",
    _ body: () throws -> Void
  ) throws {
    let network = options.contains("--network") || options.contains("-p") ? [] : ["--network", "none"]
    let started = try run(["-d", "--name", name] + network + options, "sh", "-c", script)
    try #require(started.code == 0, "\(started.errors)")
    defer { _ = try? host.run(command + removal + [name]) }
    try body()
  }
}
