import Foundation
import Kernel
import Testing

/// Containers of the engine that another OCI runtime makes: those that are installed, and our own program as one that is named
/// by its path.
final class OtherRuntimeBench {
  let base: Sandbox
  var folder: String { base.folder.path }

  /// The last is ours, which the engine knows nothing of.
  static let runtimes =
    ["crun", "runc"].filter { mayExecute(Path("/usr/bin/\($0)")) || mayExecute(Path("/usr/sbin/\($0)")) } + [ours]
  static let ours = "skiff-runtime by its path"

  init() throws {
    base = try Sandbox()
    try FileManager.default.createSymbolicLink(atPath: folder + "/skiff-runtime", withDestinationPath: Sandbox.skiff)
  }

  /// An image `box`; what needs none has busybox's commands in a directory.
  func makeImage(of programs: [String] = ["busybox", "sh"]) throws {
    let staged = try base.skiff(["stage", "-q", "-t", "box"] + programs)
    guard staged.code == 0 else { throw Sandbox.Failure(description: staged.errors) }
  }

  var root: [String] { ["--rootfs", base.rootfs] }

  /// What `--runtime` is given.
  func word(_ runtime: String) -> String { runtime == Self.ours ? folder + "/skiff-runtime" : runtime }

  /// As with `Sandbox.with`. A runtime may give the streams that it gets to the container's user: never the host's own device.
  static func with(_ body: (OtherRuntimeBench) throws -> Void) throws {
    let bench = try OtherRuntimeBench()
    defer { bench.base.remove() }
    let null = try status(of: "/dev/null")
    try body(bench)
    let after = try status(of: "/dev/null")
    #expect((after.owner, after.group, after.mode) == (null.owner, null.group, null.mode))
    let identifiers = bench.base.identifiers()
    for name in try bench.skiff(["ps", "-aq"]).output.split(separator: "\n") {
      #expect(try bench.skiff(["rm", "-f", String(name)]).code == 0)
    }
    bench.base.settle()
    #expect(bench.base.leaks(of: identifiers) == [])
  }

  /// In a mount namespace in which the host has no v2 beside its v1: crun refuses such a host.
  static let hiding =
    "exec unshare -m --propagation private sh -c "
    + "'! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec \"$@\"' sh"

  func skiff(
    _ words: [String], environment: [String: String] = [:], program: String = Sandbox.skiff
  ) throws -> Sandbox.Result {
    try start(words, environment: environment, program: program).finish()
  }

  func start(
    _ words: [String], environment: [String: String] = [:], program: String = Sandbox.skiff
  ) throws -> Sandbox.Call {
    try base.start(
      ["-c", Self.hiding + " \"$@\"", "sh", program] + words, environment: environment, program: "/bin/sh")
  }

  /// A line of a shell in which `skiff` is the program.
  func shell(_ line: String) throws -> Sandbox.Result {
    let script = "skiff() { (\(Self.hiding) \"\(Sandbox.skiff)\" \"$@\"); }; \(line)"
    return try base.start(["-c", script], program: "/bin/bash").finish()
  }

  /// Runs a container of the image to its end.
  func run(_ runtime: String, _ options: [String] = [], _ command: [String]) throws -> Sandbox.Result {
    try skiff(["run", "--rm", "--runtime", word(runtime)] + options + ["box", "busybox"] + command)
  }

  /// Starts one that stays.
  func detach(
    _ runtime: String, _ name: String, _ options: [String] = ["--network", "none"], _ script: String = "sleep 1000",
    root: [String]? = nil
  ) throws {
    let words = ["run", "-d", "--name", name, "--runtime", word(runtime)] + options
    let result = try skiff(words + (root ?? self.root) + ["sh", "-c", script])
    #expect(result.code == 0, "\(runtime): \(result.errors)")
  }

  /// A runtime of a test's own, in shell. `real` is crun, runc or ours, whatever it is given.
  func fake(_ name: String, _ script: String) throws -> String {
    let path = folder + "/" + name
    try Data("#!/bin/sh\nreal() { \(folder)/skiff-runtime \"$@\"; }\n\(script)\n".utf8).write(to: URL(filePath: path))
    chmod(path, 0o755)
    return path
  }
}
