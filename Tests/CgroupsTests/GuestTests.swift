import Glibc
import Kernel
import Testing

@testable import Cgroups

/// These tests again in a virtual machine, whose cgroup layout is another than that of the machine at hand: pure v2 with
/// the device program, and v1 with cpu and cpuacct in one hierarchy.
@Suite(.serialized, .enabled(if: Guest.obstacle == nil, Comment(rawValue: Guest.obstacle ?? "")))
struct GuestTests {
  @Test(arguments: ["v2", "v1"]) func theTestsPassOn(_ cgroups: String) throws {
    let (status, output) = try Guest.run(
      cgroups,
      [Guest.program, "--testing-library", "swift-testing", "--no-parallel"]
        + ["CgroupTests", "PerformTests", "InsideGuestTests"].flatMap { ["--filter", "CgroupsTests.\($0)"] })
    let failures = output.split(separator: "\n").filter { $0.contains("recorded an issue") }.joined(separator: "\n")
    #expect(status == .exited(0), "\(failures.isEmpty ? String(output.suffix(2000)) : failures)")
    // A run in which all was skipped is none.
    #expect(output.contains("Test theLayoutIsTheOneAskedFor() passed"))
    #expect(output.contains("Test devicesThatNoRuleNamesAreClosed() passed"))
    #expect(output.contains("Test aHogIsKilledAndNamed(_:)"))
    #expect(!output.contains("skipped"))
  }

  @Test func itsExitCodeAndOutputArePassedOn() throws {
    let (status, output) = try Guest.run(
      "v2", ["/bin/sh", "-c", "echo \"in $(cat /sys/fs/cgroup/cgroup.controllers)\"; exit 42"])
    #expect(status == .exited(42))
    #expect(output.contains("in cpuset cpu io memory"))
  }
}

@Suite(.enabled(if: Guest.isInside, "only in the virtual machine"))
struct InsideGuestTests {
  @Test func theLayoutIsTheOneAskedFor() throws {
    let layout = try CgroupLayout.detect()
    #expect(layout.kind.rawValue == environment("SKIFF_GUEST_CGROUPS"))
    if layout.kind == .v1 { #expect(layout.hierarchies.contains { $0.controllers == ["cpu", "cpuacct"] }) }
    if layout.kind == .v2 { #expect(layout.has("memory") && layout.hasSwapLimit) }
    #expect(Machine.obstacle == nil)
  }
}

enum Guest {
  static var isInside: Bool { environment("SKIFF_GUEST_CGROUPS") != nil }

  /// The program that runs the tests.
  static var program: String { (try? readSymbolicLink("/proc/self/exe").string) ?? "" }

  private static var script: String {
    Path(#filePath).parent.parent.parent.appending("Scripts/guest").string
  }

  /// Why there is no virtual machine here.
  static let obstacle: String? = {
    if isInside { return "this is the virtual machine" }
    guard let (status, output) = try? capture("\(quoted(script)) -n") else { return "no /bin/sh" }
    return status == .exited(0) ? nil : output.isEmpty ? "\(script) failed" : output
  }()

  static func run(_ cgroups: String, _ command: [String]) throws -> (Kernel.ExitStatus?, String) {
    let files = [program] + ["sh", "sleep", "head", "tail", "tr", "cat"].map { "/bin/" + $0 }
    let words = [script, "-c", cgroups, "-t", "400"] + files.flatMap { ["-f", $0] } + ["--"] + command
    return try capture(words.map(quoted).joined(separator: " "))
  }

  private static func capture(_ command: String) throws -> (Kernel.ExitStatus?, String) {
    let file = Path("/tmp/skiff-guest-\(processIdentifier())-\(UInt32.random(in: 0 ... .max))")
    defer { try? removeFile(file) }
    let shell = try Shell("exec \(command) >\(file) 2>&1")
    let status = shell.waitForExit()
    return (status, String(decoding: try readFile(file), as: UTF8.self))
  }

  private static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: "'\\''") + "'" }
}
