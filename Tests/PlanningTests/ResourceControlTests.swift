import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// `linux.intelRdt`, on hosts that have resctrl.
@Suite struct ResourceControlTests {
  private func plan(
    _ control: ResourceControl?, _ change: (inout Spec.IntelRdt) -> Void
  ) throws -> LaunchPlan {
    var shares = Spec.IntelRdt()
    change(&shares)
    var request = launchRequest(goodSpec { $0.linux!.intelRdt = shares })
    request.identifier = "box"
    request.host.resourceControl = control
    return try compile(request)
  }

  private let empty = ResourceControl(mount: "/sys/fs/resctrl")

  @Test func aGroupOfItsOwn() throws {
    let plan = try plan(empty) {
      $0.l3CacheSchema = "MB:0=90\nL3:0=f"
      $0.memBwSchema = "MB:0=20"
      $0.schemata = ["L2:0=1", "L2:1=3"]
    }
    #expect(
      plan.host == [
        .file(.makeDirectory("/sys/fs/resctrl/box", mode: 0o755)),
        .cgroup(.write("/sys/fs/resctrl/box", file: "schemata", value: "L3:0=f\nMB:0=20\n")),
        .cgroup(.write("/sys/fs/resctrl/box", file: "schemata", value: "L2:0=1\nL2:1=3\n")),
      ])
    #expect(plan.wiring == [.cgroup(.admit("/sys/fs/resctrl/box", isV2: false))])
    #expect(plan.host[0].undo == .file(.removeDirectory("/sys/fs/resctrl/box")))
  }

  /// A class with a name stays: others may be in it.
  @Test func aClassThatIsSharedIsMadeAndKept() throws {
    let plan = try plan(empty) {
      $0.closID = "gold"
      $0.schemata = ["L3:0=f"]
      $0.enableMonitoring = true
    }
    #expect(plan.host.first == .cgroup(.ensure("/sys/fs/resctrl/gold")))
    #expect(plan.host.last == .file(.makeDirectory("/sys/fs/resctrl/gold/mon_groups/box", mode: 0o755)))
    #expect(
      plan.wiring == [
        .cgroup(.admit("/sys/fs/resctrl/gold", isV2: false)),
        .cgroup(.admit("/sys/fs/resctrl/gold/mon_groups/box", isV2: false)),
      ])
    #expect(plan.host[0].undo == nil)
  }

  @Test func aClassThatIsThere() throws {
    let control = ResourceControl(mount: "/c", schemata: ["L3:0=00ff;1=0f", "MB:0=100"])
    #expect(try plan(control) { $0.closID = "gold" }.host.isEmpty)
    #expect(
      try plan(control) {
        $0.closID = "gold"
        $0.l3CacheSchema = "L3:0=FF"
      }.wiring == [.cgroup(.admit("/c/gold", isV2: false))])
    #expect(throws: PlanningError.self) {
      try plan(control) {
        $0.closID = "gold"
        $0.l3CacheSchema = "L3:0=7f"
      }
    }
    #expect(try plan(control) { $0.closID = "/" }.wiring == [.cgroup(.admit("/c", isV2: false))])
  }

  @Test func refused() {
    #expect { try plan(nil) { $0.closID = "a" } } throws: {
      "\($0)" == "linux.intelRdt: no resctrl is mounted on this host"
    }
    #expect(throws: PlanningError.self, "no such class") { try plan(empty) { $0.closID = "gold" } }
    for name in [".", "..", "a/b", "../x", "info", "mon_groups"] {
      #expect(throws: PlanningError.self, "\(name)") {
        try plan(empty) {
          $0.closID = name
          $0.schemata = ["L3:0=f"]
        }
      }
    }
    #expect(throws: PlanningError.self) { try plan(empty) { $0.memBwSchema = "L3:0=1" } }
    #expect(throws: PlanningError.self) { try plan(empty) { $0.memBwSchema = "MB:0=1\nL3:0=1" } }
  }

  @Test func whoEntersEntersTheGroupToo() throws {
    let spec = goodSpec { $0.linux!.intelRdt = Spec.IntelRdt() }
    var request = joinRequest(spec.process!, in: spec)
    request.identifier = "box"
    request.host = HostFacts(resourceControl: empty)
    let exec = try compileExec(request)
    #expect(exec.joining.first == .cgroup(.join("/sys/fs/resctrl/box", isV2: false)))
  }
}
