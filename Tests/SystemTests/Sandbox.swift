import Foundation
import Kernel
import Testing

/// State directories of a test's own, a root of busybox's commands, and a look at what the host still has of them.
final class Sandbox {
  let folder: URL
  var rootfs: String { folder.path + "/rootfs" }
  var state: String { folder.path + "/lib" }
  var run: String { folder.path + "/run" }

  struct Result {
    var code: Int32
    var output: String
    var errors: String
  }

  /// A call that is under way.
  final class Call {
    fileprivate let process = Process()
    fileprivate let output: URL
    fileprivate let errors: URL

    fileprivate init(_ folder: URL) {
      let name = UUID().uuidString
      output = folder.appending(path: "out-\(name)")
      errors = folder.appending(path: "err-\(name)")
    }

    var identifier: ProcessIdentifier { process.processIdentifier }

    func finish() -> Result {
      process.waitUntilExit()
      func text(_ file: URL) -> String { (try? String(contentsOf: file, encoding: .utf8)) ?? "" }
      let code = process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
      return Result(code: code, output: text(output), errors: text(errors))
    }
  }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "skiff-sandbox-\(UUID().uuidString.prefix(8))")
    let bin = folder.appending(path: "rootfs/bin")
    try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
    try copyBusybox(to: bin.path + "/busybox")
    for name in [
      "sh", "true", "false", "echo", "sleep", "cat", "ls", "id", "ps", "nc", "ip", "kill", "mkdir", "touch", "tail",
      "head", "grep", "mount", "pwd", "env", "df", "stat",
    ] {
      try FileManager.default.createSymbolicLink(atPath: "\(bin.path)/\(name)", withDestinationPath: "busybox")
    }
    try FileManager.default.createDirectory(
      at: folder.appending(path: "rootfs/etc"), withIntermediateDirectories: true)
    try Data("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n".utf8)
      .write(to: folder.appending(path: "rootfs/etc/passwd"))
  }

  func remove() {
    // The default network is made by its first use, and is the machine's, not this folder's.
    _ = try? skiff(["network", "rm", "bridge"])
    try? FileManager.default.removeItem(at: folder)
  }

  /// Why there can be none here.
  static let obstacle: String? = {
    if getuid() != 0 { return "containers need root" }
    return FileManager.default.isExecutableFile(atPath: "/bin/busybox") ? nil : "no busybox"
  }()

  /// Runs `body` with one. Then each of its containers can be removed, and nothing of any is left.
  static func with(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox)
    let identifiers = sandbox.identifiers()
    for name in try sandbox.skiff(["ps", "-aq"]).output.split(separator: "\n") {
      #expect(try sandbox.skiff(["rm", "-f", String(name)]).code == 0)
    }
    #expect(sandbox.leaks(of: identifiers) == [])
  }

  /// Waits until `inspect -f` says that of the container.
  func expect(_ name: String, _ format: String, _ value: String, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    var seen = ""
    for _ in 0..<400 {
      seen = try skiff(["inspect", "-f", format, name]).output
      if seen == value + "\n" { return }
      usleep(50_000)
    }
    Issue.record("\(name) has \(format) \(seen), not \(value)", sourceLocation: sourceLocation)
  }

  /// Starts the program. Its output goes to files: a supervisor that lives on must not hold a pipe of the test open.
  func start(
    _ words: [String], environment: [String: String] = [:], program: String = Sandbox.skiff
  ) throws -> Call {
    let call = Call(folder)
    for file in [call.output, call.errors] { FileManager.default.createFile(atPath: file.path, contents: nil) }
    call.process.executableURL = URL(filePath: program)
    call.process.arguments = words
    call.process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SKIFF_ROOT": state, "SKIFF_STATE": run]
      .merging(environment) { $1 }
    call.process.standardInput = FileHandle.nullDevice
    call.process.standardOutput = try FileHandle(forWritingTo: call.output)
    call.process.standardError = try FileHandle(forWritingTo: call.errors)
    try call.process.run()
    return call
  }

  /// A line of bash, in which "$0" is the program.
  func shell(_ line: String) throws -> Result {
    try start(["-c", line, Sandbox.skiff], program: "/bin/bash").finish()
  }

  func skiff(_ words: [String], environment: [String: String] = [:]) throws -> Result {
    try start(words, environment: environment).finish()
  }

  /// The debug build beside the tests.
  static let skiff =
    URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "skiff").path

  // MARK: - What is there

  private func names(_ path: String) -> [String] { ((try? entries(of: Path(path))) ?? []).map(\.name.string) }

  /// All containers that have left a trace in the state.
  func identifiers() -> Set<String> {
    Set(["\(state)/containers", "\(run)/containers", "\(run)/locks"].flatMap(names).filter { $0.utf8.count == 64 })
  }

  /// Whether the last run's container ended as it should, and its supervisor did too.
  var ranToItsEnd: Bool {
    names("\(run)/containers").isEmpty && supervisors().isEmpty
  }

  /// Supervisors that work on this state.
  func supervisors() -> [ProcessIdentifier] {
    names("/proc").compactMap { ProcessIdentifier($0) }.filter { process in
      guard let words = try? readText(Path("/proc/\(process)/cmdline")) else { return false }
      return words.hasPrefix("skiff-monitor") && words.contains(state)
    }
  }

  /// Waits until nobody holds a container. Who was killed lets go of its lock a moment after its memory and its socket.
  func settle() {
    for _ in 0..<1000 {
      let isHeld = names("\(run)/locks").contains { name in
        guard let lock = try? open(Path("\(run)/locks/\(name)"), .readOnly) else { return false }
        return (try? lock.borrowed.tryLock(.shared)) != true
      }
      if !isHeld && supervisors().isEmpty { return }
      usleep(5000)
    }
  }

  /// An image `box` of two layers with busybox in it, made by stage and commit.
  func makeImage() throws {
    let calls = [
      ["stage", "-q", "-t", "plain", "busybox"],
      ["run", "--name", "seed", "--network", "none", "plain", "busybox", "touch", "/second"],
      ["commit", "seed", "box"], ["rm", "seed"],
    ]
    for words in calls {
      let result = try skiff(words)
      guard result.code == 0 else { throw Failure(description: "\(words): \(result.errors)") }
    }
  }

  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Everything of these containers that is still on the host, in words.
  func leaks(of identifiers: Set<String>) -> [String] {
    // A supervisor removes empty directories when its command has heard of the end, and may be at it.
    var found = lastingSupervisors().map { "supervisor \($0)" }
    for path in ["\(state)/containers", "\(state)/names", "\(run)/containers", "\(run)/locks"] {
      found += names(path).map { "\(path)/\($0)" }
    }
    // A named volume is meant to stay; one without a name is its container's, and one with a dot is half of one.
    found += names("\(state)/volumes").filter { $0.utf8.count == 64 || $0.hasPrefix(".") }.map { "volume \($0)" }
    for path in ["\(state)/images/ingest", "\(state)/layers/.work"] { found += names(path).map { "\(path)/\($0)" } }
    found += names("\(run)/networks").filter { $0.hasSuffix(".new") }
    for network in names("\(run)/networks") {
      for kind in ["leases", "members"] {
        found += names("\(run)/networks/\(network)/\(kind)").filter { !$0.hasPrefix(".") }
          .map { "\(kind) of \(network): \($0)" }
      }
    }
    for hierarchy in names("/sys/fs/cgroup") {
      let groups = Set(names("/sys/fs/cgroup/\(hierarchy)/skiff")).intersection(identifiers)
      found += groups.map { "cgroup \(hierarchy)/skiff/\($0)" }
    }
    found += Set(names("/sys/fs/cgroup/skiff")).intersection(identifiers).map { "cgroup skiff/\($0)" }
    found += leakedLinks(of: identifiers).map { "link \($0)" }
    if let mounts = try? readText("/proc/self/mountinfo"), mounts.contains(folder.path) {
      found.append("a mount below \(folder.path)")
    }
    return found
  }

  /// One whose command was killed reads the end of its socket, or its container's, and ends a moment later.
  func lastingSupervisors() -> [ProcessIdentifier] {
    for _ in 0..<50 {
      if supervisors().isEmpty { return [] }
      usleep(100_000)
    }
    return supervisors()
  }

  /// The kernel takes a cable away a moment after the namespace that it leads into.
  private func leakedLinks(of identifiers: Set<String>) -> [String] {
    for _ in 0..<500 {
      let links = names("/sys/class/net").filter { link in identifiers.contains { link.contains($0.prefix(8)) } }
      if links.isEmpty { return [] }
      usleep(10_000)
    }
    return names("/sys/class/net").filter { link in identifiers.contains { link.contains($0.prefix(8)) } }
  }
}
