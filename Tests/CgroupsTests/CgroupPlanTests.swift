import Kernel
import Steps
import Testing

@testable import Cgroups

/// A step as one line, so that a whole plan reads like a script.
func line(_ step: CgroupStep) -> String {
  switch step {
  case .ensure(let group): "ensure \(group)"
  case .make(let group): "make \(group)"
  case .write(let group, let file, let value): "\(group.appending(file)) = \(value)"
  case .writeFirst(let group, let settings, let orNone):
    settings.map { "\(group.appending($0.file)) = \($0.value)" }.joined(separator: " | ") + (orNone ? " | -" : "")
  case .enable(let group, let required, let wanted):
    "enable \(group) +\(required.joined(separator: ",")) (+\(wanted.joined(separator: ",")))"
  case .allowDevices(let group, let rules):
    "devices \(group): " + rules.map { ($0.allow ? "+" : "-") + $0.description }.joined(separator: "; ")
  case .inheritCpuset(let group): "inherit \(group)"
  case .join(let group, let isV2): "join \(group) \(isV2 ? "v2" : "v1")"
  case .admit(let group, let isV2): "admit \(group) \(isV2 ? "v2" : "v1")"
  case .startUnit(let unit, let groups): "start \(unit.name) \(groups.map(\.string).joined(separator: " "))"
  case .enterScope(let unit): "enter \(unit.name)"
  case .vacate(let group, let leaf): "vacate \(group) into \(leaf)"
  case .setUnit(let unit): "set \(unit.name)"
  case .stopUnit(let name, _, _): "stop \(name)"
  case .remove(let group): "remove \(group)"
  }
}

@Suite struct CgroupPlanTests {
  /// What `-m 64m --memory-swap 96m --cpus 1.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 100 --blkio-weight 300
  /// --device-read-bps /dev/vda:1mb` and two device rules come to.
  static var everyday: Resources {
    var resources = Resources()
    resources.memory.limit = 64 << 20
    resources.memory.swap = 96 << 20
    resources.memory.reservation = 32 << 20
    resources.processor.quota = 150_000
    resources.processor.period = 100_000
    resources.processor.shares = 512
    resources.processor.cpus = "0"
    resources.processes = 100
    resources.blockIO.weight = 300
    resources.blockIO.readRates = [.init(major: 254, minor: 0, rate: 1 << 20)]
    resources.devices = [
      DeviceRule(allow: false, kind: .all, major: nil, minor: nil, access: "rwm"),
      DeviceRule(allow: true, kind: .character, major: 1, minor: 3, access: "rwm"),
    ]
    return resources
  }

