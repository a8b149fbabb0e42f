import Kernel
import Steps
import Testing

@testable import Cgroups

/// A running group: freezer, kill, statistics, updates, out of memory. On the layout of this machine and, where that is
/// a hybrid, on its v1 part alone.
@Suite(.enabled(if: Machine.canMakeGroups, Comment(rawValue: Machine.obstacle ?? "")))
struct CgroupTests {
  static let layouts: [CgroupLayout] = {
    guard let layout = try? CgroupLayout.detect() else { return [] }
    var v1 = layout
    v1.unified = nil
    return layout.kind == .hybrid ? [layout, v1] : [layout]
  }()

  /// Processor time that the group used so far, which stands still while it is frozen.
  func time(_ group: Cgroup) throws -> UInt64 { try group.statistics().processor?.total ?? 0 }

  @Test(arguments: layouts) func freezesAndThaws(_ layout: CgroupLayout) throws {
    try Machine.withGroup(on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let busy = try Machine.start("while :; do :; done", in: plan)
      #expect(try Machine.eventually { try time(group) > 1_000_000 })
      #expect(group.freezerState == .thawed)
      try group.freeze()
      #expect(group.isFrozen && group.freezerState == .frozen)
      let before = try time(group)
      _ = try poll([], milliseconds: 60)
      #expect(try time(group) == before)
      try group.freeze()
      try group.thaw()
      #expect(!group.isFrozen)
      #expect(try Machine.eventually { try time(group) > before })
      try group.kill()
      #expect(busy.waitForExit() == .killed(signal: 9, coreDumped: false))
    }
  }

  @Test(arguments: layouts) func killsWhatIsFrozen(_ layout: CgroupLayout) throws {
    try Machine.withGroup(on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start("sleep 60 & sleep 60", in: plan)
      #expect(try Machine.eventually { try group.processes().count == 3 })
      try group.freeze()
      try group.kill()
      #expect(shell.waitForExit() == .killed(signal: 9, coreDumped: false))
      #expect(try Machine.eventually { try group.processes().isEmpty })
    }
  }

  @Test(arguments: layouts) func aFrozenGroupCanBeRemoved(_ layout: CgroupLayout) throws {
    try Machine.withGroup(on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start("sleep 60", in: plan)
      #expect(try Machine.eventually { try group.processes().count == 2 })
      try group.freeze()
      try group.remove()
      #expect(shell.waitForExit() == .killed(signal: 9, coreDumped: false))
      #expect(!group.exists)
    }
  }

