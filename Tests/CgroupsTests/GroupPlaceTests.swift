import Kernel
import Steps
import Testing

@testable import Cgroups

/// `cgroupsPath` of a configuration, and where its group comes to be.
@Suite struct GroupPlaceTests {
  @Test func anAbsolutePathStartsAtTheTopOfEachHierarchy() throws {
    for fixture in Fixture.all {
      let place = try GroupPlace(cgroupsPath: "/foo/./bar//", identifier: "web", in: fixture.layout)
      #expect(place == GroupPlace(group: "foo/bar"))
      let group = try Cgroup(place, layout: fixture.layout)
      #expect(group.paths.allSatisfy { $0.string.hasSuffix("/foo/bar") })
      #expect(Set(group.paths.map(\.parent.parent)).count == group.paths.count)
    }
  }

  /// v1: below the maker's own group. v2: beside it, for a group with processes hands no controllers down.
  @Test(arguments: [nil, "", "web"]) func aRelativePathStartsAtTheMakersOwnGroup(_ path: String?) throws {
    let v2 = Fixture.debian12.layout
    let place = try GroupPlace(cgroupsPath: path, identifier: "web", in: v2)
    #expect(place == GroupPlace(group: "web", bases: ["": "user.slice/user-0.slice"]))
    #expect(try Cgroup(place, layout: v2).paths == ["/sys/fs/cgroup/user.slice/user-0.slice/web"])

    let v1 = Fixture.centOS7.layout
    let old = try GroupPlace(cgroupsPath: path, identifier: "web", in: v1)
    #expect(old.bases["cpu,cpuacct"] == "user.slice")
    #expect(old.bases["name=systemd"] == "user.slice/user-0.slice/session-1.scope")
    #expect(old.bases["cpuset"] == nil)
    let paths = try Cgroup(old, layout: v1).paths
    #expect(paths.contains("/sys/fs/cgroup/cpuset/web"))
    #expect(paths.contains("/sys/fs/cgroup/memory/user.slice/web"))
    #expect(paths.contains("/sys/fs/cgroup/systemd/user.slice/user-0.slice/session-1.scope/web"))
  }

  @Test(arguments: [
    "..", "/..", "a/../../b", "/a/..", "/", "//", ".", "a/cgroup.procs", "a\nb", String(repeating: "x", count: 256),
  ])
  func aPathThatLeavesOrIsNoNameIsRefused(_ path: String) {
    #expect(throws: CgroupError.self) {
      try GroupPlace(cgroupsPath: path, identifier: "web", in: Fixture.hybrid.layout)
    }
    #expect(throws: CgroupError.self) { try Cgroup(GroupPlace(group: path), layout: Fixture.hybrid.layout) }
  }

  @Test func aRecordedLayoutLeadsToTheSameGroup() throws {
    for fixture in Fixture.all {
      var place = try GroupPlace(cgroupsPath: "foo/bar", identifier: "web", in: fixture.layout)
      let recorded = try Cgroup(place, layout: CgroupLayout(recorded: fixture.layout.mounts))
      let group = try Cgroup(place, layout: fixture.layout)
      #expect(recorded.paths == group.paths)
      #expect(recorded.layout.kind == fixture.layout.kind)
      #expect(
        try recorded.layout.join("foo/bar", includingUnified: true)
          == group.layout.join("foo/bar", includingUnified: true))
      // Nobody has made it: then the record is no answer.
      #expect(Cgroup(recorded: place) == nil)
      place.mounts = fixture.layout.mounts
      #expect(Cgroup(recorded: place) == nil)
    }
  }

  @Test func aRecordThatSomebodyBentLeavesNoHierarchy() {
    let place = GroupPlace(group: "web", bases: ["": "../../etc"])
    #expect(throws: CgroupError.self) { try Cgroup(place, layout: Fixture.debian12.layout) }
  }

  @Test func aPlanBelowABaseHandsControllersDownOnTheWay() throws {
    let layout = Fixture.debian12.layout
    let place = try GroupPlace(cgroupsPath: "pods/web", identifier: "x", in: layout)
    let plan = try layout.placed(at: place).plan(for: Resources(), group: place.group)
    let wanted = "(+cpuset,cpu,io,memory,pids)"
    #expect(
      plan.before.map(line) == [
        "enable /sys/fs/cgroup + \(wanted)",
        "enable /sys/fs/cgroup/user.slice + \(wanted)",
        "enable /sys/fs/cgroup/user.slice/user-0.slice + \(wanted)",
        "ensure /sys/fs/cgroup/user.slice/user-0.slice/pods",
        "enable /sys/fs/cgroup/user.slice/user-0.slice/pods + \(wanted)",
        "make /sys/fs/cgroup/user.slice/user-0.slice/pods/web",
      ])
    #expect(plan.groups == ["/sys/fs/cgroup/user.slice/user-0.slice/pods/web"])
    #expect(plan.intoCgroup == plan.groups.first)
  }

  @Test func limitsAndJoinsGoToThePlace() throws {
    let layout = Fixture.hybrid.layout
    let place = try GroupPlace(cgroupsPath: nil, identifier: "web", in: layout)
    #expect(place.bases == ["memory": "api/53d2"])
    let placed = try layout.placed(at: place)
    var resources = Resources()
    resources.memory.limit = 1 << 20
    let plan = try placed.plan(for: resources, group: place.group)
    #expect(plan.make.map(line).contains("/sys/fs/cgroup/memory/api/53d2/web/memory.limit_in_bytes = 1048576"))
    #expect(plan.join.map(line).contains("join /sys/fs/cgroup/memory/api/53d2/web v1"))
    #expect(plan.join.map(line).contains("join /sys/fs/cgroup/pids/web v1"))
    #expect(
      try placed.join(place.group, includingUnified: true).map(line).contains("join /sys/fs/cgroup/unified/web v2"))
    #expect(
      try placed.update(resources, of: place.group) { _ in nil }.map(line)
        == ["/sys/fs/cgroup/memory/api/53d2/web/memory.limit_in_bytes = 1048576"])
  }
}
