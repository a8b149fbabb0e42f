import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// One wrong thing each, by its place; and what only warns.
@Suite struct ValidationTests {
  typealias Change = @Sendable (inout Spec) -> Void

  @Test func nothingIsWrongWithAGoodOne() {
    let report = validate(goodSpec(), on: HostFacts(capabilities: .all))
    #expect(report == SpecReport(faults: [], warnings: []))
    #expect(validate(goodSpec().process!, in: goodSpec()).faults.isEmpty)
  }

  @Test func everyFaultIsTold() {
    let spec = goodSpec { spec in
      spec.ociVersion = "2.0.0"
      spec.root = nil
      spec.process!.cwd = "srv"
      spec.process!.args = []
      spec.linux!.namespaces.append(Spec.Namespace(.pid))
    }
    #expect(
      validate(spec).faults.map { "\($0)" } == [
        "ociVersion: 2.0.0 is of another major version than 1", "root: is missing: a container has a root",
        "process.args: is empty: there is nothing to run", "process.cwd: \"srv\" is not an absolute path",
        "linux.namespaces[6].type: \"pid\" stands there twice",
      ])
  }

  @Test(arguments: ["1.0.0", "1.3.0", "1.2.0-rc.1", "1.0.2-dev", "1.99.0+build.5", "1.0.0-rc.1+a-b.c"])
  func versions(text: String) { #expect(validate(goodSpec { $0.ociVersion = text }).faults.isEmpty) }

  @Test(arguments: [
    "", "1", "1.0", "1.0.0.0", "01.0.0", "v1.0.0", "1.0.0-", "1.0.0+", "1.0.0-a..b", "1.0.x", "2.0.0", "1.0.-1",
  ])
  func noVersions(text: String) {
    #expect(validate(goodSpec { $0.ociVersion = text }).faults.map(\.path) == ["ociVersion"])
  }

  static let wrong: [(String, Change)] = all.flatMap { $0 }
  static let all: [[(String, Change)]] = [process, scheduling, document, namespaces, mounts, resources, seccomp]

  static let process: [(String, Change)] = [
    ("process", { $0.process = nil }), ("process.args", { $0.process!.args = [""] }),
    ("process.args[1]", { $0.process!.args = ["a", "b\0"] }), ("process.cwd", { $0.process!.cwd = "" }),
    ("process.env[1]", { $0.process!.env = ["A=b", "C"] }), ("process.env[0]", { $0.process!.env = ["=b"] }),
    ("process.env[0]", { $0.process!.env = ["A=\0"] }), ("process.user.uid", { $0.process!.user.uid = .max }),
    ("process.user.gid", { $0.process!.user.gid = .max }),
    ("process.user.additionalGids[1]", { $0.process!.user.additionalGids = [1, .max] }),
    ("process.user.umask", { $0.process!.user.umask = 0o1000 }),
    ("process.oomScoreAdj", { $0.process!.oomScoreAdj = 1001 }),
    ("process.oomScoreAdj", { $0.process!.oomScoreAdj = -1001 }),
    ("process.rlimits[0].type", { $0.process!.rlimits = [.init(type: "NOFILE", soft: 1, hard: 1)] }),
    ("process.rlimits[0].soft", { $0.process!.rlimits = [.init(type: "RLIMIT_CPU", soft: 2, hard: 1)] }),
    (
      "process.rlimits[1].type",
      {
        $0.process!.rlimits = [
          .init(type: "RLIMIT_CPU", soft: 1, hard: 1), .init(type: "RLIMIT_CPU", soft: 2, hard: 2),
        ]
      }
    ),
    ("process.apparmorProfile", { $0.process!.apparmorProfile = "a\nb" }),
    ("process.selinuxLabel", { $0.process!.selinuxLabel = "a\u{7f}" }),
    (
      "process.consoleSize",
      {
        $0.process!.terminal = true
        $0.process!.consoleSize = .init(height: 65_536, width: 1)
      }
    ),
  ]

  private static func scheduler(_ policy: String, _ change: (inout Spec.Scheduler) -> Void = { _ in }) -> Spec.Scheduler
  {
    var scheduler = Spec.Scheduler(policy: policy)
    change(&scheduler)
    return scheduler
  }

  static let scheduling: [(String, Change)] = [
    ("process.scheduler.policy", { $0.process!.scheduler = scheduler("") }),
    ("process.scheduler.policy", { $0.process!.scheduler = scheduler("SCHED_ISO") }),
    ("process.scheduler.nice", { $0.process!.scheduler = scheduler("SCHED_OTHER") { $0.nice = 20 } }),
    ("process.scheduler.priority", { $0.process!.scheduler = scheduler("SCHED_BATCH") { $0.priority = 1 } }),
    ("process.scheduler.priority", { $0.process!.scheduler = scheduler("SCHED_FIFO") }),
    ("process.scheduler.priority", { $0.process!.scheduler = scheduler("SCHED_RR") { $0.priority = 100 } }),
    ("process.scheduler.flags[0]", { $0.process!.scheduler = scheduler("SCHED_OTHER") { $0.flags = ["X"] } }),
    ("process.scheduler", { $0.process!.scheduler = scheduler("SCHED_OTHER") { $0.period = 1 } }),
    ("process.scheduler.runtime", { $0.process!.scheduler = scheduler("SCHED_DEADLINE") }),
    (
      "process.scheduler.deadline",
      { $0.process!.scheduler = scheduler("SCHED_DEADLINE") { ($0.runtime, $0.deadline) = (3000, 2000) } }
    ),
    (
      "process.scheduler.period",
      {
        $0.process!.scheduler = scheduler("SCHED_DEADLINE") {
          ($0.runtime, $0.deadline, $0.period) = (2000, 3000, 2000)
        }
      }
    ),
    ("process.ioPriority.class", { $0.process!.ioPriority = .init(class: "IOPRIO_CLASS_NONE", priority: 0) }),
    ("process.ioPriority.priority", { $0.process!.ioPriority = .init(class: "IOPRIO_CLASS_RT", priority: 8) }),
    ("process.execCPUAffinity.initial", { $0.process!.execCPUAffinity = .init(initial: "a") }),
    ("process.execCPUAffinity.final", { $0.process!.execCPUAffinity = .init(final: "3-1") }),
    ("linux.memoryPolicy.mode", { $0.linux!.memoryPolicy = .init(mode: "MPOL_X", nodes: "0") }),
    ("linux.memoryPolicy.nodes", { $0.linux!.memoryPolicy = .init(mode: "MPOL_BIND") }),
    ("linux.memoryPolicy.nodes", { $0.linux!.memoryPolicy = .init(mode: "MPOL_DEFAULT", nodes: "0") }),
    ("linux.memoryPolicy.nodes", { $0.linux!.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "x") }),
    ("linux.memoryPolicy.flags[0]", { $0.linux!.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "0", flags: ["X"]) }),
    (
      "linux.memoryPolicy.flags",
      {
        $0.linux!.memoryPolicy = .init(
          mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"])
      }
    ),
    (
      "linux.memoryPolicy.flags",
      { $0.linux!.memoryPolicy = .init(mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"]) }
    ),
    ("linux.personality.domain", { $0.linux!.personality = .init(domain: "BSD") }),
    ("linux.personality.flags", { $0.linux!.personality = .init(domain: "LINUX", flags: ["X"]) }),
  ]

  static let document: [(String, Change)] = [
    ("root.path", { $0.root!.path = "" }), ("annotations", { $0.annotations[""] = "x" }),
    (
      "hostname",
      {
        $0.hostname = "a"
        $0.linux!.namespaces.removeAll { $0.type == .uts }
      }
    ),
    ("domainname", { $0.domainname = String(repeating: "a", count: 65) }),
    ("hooks.prestart[0].path", { $0.hooks.prestart = [.init(path: "a")] }),
    ("hooks.poststop[1].path", { $0.hooks.poststop = [.init(path: "/a"), .init(path: "")] }),
    ("hooks.createRuntime[0].timeout", { $0.hooks.createRuntime = [.init(path: "/a", timeout: 0)] }),
    ("hooks.poststart[0].timeout", { $0.hooks.poststart = [.init(path: "/a", timeout: -1)] }),
    ("hooks.startContainer[0].env[0]", { $0.hooks.startContainer = [.init(path: "/a", env: ["A"])] }),
  ]

  static let namespaces: [(String, Change)] = [
    ("linux.namespaces", { $0.linux = nil }),
    ("linux.namespaces", { $0.linux!.namespaces.removeAll { $0.type == .mount } }),
    ("linux.namespaces[6].path", { $0.linux!.namespaces.append(.init(.user, path: "x")) }),
    ("linux.uidMappings", { $0.linux!.uidMappings = [.init(containerID: 0, hostID: 0, size: 1)] }),
    ("linux.timeOffsets", { $0.linux!.timeOffsets = ["monotonic": .init(secs: 1)] }),
    (
      "linux.timeOffsets.realtime",
      {
        $0.linux!.namespaces.append(.init(.time))
        $0.linux!.timeOffsets = ["realtime": .init(secs: 1)]
      }
    ),
    (
      "linux.timeOffsets.boottime.nanosecs",
      {
        $0.linux!.namespaces.append(.init(.time))
        $0.linux!.timeOffsets = ["boottime": .init(secs: 1, nanosecs: 1_000_000_000)]
      }
    ),
    (
      "linux.netDevices",
      {
        $0.linux!.netDevices = ["eth1": .init()]
        $0.linux!.namespaces.removeAll { $0.type == .network }
      }
    ),
    ("linux.netDevices", { $0.linux!.netDevices = ["a/b": .init()] }),
    ("linux.netDevices.eth1.name", { $0.linux!.netDevices = ["eth1": .init(name: "0123456789abcdef")] }),
    ("linux.netDevices.eth1.name", { $0.linux!.netDevices = ["eth1": .init(name: "eth%s")] }),
    ("linux.netDevices.eth1.name", { $0.linux!.netDevices = ["eth1": .init(name: "eth%d%d")] }),
    ("linux.sysctl.kernel.core_pattern", { $0.linux!.sysctl = ["kernel.core_pattern": "|/x"] }),
    ("linux.cgroupsPath", { $0.linux!.cgroupsPath = "/a/../../b" }),
    ("linux.rootfsPropagation", { $0.linux!.rootfsPropagation = "open" }),
    ("linux.maskedPaths[0]", { $0.linux!.maskedPaths = ["proc"] }),
    ("linux.readonlyPaths[1]", { $0.linux!.readonlyPaths = ["/a", ""] }),
    ("linux.mountLabel", { $0.linux!.mountLabel = "a\",size=1" }),
  ]

  private static func mapped(
    _ spec: inout Spec, _ users: [(UInt32, UInt32, UInt32)], _ groups: [(UInt32, UInt32, UInt32)] = [(0, 1000, 10)]
  ) {
    func maps(_ list: [(UInt32, UInt32, UInt32)]) -> [Spec.IDMapping] {
      list.map { Spec.IDMapping(containerID: $0.0, hostID: $0.1, size: $0.2) }
    }
    spec.linux!.namespaces.append(Spec.Namespace(.user))
    (spec.linux!.uidMappings, spec.linux!.gidMappings) = (maps(users), maps(groups))
  }

  static let mounts: [(String, Change)] = [
    ("linux.uidMappings", { mapped(&$0, []) }), ("linux.gidMappings", { mapped(&$0, [(0, 0, 1)], []) }),
    ("linux.uidMappings[1].size", { mapped(&$0, [(0, 0, 1), (5, 5, 0)]) }),
    ("linux.uidMappings[0].hostID", { mapped(&$0, [(0, 4_294_967_290, 10)]) }),
    ("linux.uidMappings[1].containerID", { mapped(&$0, [(0, 0, 5), (4, 100, 5)]) }),
    ("linux.uidMappings[1].hostID", { mapped(&$0, [(0, 0, 5), (5, 4, 5)]) }),
    (
      "process.user.uid",
      {
        mapped(&$0, [(0, 0, 5)])
        $0.process!.user.uid = 5
      }
    ),
    ("mounts[0].destination", { $0.mounts = [.init(destination: "", type: "tmpfs")] }),
    ("mounts[0].type", { $0.mounts = [.init(destination: "/a")] }),
    ("mounts[0].source", { $0.mounts = [.init(destination: "/a", options: ["rbind"])] }),
    ("mounts[0].options", { $0.mounts = [.init(destination: "/a", source: "/b", options: ["bind", "idmap"])] }),
    (
      "mounts[0].gidMappings",
      {
        $0.mounts = [.init(destination: "/a", source: "/b", options: ["bind", "idmap"])]
        $0.mounts[0].uidMappings = [.init(containerID: 0, hostID: 0, size: 1)]
      }
    ),
    (
      "mounts[0]",
      {
        $0.mounts = [.init(destination: "/a", type: "tmpfs", options: ["idmap"])]
        $0.mounts[0].uidMappings = [.init(containerID: 0, hostID: 0, size: 1)]
        $0.mounts[0].gidMappings = $0.mounts[0].uidMappings
      }
    ),
    ("linux.devices[0].path", { $0.linux!.devices = [.init(path: "null", type: "c", major: 1, minor: 3)] }),
    ("linux.devices[0].type", { $0.linux!.devices = [.init(path: "/a", type: "d")] }),
    ("linux.devices[0].major", { $0.linux!.devices = [.init(path: "/a", type: "b", major: 4096)] }),
    ("linux.devices[0].minor", { $0.linux!.devices = [.init(path: "/a", type: "b", minor: -1)] }),
  ]

  private static func resources(_ spec: inout Spec, _ change: (inout Spec.Resources) -> Void) {
    var resources = Spec.Resources()
    (resources.memory, resources.cpu, resources.blockIO) = (Spec.Memory(), Spec.CPU(), Spec.BlockIO())
    change(&resources)
    spec.linux!.resources = resources
  }

  static let resources: [(String, Change)] = [
    ("linux.resources.devices[0].type", { resources(&$0) { $0.devices = [.init(allow: true, type: "x")] } }),
    ("linux.resources.devices[0].access", { resources(&$0) { $0.devices = [.init(allow: true, access: "rx")] } }),
    ("linux.resources.devices[0].major", { resources(&$0) { $0.devices = [.init(allow: true, major: -2)] } }),
    ("linux.resources.memory.limit", { resources(&$0) { $0.memory!.limit = -2 } }),
    ("linux.resources.memory.swappiness", { resources(&$0) { $0.memory!.swappiness = 101 } }),
    ("linux.resources.memory.swap", { resources(&$0) { ($0.memory!.limit, $0.memory!.swap) = (10, 5) } }),
    ("linux.resources.cpu.cpus", { resources(&$0) { $0.cpu!.cpus = "0-" } }),
    ("linux.resources.cpu.mems", { resources(&$0) { $0.cpu!.mems = "all" } }),
    ("linux.resources.cpu.idle", { resources(&$0) { $0.cpu!.idle = 2 } }),
    ("linux.resources.cpu.burst", { resources(&$0) { ($0.cpu!.quota, $0.cpu!.burst) = (10, 11) } }),
    (
      "linux.resources.cpu.realtimeRuntime",
      { resources(&$0) { ($0.cpu!.realtimeRuntime, $0.cpu!.realtimePeriod) = (2, 1) } }
    ),
    ("linux.resources.blockIO.weight", { resources(&$0) { $0.blockIO!.weight = 9 } }),
    (
      "linux.resources.blockIO.weightDevice[0]",
      { resources(&$0) { $0.blockIO!.weightDevice = [.init(major: 8, minor: 0)] } }
    ),
    (
      "linux.resources.blockIO.throttleReadBpsDevice[0].major",
      { resources(&$0) { $0.blockIO!.throttleReadBpsDevice = [.init(major: -1, minor: 0, rate: 1)] } }
    ),
    (
      "linux.resources.hugepageLimits[0].pageSize",
      { resources(&$0) { $0.hugepageLimits = [.init(pageSize: "2M", limit: 0)] } }
    ),
    ("linux.resources.rdma.mlx", { resources(&$0) { $0.rdma = ["mlx": .init()] } }),
    ("linux.resources.unified", { resources(&$0) { $0.unified = ["../cgroup.procs": "1"] } }),
  ]

  private static func filter(_ spec: inout Spec, _ change: (inout Spec.Seccomp) -> Void) {
    var filter = Spec.Seccomp(defaultAction: .allow)
    filter.syscalls = [.init(names: ["read"], action: .errno, errnoRet: 1)]
    change(&filter)
    spec.linux!.seccomp = filter
  }

  static let seccomp: [(String, Change)] = [
    ("linux.seccomp.defaultAction", { filter(&$0) { $0.defaultAction = .notify } }),
    ("linux.seccomp.defaultErrnoRet", { filter(&$0) { $0.defaultErrnoRet = 1 } }),
    ("linux.seccomp.architectures[0]", { filter(&$0) { $0.architectures = ["x86"] } }),
    ("linux.seccomp.flags[0]", { filter(&$0) { $0.flags = ["X"] } }),
    ("linux.seccomp.syscalls[0].names", { filter(&$0) { $0.syscalls[0].names = [] } }),
    ("linux.seccomp.syscalls[0].names[1]", { filter(&$0) { $0.syscalls[0].names = ["read", ""] } }),
    ("linux.seccomp.syscalls[0].errnoRet", { filter(&$0) { $0.syscalls[0].action = .kill } }),
    (
      "linux.seccomp.syscalls[0].args[0].index",
      { filter(&$0) { $0.syscalls[0].args = [.init(index: 6, value: 0, op: .equal)] } }
    ),
    ("linux.seccomp.listenerMetadata", { filter(&$0) { $0.listenerMetadata = "x" } }),
    ("linux.seccomp.listenerPath", { filter(&$0) { $0.listenerPath = "x" } }),
    ("linux.seccomp.listenerPath", { filter(&$0) { $0.syscalls[0] = .init(names: ["mknod"], action: .notify) } }),
  ]

  /// Exactly the one fault, at its place.
  @Test(arguments: wrong.indices)
  func isNamed(index: Int) {
    let (path, change) = Self.wrong[index]
    let faults = validate(goodSpec(change)).faults
    #expect(faults.map(\.path) == [path], "\(faults)")
  }

  @Test func warnings() {
    let spec = goodSpec { spec in
      var lists = Spec.CapabilityLists()
      lists.bounding = ["CAP_KILL", "CAP_FUTURE"]
      lists.permitted = ["CAP_KILL"]
      lists.effective = ["CAP_KILL", "CAP_CHOWN"]
      lists.inheritable = ["CAP_SETUID"]
      lists.ambient = ["CAP_KILL"]
      spec.process!.capabilities = lists
      spec.mounts = [.init(destination: "data", type: "tmpfs")]
    }
    let report = validate(spec, on: HostFacts(capabilities: .changeOwner))
    #expect(report.faults.isEmpty)
    #expect(
      report.warnings.map(\.path) == [
        "process.capabilities.bounding[1]", "process.capabilities.effective", "process.capabilities.inheritable",
        "process.capabilities.permitted", "mounts[0].destination",
      ])
    #expect("\(report.warnings[0])".contains("\"CAP_FUTURE\""))
    #expect(report.notes.map(\.path) == ["process.capabilities.ambient"])
  }

  /// `exec --cap` puts a name into three lists.
  @Test func anUnknownCapabilityIsWarnedOfOnce() {
    let report = validate(
      goodSpec { spec in
        var lists = Spec.CapabilityLists()
        (lists.bounding, lists.permitted, lists.effective) = (["CAP_A"], ["CAP_A", "CAP_B"], ["CAP_A", "CAP_B"])
        spec.process!.capabilities = lists
      })
    #expect(
      report.warnings.map(\.path) == ["process.capabilities.bounding[0]", "process.capabilities.permitted[1]"])
  }

  @Test func whatOnlyAHostCanTell() {
    let spec = goodSpec { spec in
      (spec.process!.apparmorProfile, spec.process!.selinuxLabel) = ("a", "b")
      spec.linux!.mountLabel = "c"
      spec.linux!.intelRdt = Spec.IntelRdt()
    }
    #expect(validate(spec).faults.isEmpty)
    #expect(
      validate(spec, on: HostFacts()).faults.map(\.path) == [
        "process.apparmorProfile", "process.selinuxLabel", "linux.mountLabel", "linux.intelRdt",
      ])
  }
}