  @Test(arguments: layouts) func aForkBombIsKilledWhole(_ layout: CgroupLayout) throws {
    var resources = Resources()
    if layout.has("pids") { resources.processes = 50 }
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start("while :; do (sleep 60 &) 2>/dev/null; done 2>/dev/null", in: plan)
      #expect(try Machine.eventually { try group.processes().count > 20 })
      try group.remove()
      shell.waitForExit()
      #expect(!group.exists)
    }
  }

  /// A container that another tool froze by the v1 freezer is frozen, also where Skiff itself would use v2.
  @Test func seesAFreezeOfEitherGeneration() throws {
    try Machine.withGroup { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start("sleep 60", in: plan)
      #expect(try Machine.eventually { try group.processes().count == 2 })
      if let freezer = group.directoryInV1(of: "freezer") {
        try writeControl(freezer.appending("freezer.state"), "FROZEN")
      } else {
        try writeControl(try #require(group.unifiedDirectory).appending("cgroup.freeze"), "1")
      }
      #expect(try Machine.eventually { group.freezerState == .frozen })
      try group.thaw()
      #expect(group.freezerState == .thawed)
      try group.kill()
      shell.waitForExit()
    }
  }

  @Test(arguments: layouts) func everyProcessGetsTheSignal(_ layout: CgroupLayout) throws {
    try Machine.withGroup(on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      // The outer shell waits for the inner one, and both leave with a code of their own.
      let shell = try Machine.start(
        "trap 'exit 3' USR1; (trap 'exit 0' USR1; while :; do sleep 0.05; done) & while :; do sleep 0.05; done",
        in: plan)
      #expect(try Machine.eventually { try group.processes().count >= 3 })
      _ = try poll([], milliseconds: 100)
      try group.send(10)
      #expect(shell.waitForExit() == .exited(3))
      #expect(try Machine.eventually { try group.processes().isEmpty })
    }
  }

  @Test(arguments: layouts) func countsWhatIsUsed(_ layout: CgroupLayout) throws {
    var resources = Resources()
    if layout.has("memory") { resources.memory.limit = 256 << 20 }
    if layout.has("pids") { resources.processes = 77 }
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start(
        "x=$(head -c 8000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 60",
        in: plan)
      #expect(try Machine.eventually { try group.statistics().processes.map { $0.count == 2 } ?? true })
      #expect(try Machine.eventually { try time(group) > 10_000_000 })
      let statistics = try group.statistics()
      if layout.has("pids") { #expect(statistics.processes?.limit == 77) }
      if layout.has("memory") {
        let memory = try #require(statistics.memory)
        #expect(try Machine.eventually { try group.statistics().memory.map { $0.working > 6_000_000 } ?? false })
        #expect(memory.limit == 256 << 20)
        #expect(memory.working <= memory.usage)
      }
      // v1 counts user and system in ticks, of which a busy machine may give none at first.
      #expect(
        try Machine.eventually {
          try group.statistics().processor.map { $0.total > 0 && $0.user + $0.system > 0 } ?? false
        })
      try group.kill()
      shell.waitForExit()
    }
    #expect(throws: Fault.self) { try Cgroup(group: "skiff-test-none", layout: layout).statistics() }
  }

  @Test(.enabled(if: Machine.has("cpu")), arguments: layouts) func aQuotaThrottles(_ layout: CgroupLayout) throws {
    var resources = Resources()
    // Two hundredths of a processor: on a busy machine a group's fair share is less than a tenth, and what nobody gets is not
    // throttled.
    resources.processor.quota = 1000
    resources.processor.period = 50_000
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let shell = try Machine.start("while :; do :; done", in: plan)
      // The periods are counted when they end, the time when the group runs again.
      #expect(
        try Machine.eventually {
          try group.statistics().processor.map { $0.throttledPeriods > 2 && $0.throttled > 0 } ?? false
        })
      try group.kill()
      shell.waitForExit()
    }
  }

  @Test(.enabled(if: Machine.has("memory") && Machine.has("cpu") && Machine.has("pids")), arguments: layouts)
  func limitsChangeWhileItRuns(_ layout: CgroupLayout) throws {
    var resources = Resources()
    resources.memory.limit = 64 << 20
    if layout.hasSwapLimit { resources.memory.swap = 64 << 20 }
    resources.processor.quota = 50_000
    resources.processes = 10
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      func change(_ memory: Int64, _ swap: Int64) throws {
        var change = Resources()
        change.memory.limit = memory
        if layout.hasSwapLimit { change.memory.swap = swap }
        change.processes = -1
        change.processor.quota = 20_000
        change.processor.period = 40_000
        change.processor.shares = 2048
        try group.update(try group.updateSteps(change))
        let statistics = try group.statistics()
        #expect(statistics.memory?.limit == UInt64(memory))
        if layout.hasSwapLimit { #expect(statistics.memory?.swapLimit == UInt64(swap - memory)) }
        #expect(statistics.processes?.limit == nil)
      }
      // Up and down: on v1 each direction has its own order.
      try change(128 << 20, 256 << 20)
      try change(32 << 20, 48 << 20)
      try change(96 << 20, 96 << 20)
    }
  }

  @Test(.enabled(if: Machine.has("pids")), arguments: layouts)
  func aChangeThatFailsLeavesNothingBehind(_ layout: CgroupLayout) throws {
    var resources = Resources()
    resources.processes = 10
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      var change = Resources()
      change.processes = 20
      let steps = try group.updateSteps(change)
      let failure = #expect(throws: StepFailure.self) {
        try group.update(steps + [.write(plan.groups[0], file: "cgroup.nosuch", value: "1")])
      }
      #expect(failure?.fault.errno == .noSuchFile)
      #expect(try group.statistics().processes?.limit == 10)
      try group.update(steps)
      #expect(try group.statistics().processes?.limit == 20)
    }
  }

  // MARK: Out of memory

  @Test(.enabled(if: Machine.has("memory")), arguments: layouts)
  func aHogIsKilledAndNamed(_ layout: CgroupLayout) throws {
    var resources = Resources()
    resources.memory.limit = 16 << 20
    if layout.hasSwapLimit { resources.memory.swap = 16 << 20 }
    try Machine.withGroup(resources, on: layout) { layout, name, plan in
      let group = Cgroup(group: name, layout: layout)
      let watcher = try OutOfMemoryWatcher(group)
      #expect(group.outOfMemory() == nil)
      #expect(try poll(watcher.borrowed, .readable, milliseconds: 0).isEmpty)
      // A line without an end.
      let shell = try Machine.start("tail /dev/zero", in: plan)
      #expect(try poll(watcher.borrowed, .readable, milliseconds: 20_000) == .readable)
      try watcher.acknowledge()
      #expect(shell.waitForExit()?.code == 137)
      #expect(try Machine.eventually { group.outOfMemoryKills() == 1 })
      let report = try #require(group.outOfMemory())
      #expect(report.kills == 1)
      #expect(report.limit == 16 << 20)
      if exists("/dev/kmsg") {
        #expect(report.victim?.name == "tail")
        #expect(report.victim.map { $0.process > 1 } == true)
      }
    }
  }

  @Test func readsTheKernelsLineAboutAVictim() throws {
    func parse(_ record: String) -> (group: String, victim: OutOfMemoryReport.Victim)? {
      KernelLog.victim(in: Array(record.utf8)[...])
    }
    let plain = try #require(
      parse(
        "6,1234,998877,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0,"
          + "oom_memcg=/skiff/web,task_memcg=/skiff/web,task=hog,pid=42,uid=0\n SUBSYSTEM=x\n"))
    #expect(plain.group == "/skiff/web")
    #expect(plain.victim == .init(name: "hog", process: 42))
    // A command may call itself what it likes.
    let hostile = try #require(
      parse(
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/skiff/web,"
          + "task_memcg=/skiff/web/x,task=a,pid=1,uid=0,,pid=77,uid=1000"))
    #expect(hostile.victim == .init(name: "a,pid=1,uid=0,", process: 77))
    for other in [
      "", ";", "6,1,2,-;Killed process 42 (hog)", "oom-kill:oom_memcg=/x,task_memcg=/x,task=h,pid=1,uid=0",
      "6,1,2,-;oom-kill:constraint=C,oom_memcg=/x,task_memcg=/x,task=h", "6,1,2,-;oom-kill:constraint=C,oom_memcg=/x",
      "6,1,2,-;oom-kill:constraint=C,oom_memcg=/x,task_memcg=/x,task=h,pid=99999999999,uid=0",
      "6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/x,task=h,pid=1,uid=0",
    ] { #expect(parse(other) == nil) }
  }

  @Test(arguments: [
    ("/skiff/web", true), ("/skiff/web/inner", true), ("/outer/skiff/web", true), ("/skiff/web2", false),
    ("/skiff", false),
    ("/", false), ("/xskiff/web", false),
  ])
  func knowsItsOwnGroupInTheLog(_ logged: String, _ isOwn: Bool) {
    #expect(KernelLog.names(logged, "skiff/web") == isOwn)
  }

  // MARK: Formats

  @Test func readsNumbersOfControlFiles() {
    let stat = Array("usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr 18446744073709551616\n".utf8)
    #expect(number(of: "usage_usec", in: stat) == 12)
    #expect(number(of: "usage", in: stat) == nil)
    #expect(number(of: "nr", in: stat) == nil)
    #expect(onlyNumber(Array("max\n".utf8)) == nil)
    #expect(onlyNumber(Array("4096\n".utf8)) == 4096)
    #expect(onlyNumber([]) == nil)
  }

  @Test func aGroupIsInEveryHierarchy() {
    let group = Cgroup(group: "/skiff//web/", layout: Fixture.hybrid.layout)
    #expect(group.paths.prefix(2) == ["/sys/fs/cgroup/freezer/skiff/web", "/sys/fs/cgroup/unified/skiff/web"])
    #expect(group.paths.count == 10)
  }
}
