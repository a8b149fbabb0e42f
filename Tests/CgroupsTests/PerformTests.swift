import Kernel
import Steps
import Testing

@testable import Cgroups

@Suite(.enabled(if: Machine.canMakeGroups, Comment(rawValue: Machine.obstacle ?? "")))
struct PerformTests {
  @Test func setsEveryEverydayLimitOnThisMachine() throws {
    var resources = CgroupPlanTests.everyday
    let layout = try CgroupLayout.detect()
    if !layout.hasSwapLimit { resources.memory.swap = nil }
    resources.blockIO.readRates = []
    resources.blockIO.weight = nil
    for (controller, removes) in [
      ("memory", { $0.memory = .init() }), ("cpu", { $0.processor = .init() }), ("cpuset", { $0.processor.cpus = nil }),
      ("pids", { $0.processes = nil }),
    ] as [(String, (inout Resources) -> Void)] where !layout.has(controller) { removes(&resources) }
    try Machine.withGroup(resources) { layout, _, plan in
      var written = 0
      for step in plan.make {
        guard case .write(let group, let file, let expected) = step, !file.string.hasPrefix("devices.") else {
          continue
        }
        let present = try readText(group.appending(file))
        #expect(present == expected)
        written += 1
      }
      #expect(written > 3, "\(plan.make)")
    }
  }

  @Test func aProcessEntersEveryHierarchy() throws {
    try Machine.withGroup { _, _, plan in
      let process = try Machine.start("sleep 60", in: plan)
      for group in plan.groups {
        #expect(try Machine.eventually { try processes(in: group).contains(process.process) })
      }
      #expect(throws: Fault.self) { try perform(.make(plan.groups[0])) }
      let fault = #expect(throws: Fault.self) { try perform(.make(plan.groups[0])) }
      #expect(fault?.errno == .busy)
      #expect(fault?.hint?.contains("another container uses the name") == true)
    }
  }

  /// Deeper than a path can name: PATH_MAX is 4096 bytes. A container with a writable cgroupfs may do so.
  @Test func removesGroupsHoweverDeepTheyAreNested() throws {
    let name: Path = "a-name-of-twenty-one-"
    try Machine.withGroup { _, _, plan in
      // Not in the memory hierarchy, where each group costs the kernel some hundred KiB.
      let isUnified = plan.groups.count == 1
      let groups = plan.groups.filter {
        isUnified || ["unified", "pids", "freezer"].contains($0.components[3].string)
      }
      #expect(!groups.isEmpty, "\(plan.groups)")
      for group in groups {
        var here = try open(group, [.readOnly, .directory])
        for _ in 0..<200 {
          try makeDirectory(name, mode: 0o755, at: here.borrowed)
          try makeDirectory("beside", mode: 0o755, at: here.borrowed)
          here = try open(name, [.readOnly, .directory], at: here.borrowed)
        }
        var count = 0
        try walkGroups(from: group) { (_) throws(Fault) in count += 1 }
        #expect(count == 401)
        try perform(.remove(group))
        #expect(!exists(group))
      }
    }
  }

  @Test func aProcessInANestedGroupKeepsTheNameTaken() throws {
    try Machine.withGroup { _, _, plan in
      let group = try #require(plan.groups.first)
      let below = group.appending("below")
      try makeDirectory(below, mode: 0o755)
      let process = try Shell(
        "echo 0 > \(below)/\(exists(below.appending("tasks")) ? "tasks" : "cgroup.procs"); exec sleep 60")
      #expect(try Machine.eventually { try !processes(in: below).isEmpty })
      let fault = #expect(throws: Fault.self) { try perform(.make(group)) }
      #expect(fault?.errno == .busy)
      try perform(.remove(group))
      #expect(process.waitForExit() == .killed(signal: 9, coreDumped: false))
      #expect(!exists(group))
    }
  }

  @Test func takesOverWhatACrashLeftBehind() throws {
    try Machine.withGroup { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      try group.freeze()
      for step in plan.before + plan.make { try perform(step) }
      #expect(!group.isFrozen)
      let process = try Machine.start("exit 5", in: plan)
      #expect(process.waitForExit()?.code == 5)
    }
  }

