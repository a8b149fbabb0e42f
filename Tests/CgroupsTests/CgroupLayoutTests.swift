import Kernel
import Testing

@testable import Cgroups

@Suite struct CgroupLayoutTests {
  @Test func findsTheUnifiedHierarchyOfDebian() throws {
    let layout = Fixture.debian12.layout
    #expect(layout.kind == .v2)
    #expect(layout.unified?.mount == "/sys/fs/cgroup")
    #expect(layout.unified?.own == "user.slice/user-0.slice/session-3.scope")
    #expect(layout.unified?.controllers == ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"])
    #expect(layout.hasSwapLimit)
    #expect(layout.has("memory") && layout.has("blkio") && layout.has("io") && layout.has("devices"))
    #expect(!layout.has("net_cls"))
  }

  @Test func seesThatSwapIsNotCounted() {
    // init.scope has memory.max and no memory.swap.max.
    #expect(!Fixture.rocky9.layout.hasSwapLimit)
    var noMemsw = Fixture.centOS7
    noMemsw.files = [:]
    #expect(!noMemsw.layout.hasSwapLimit)
    #expect(Fixture.centOS7.layout.hasSwapLimit)
    var fresh = Fixture.rocky9
    fresh.files = ["/sys/fs/cgroup/cgroup.controllers": "memory\n"]
    #expect(fresh.layout.hasSwapLimit)
    fresh.files["/proc/cmdline"] = "root=/dev/sda1 swapaccount=0 quiet\n"
    #expect(!fresh.layout.hasSwapLimit)
  }

  @Test func findsControllersThatAreMountedTogether() throws {
    let layout = Fixture.centOS7.layout
    #expect(layout.kind == .v1)
    let cpu = try #require(layout.hierarchies.first { $0.controllers.contains("cpu") })
    // In the order of the mount's own options, and never `seclabel` or `xattr`.
    #expect(cpu.controllers == ["cpuacct", "cpu"])
    #expect(cpu.mount == "/sys/fs/cgroup/cpu,cpuacct")
    #expect(cpu.own == "user.slice")
    let systemd = try #require(layout.hierarchies.first { $0.name == "systemd" })
    #expect(systemd.controllers.isEmpty)
    #expect(systemd.options == "name=systemd" && systemd.title == "systemd")
    #expect(systemd.own == "user.slice/user-0.slice/session-1.scope")
    // The tmpfs around them is read-only, they are not.
    #expect(layout.hierarchies.allSatisfy { !$0.isReadOnly })
  }

  @Test func findsBothGenerationsOfAHybrid() throws {
    let layout = Fixture.hybrid.layout
    #expect(layout.kind == .hybrid)
    #expect(
      layout.hierarchies.map(\.title) == [
        "memory", "cpu", "cpuacct", "cpuset", "devices", "blkio", "pids", "systemd", "freezer",
      ])
    #expect(layout.unified?.mount == "/sys/fs/cgroup/unified")
    #expect(layout.unified?.controllers == ["hugetlb"])
    #expect(layout.hierarchies[0].own == "api/53d2")
  }

  @Test func seesOnlyItsOwnPartInAContainerWithoutACgroupNamespace() {
    // docker's own mounts in v1: the container's group is the root of the mount.
    let layout = Fixture(
      testDescription: "",
      mountInformation: """
        700 690 0:29 /docker/4f3a /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:12 - cgroup cgroup rw,memory
        701 690 0:30 /docker/4f3a /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids
        """,
      membership: "2:memory:/docker/4f3a/inner\n3:pids:/docker/4f3a\n"
    ).layout
    #expect(layout.hierarchies.map(\.own) == ["inner", ""])
    #expect(layout.hierarchies.map(\.isReadOnly) == [true, false])
  }

  @Test func takesEachHierarchyOnce() {
    var twice = Fixture.hybrid
    twice.mountInformation +=
      "90 31 0:32 / /srv/jail/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      + "91 31 0:38 / /srv/jail/sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    #expect(twice.layout == Fixture.hybrid.layout)
  }

  @Test(arguments: [
    "", "-", "1 2 0:1 / /x rw - cgroup2", "1 2 0:1 / /x rw shared:1 cgroup2 none rw", "- - - - - - - - - -",
    "1 2 0:1 / /x rw - ext4 none rw", "\u{0}\u{0} cgroup cgroup2 - cgroup rw memory",
  ])
  func leavesLinesAsideThatAreNotItsOwn(_ line: String) {
    let layout = CgroupLayout(mountInformation: Array(line.utf8), membership: Array("::\n0:\nx:y:z".utf8)) { _ in nil }
    #expect(layout.kind == .none)
  }

  /// What a hostile or broken procfs could say: nothing of it may stop the program.
  @Test(arguments: Fixture.all) func survivesAnyBytes(_ fixture: Fixture) {
    var generator = SplitMix(state: 1)
    var plans = 0
    for round in 0..<500 {
      var (mounts, membership) = (Array(fixture.mountInformation.utf8), Array(fixture.membership.utf8))
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let byte: UInt8 = [0, 10, 32, 44, 45, 47, 58, 92, 255, .random(in: 0...255, using: &generator)].randomElement(
          using: &generator)!
        mounts[.random(in: mounts.indices, using: &generator)] = byte
        membership[.random(in: membership.indices, using: &generator)] = byte
      }
      if round % 2 == 0 { mounts.removeLast(.random(in: 0..<mounts.count, using: &generator)) }
      // Of every second one the file of the controllers is sound: without them nothing would be planned at all.
      let controllers = round % 4 < 2 ? mounts : Array("cpuset cpu io memory pids\n".utf8)
      let layout = CgroupLayout(mountInformation: mounts, membership: membership) { _ in controllers }
      var resources = Resources()
      resources.memory.limit = 1 << 20
      if let plan = try? layout.plan(for: resources, group: "skiff/web") {
        plans += 1
        #expect(plan.groups.allSatisfy { $0.isAbsolute && $0.string.hasSuffix("/skiff/web") }, "\(plan.groups)")
      }
    }
    #expect(plans > 0, "nothing was planned at all")
  }

  @Test func detectsThisMachine() throws {
    let layout = try CgroupLayout.detect()
    #expect(layout.kind != .none)
    for hierarchy in layout.hierarchies { #expect(exists(hierarchy.mount.appending("tasks"))) }
    if let unified = layout.unified { #expect(exists(unified.mount.appending("cgroup.procs"))) }
  }
}