  @Test func onV2() throws {
    let plan = try Fixture.debian12.layout.plan(for: Self.everyday, group: "skiff/web")
    #expect(
      plan.before.map(line) == [
        "enable /sys/fs/cgroup +cpuset,cpu,memory,pids,io (+)",
        "ensure /sys/fs/cgroup/skiff",
        "enable /sys/fs/cgroup/skiff +cpuset,cpu,memory,pids,io (+)",
        "make /sys/fs/cgroup/skiff/web",
      ])
    #expect(
      plan.make.map(line) == [
        "/sys/fs/cgroup/skiff/web/cpuset.cpus = 0",
        "/sys/fs/cgroup/skiff/web/cpu.weight = 59",
        "/sys/fs/cgroup/skiff/web/cpu.max = 150000 100000",
        "/sys/fs/cgroup/skiff/web/memory.swap.max = 33554432",
        "/sys/fs/cgroup/skiff/web/memory.max = 67108864",
        "/sys/fs/cgroup/skiff/web/memory.low = 33554432",
        "/sys/fs/cgroup/skiff/web/pids.max = 100",
        "/sys/fs/cgroup/skiff/web/io.bfq.weight = 300 | /sys/fs/cgroup/skiff/web/io.weight = 2930",
        "/sys/fs/cgroup/skiff/web/io.max = 254:0 rbps=1048576",
        "devices /sys/fs/cgroup/skiff/web: -a *:* rwm; +c 1:3 rwm",
      ])
    #expect(plan.join.isEmpty)
    #expect(plan.intoCgroup == "/sys/fs/cgroup/skiff/web")
    #expect(plan.groups == ["/sys/fs/cgroup/skiff/web"])
  }

  @Test func onV2WithoutLimits() throws {
    let plan = try Fixture.rocky9.layout.plan(for: Resources(), group: "/skiff/web")
    #expect(
      plan.before.map(line) == [
        "enable /sys/fs/cgroup + (+cpuset,cpu,io,memory,pids)",
        "ensure /sys/fs/cgroup/skiff",
        "enable /sys/fs/cgroup/skiff + (+cpuset,cpu,io,memory,pids)",
        "make /sys/fs/cgroup/skiff/web",
      ])
    #expect(plan.make.isEmpty)
  }

  @Test func onV1() throws {
    let plan = try Fixture.centOS7.layout.plan(for: Self.everyday, group: "skiff/web")
    #expect(plan.before.isEmpty)
    #expect(plan.intoCgroup == nil)
    #expect(
      plan.make.map(line) == [
        "ensure /sys/fs/cgroup/memory/skiff", "make /sys/fs/cgroup/memory/skiff/web",
        "ensure /sys/fs/cgroup/systemd/skiff", "make /sys/fs/cgroup/systemd/skiff/web",
        "ensure /sys/fs/cgroup/cpu,cpuacct/skiff", "make /sys/fs/cgroup/cpu,cpuacct/skiff/web",
        "ensure /sys/fs/cgroup/net_cls,net_prio/skiff", "make /sys/fs/cgroup/net_cls,net_prio/skiff/web",
        "ensure /sys/fs/cgroup/blkio/skiff", "make /sys/fs/cgroup/blkio/skiff/web",
        "ensure /sys/fs/cgroup/pids/skiff", "make /sys/fs/cgroup/pids/skiff/web",
        "ensure /sys/fs/cgroup/devices/skiff", "make /sys/fs/cgroup/devices/skiff/web",
        "ensure /sys/fs/cgroup/cpuset/skiff", "inherit /sys/fs/cgroup/cpuset/skiff",
        "make /sys/fs/cgroup/cpuset/skiff/web", "inherit /sys/fs/cgroup/cpuset/skiff/web",
        "ensure /sys/fs/cgroup/freezer/skiff", "make /sys/fs/cgroup/freezer/skiff/web",
        "/sys/fs/cgroup/cpuset/skiff/web/cpuset.cpus = 0",
        "/sys/fs/cgroup/cpu,cpuacct/skiff/web/cpu.shares = 512",
        "/sys/fs/cgroup/cpu,cpuacct/skiff/web/cpu.cfs_period_us = 100000",
        "/sys/fs/cgroup/cpu,cpuacct/skiff/web/cpu.cfs_quota_us = 150000",
        "/sys/fs/cgroup/memory/skiff/web/memory.limit_in_bytes = 67108864",
        "/sys/fs/cgroup/memory/skiff/web/memory.memsw.limit_in_bytes = 100663296",
        "/sys/fs/cgroup/memory/skiff/web/memory.soft_limit_in_bytes = 33554432",
        "/sys/fs/cgroup/pids/skiff/web/pids.max = 100",
        "/sys/fs/cgroup/blkio/skiff/web/blkio.weight = 300 | /sys/fs/cgroup/blkio/skiff/web/blkio.bfq.weight = 300",
        "/sys/fs/cgroup/blkio/skiff/web/blkio.throttle.read_bps_device = 254:0 1048576",
        "/sys/fs/cgroup/devices/skiff/web/devices.deny = a",
        "/sys/fs/cgroup/devices/skiff/web/devices.allow = c 1:3 rwm",
      ])
    #expect(plan.join.map(line) == plan.groups.map { "join \($0) v1" })
    #expect(plan.groups.count == 9)
    // What is undone is the container's own groups and nothing that others share.
    #expect(plan.make.compactMap { Step.cgroup($0).undo } == plan.groups.map { Step.cgroup(.remove($0)) })
  }

  @Test func onAHybridEachLimitGoesWhereItsControllerIs() throws {
    var resources = Resources()
    resources.memory.limit = 64 << 20
    resources.hugePages = [.init(pageSize: "2MB", bytes: 4 << 20)]
    let plan = try Fixture.hybrid.layout.plan(for: resources, group: "skiff/web")
    #expect(
      plan.before.map(line) == [
        "enable /sys/fs/cgroup/unified +hugetlb (+)", "ensure /sys/fs/cgroup/unified/skiff",
        "enable /sys/fs/cgroup/unified/skiff +hugetlb (+)", "make /sys/fs/cgroup/unified/skiff/web",
      ])
    #expect(
      plan.make.suffix(3).map(line) == [
        "/sys/fs/cgroup/memory/skiff/web/memory.limit_in_bytes = 67108864",
        "/sys/fs/cgroup/unified/skiff/web/hugetlb.2MB.max = 4194304",
        "/sys/fs/cgroup/unified/skiff/web/hugetlb.2MB.rsvd.max = 4194304 | -",
      ])
    #expect(plan.join.count == 9)
    #expect(plan.intoCgroup == "/sys/fs/cgroup/unified/skiff/web")
    #expect(plan.groups.count == 10)
  }

  @Test(arguments: [
    ("", "a name is missing"), ("/", "a name is missing"), ("a/../b", "\"..\""), ("a\nb", "control characters"),
    (String(repeating: "x", count: 256), "too long"), ("a/cgroup.procs", "control files"),
  ])
  func refusesNamesThatAreNoGroup(_ name: String, _ reason: String) {
    let error = #expect(throws: CgroupError.self) {
      try Fixture.debian12.layout.plan(for: Resources(), group: name)
    }
    #expect(error?.description.contains(reason) == true)
  }

  @Test func namesTheControllerThatIsMissingAndWhoWantsIt() {
    var noMemory = Fixture.debian12
    noMemory.files["/sys/fs/cgroup/cgroup.controllers"] = "cpu pids\n"
    var resources = Resources()
    resources.memory.limit = 64 << 20
    let error = #expect(throws: CgroupError.self) { try noMemory.layout.plan(for: resources, group: "skiff/web") }
    #expect(error == .missingController("memory", purpose: "a memory limit"))
    #expect(error?.description == "a memory limit needs the cgroup controller memory, which this host does not have")
    #expect(error?.hint?.contains("cgroup_enable=memory") == true)
  }

  @Test func namesTheControllerThatWasNotDelegated() {
    var layout = Fixture.debian12.layout
    layout.unified?.controllers = ["cpu", "memory", "pids"]
    layout.unified?.isHandedDown = true
    var resources = Resources()
    resources.processor.cpus = "0"
    let error = #expect(throws: CgroupError.self) { try layout.plan(for: resources, group: "user.slice/x.scope") }
    #expect(error?.description.contains("cpuset, which was not delegated to this user") == true)
    #expect(error?.hint?.contains("Delegate=cpu cpuset memory pids") == true)
    resources = Resources()
    resources.unified = [ControlSetting(file: "io.weight", value: "50")]
    #expect(throws: CgroupError.notDelegated("io", purpose: "the setting io.weight")) {
      try layout.plan(for: resources, group: "user.slice/x.scope")
    }
  }

  @Test func refusesAReadOnlyHierarchyBeforeAnythingIsMade() {
    var fixture = Fixture.hybrid
    fixture.mountInformation = fixture.mountInformation.replacing(
      "/sys/fs/cgroup/pids rw", with: "/sys/fs/cgroup/pids ro")
    #expect(throws: CgroupError.readOnly(mount: "/sys/fs/cgroup/pids")) {
      try fixture.layout.plan(for: Resources(), group: "skiff/web")
    }
    #expect(throws: CgroupError.notMounted) {
      try CgroupLayout(unified: nil, hierarchies: [], hasSwapLimit: true).plan(for: Resources(), group: "skiff/web")
    }
  }

  @Test func writesV2FilesByNameAndOnlyThere() throws {
    var resources = Resources()
    resources.unified = [
      ControlSetting(file: "memory.high", value: "1000000"),
      ControlSetting(file: "io.max", value: "8:0 rbps=1\n8:16 rbps=2"),
    ]
    let plan = try Fixture.debian12.layout.plan(for: resources, group: "web")
    #expect(
      plan.make.map(line) == [
        "/sys/fs/cgroup/web/memory.high = 1000000", "/sys/fs/cgroup/web/io.max = 8:0 rbps=1",
        "/sys/fs/cgroup/web/io.max = 8:16 rbps=2",
      ])
    #expect(plan.before.first.map(line) == "enable /sys/fs/cgroup +memory,io (+cpuset,cpu,pids)")
    #expect(throws: CgroupError.onlyInV2("the setting memory.high")) {
      try Fixture.centOS7.layout.plan(for: resources, group: "web")
    }
    for bad in ["../memory.max", "memory/max", "memory", "nosuch.max"] {
      resources.unified = [ControlSetting(file: Path(bad), value: "1")]
      #expect(throws: CgroupError.self) { try Fixture.debian12.layout.plan(for: resources, group: "web") }
    }
  }

  @Test func saysWhatItLeavesOut() throws {
    var resources = Resources()
    resources.memory.swappiness = 10
    resources.processor.realtimeRuntime = 1000
    #expect(
      try Fixture.debian12.layout.plan(for: resources, group: "x").ignored == [
        "real-time processor time", "swappiness",
      ])
    #expect(try Fixture.centOS7.layout.plan(for: resources, group: "x").ignored == [])
  }
}