  @Test func removingKillsWhoIsStillThere() throws {
    try Machine.withGroup { _, _, plan in
      let process = try Machine.start("trap '' TERM; sleep 60 & sleep 60", in: plan)
      for group in plan.groups {
        #expect(try Machine.eventually { try processes(in: group).count == 3 })
      }
      for group in plan.groups { try perform(.remove(group)) }
      #expect(process.waitForExit() == .killed(signal: 9, coreDumped: false))
      for group in plan.groups { #expect(!exists(group)) }
    }
  }

  @Test func removingTakesGroupsThatTheContainerMade() throws {
    try Machine.withGroup { _, _, plan in
      for group in plan.groups {
        try makeDirectory(group.appending("inner"), mode: 0o755)
        try makeDirectory(group.appending("inner/deeper"), mode: 0o755)
        try perform(.remove(group))
        #expect(!exists(group))
        // A second removal, as after a crash in between, has nothing to complain about.
        try perform(.remove(group))
      }
    }
  }

  @Test(.enabled(if: Machine.has("pids"))) func theLimitOfProcessesHolds() throws {
    var resources = Resources()
    resources.processes = 3
    try Machine.withGroup(resources) { _, _, plan in
      // The shell and two more fit, a fourth does not.
      let process = try Machine.start("sleep 0.3 & sleep 0.3 & (true) 2>/dev/null && exit 7; exit 0", in: plan)
      #expect(process.waitForExit() != .exited(7))
    }
  }

  @Test(.enabled(if: Machine.has("devices"))) func devicesThatNoRuleNamesAreClosed() throws {
    var resources = Resources()
    resources.devices = [DeviceRulesTests.denyAll] + DeviceRule.standard.filter { $0.minor != 5 }
    try Machine.withGroup(resources) { _, _, plan in
      for (command, succeeds) in [
        ("cat /dev/null", true), ("head -c 1 /dev/urandom > /dev/null", true),
        ("head -c 1 /dev/zero > /dev/null", false),
        ("echo > /dev/full", false),
      ] {
        let process = try Machine.start("\(command) 2>/dev/null", in: plan)
        #expect(process.succeeds == succeeds, "\(command)")
      }
    }
  }

  @Test(.enabled(if: Machine.has("devices"))) func aPrivilegedGroupOpensAll() throws {
    var resources = Resources()
    resources.devices = [DeviceRulesTests.denyAll, DeviceRulesTests.allowAll]
    try Machine.withGroup(resources) { _, _, plan in
      let process = try Machine.start("head -c 1 /dev/zero > /dev/null", in: plan)
      #expect(process.succeeds)
    }
  }

  @Test(.enabled(if: Machine.has("cpuset"))) func processorsThatTheHostLacksAreNamed() throws {
    var resources = Resources()
    resources.processor.cpus = "4096"
    let layout = try CgroupLayout.detect()
    let plan = try layout.plan(for: resources, group: Machine.newName())
    defer {
      for group in plan.groups {
        try? perform(.remove(group))
        try? removeDirectory(group.parent)
      }
    }
    let fault = #expect(throws: Fault.self) { for step in plan.before + plan.make { try perform(step) } }
    #expect(fault?.arguments.contains("cpuset.cpus") == true)
    #expect(fault?.hint?.contains("4096 is not within") == true)
  }

  @Test func aFileThatTheKernelLacksIsNamed() throws {
    try Machine.withGroup { _, _, plan in
      let group = plan.groups[0]
      let fault = #expect(throws: Fault.self) {
        try perform(.writeFirst(group, [ControlSetting(file: "io.nosuch.weight", value: "1")], orNone: false))
      }
      #expect(fault?.errno == .noSuchFile)
      #expect(fault?.hint?.contains("leave the weight out") == true)
      try perform(.writeFirst(group, [ControlSetting(file: "io.nosuch.weight", value: "1")], orNone: true))
    }
  }
}
