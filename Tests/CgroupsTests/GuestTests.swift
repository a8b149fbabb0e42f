import Kernel
import Testing

@testable import Cgroups

/// These tests again in a virtual machine, whose cgroup layout is another than that of the machine at hand: pure v2 with
/// the device program, and v1 with cpu and cpuacct in one hierarchy.
@Suite(.serialized, .enabled(if: Guest.obstacle == nil, Comment(rawValue: Guest.obstacle ?? "")))
struct GuestTests {
  @Test(arguments: ["v2", "v1"]) func theTestsPassOn(_ cgroups: String) throws {
    let (status, output) = try Guest.run(
      cgroups, files: Guest.tools + [Guest.program],
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
      "v2", files: [], ["/bin/sh", "-c", "echo \"in $(cat /sys/fs/cgroup/cgroup.controllers)\"; exit 42"])
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
