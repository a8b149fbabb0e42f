import Foundation
import Testing

/// The black-box cases of Conformance/ over this runtime, as they run over any: once as they are, and once more under each filter
/// that hides a system call which older kernels and other people's filters lack.
@Suite(
  .serialized, .enabled(if: getuid() == 0, "the cases make containers, which needs root"),
  .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "the cases are written in Python 3"),
  .enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/busybox"), "the cases' root is busybox"))
struct ConformanceTests {
  /// The release where `make test` has built one: the debug build is the same program, only slower.
  private static let program = ProcessInfo.processInfo.environment["SKIFF_RELEASE"] ?? Sandbox.skiff

  private func run(_ words: [String]) throws -> (code: Int32, text: String) {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "skiff-conformance-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let runtime = folder.path + "/skiff-runtime"
    try FileManager.default.createSymbolicLink(atPath: runtime, withDestinationPath: Self.program)
    let suite = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Conformance/run")
    let log = folder.path + "/log"
    let line = ([suite.path, runtime] + words).map { "'\($0)'" }.joined(separator: " ")
    let status = try Shell("exec /usr/bin/python3 \(line) </dev/null >\(log) 2>&1").waitForExit()
    return (status?.code ?? -1, (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
  }

  /// The racers' thousands of starts are `make attack`'s.
  @Test func everyCase() throws {
    let result = try run(["--races", ProcessInfo.processInfo.environment["SKIFF_ATTACKS"] ?? "50", "--timeout", "120"])
    #expect(result.code == 0, "\(result.text.suffix(8000))")
    #expect(result.text.contains("all "), "\(result.text.suffix(2000))")
  }

  @Test(arguments: ["openat2", "clone3", "open_tree", "fsopen", "mount_setattr", "pidfd_open", "close_range"])
  func everyRuleOnceWithoutACall(name: String) throws {
    let result = try run(["--quick", "--without", name, "--races", "10", "--timeout", "120"])
    #expect(result.code == 0, "\(result.text.suffix(8000))")
  }
}
