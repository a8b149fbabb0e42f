import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// The mounts and devices of a configuration, as steps.
@Suite struct MountPlanTests {
  private func plan(
    _ mounts: [Spec.Mount] = [], _ adapt: (inout LaunchRequest) -> Void = { _ in }
  ) throws -> LaunchPlan {
    var spec = Spec()
    var process = Spec.Process()
    process.args = ["true"]
    spec.process = process
    spec.mounts = mounts
    spec.linux = Spec.Linux()
    spec.linux?.namespaces = [.init(.mount), .init(.pid)]
    let layout = CgroupLayout(unified: nil, hierarchies: [], hasSwapLimit: false)
    var request = LaunchRequest(spec: spec, root: .directory("/r"), rootfs: "/r", group: nil, layout: layout)
    request.bundle = "/bundle"
    adapt(&request)
    return try compile(request)
  }

  private func refusal(
    _ mounts: [Spec.Mount], _ adapt: (inout LaunchRequest) -> Void = { _ in }
  ) -> PlanningError? {
    do {
      _ = try plan(mounts, adapt)
      return nil
    } catch { return error as? PlanningError }
  }

  private func addUserNamespace(_ request: inout LaunchRequest) {
    request.spec.linux?.namespaces.append(.init(.user))
    request.spec.linux?.uidMappings = [.init(containerID: 0, hostID: 100_000, size: 65_536)]
    request.spec.linux?.gidMappings = [.init(containerID: 0, hostID: 100_000, size: 65_536)]
  }

  @Test func relativePaths() throws {
    let steps = try plan([
      .init(destination: "a/b", type: "bind", source: "data", options: ["bind"]),
      .init(destination: "/c", type: "none", source: "/data", options: ["rbind"]),
    ]).building
    #expect(steps.contains(.mount(.bind(BindMount(source: "/bundle/data", target: "/a/b", isRecursive: false)))))
    #expect(steps.contains(.mount(.bind(BindMount(source: "/data", target: "/c", isRecursive: true)))))
  }

  @Test("a tmpfs and /dev are closed after everything is in them")
  func readOnlyAtLast() throws {
    let plan = try plan([
      .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "ro"]),
      .init(destination: "/data", type: "bind", source: "/data", options: ["bind", "ro"]),
      .init(destination: "/proc", type: "proc", source: "proc", options: ["ro"]),
    ])
    let dev = FileSystemMount(type: "tmpfs", source: "tmpfs", target: "/dev", attributes: .noSetUserId)
    let proc = FileSystemMount(type: "proc", source: "proc", target: "/proc", attributes: .readOnly)
    #expect(plan.building.contains(.mount(.mount(dev))))
    #expect(plan.building.contains(.mount(.mount(proc))))
    let remounts = plan.finishing.filter { if case .mount(.remount) = $0 { true } else { false } }
    #expect(remounts == [.mount(.remount(Remount(target: "/dev", set: .readOnly)))])
  }

  @Test func remounts() throws {
    let steps = try plan([
      .init(destination: "/a", type: "bind", source: "/a", options: ["remount", "bind", "ro", "suid"]),
      .init(destination: "/b", type: "tmpfs", source: "b", options: ["remount", "size=1m", "noexec"]),
    ]).building
    #expect(steps.contains(.mount(.remount(Remount(target: "/a", set: .readOnly, clear: .noSetUserId)))))
    #expect(
      steps.contains(
        .mount(.remount(Remount(target: "/b", isBind: false, set: .noExecute, options: ["size=1m"])))))
  }

  @Test func whatIsNoMount() {
    #expect(refusal([.init(destination: "", type: "tmpfs")])?.path == "mounts[0].destination")
    #expect(refusal([.init(destination: "/a", type: "none")])?.path == "mounts[0].type")
    #expect(refusal([.init(destination: "/a")])?.path == "mounts[0].type")
    #expect(refusal([.init(destination: "/a", options: ["bind"])])?.path == "mounts[0].source")
    let data = Spec.Mount(destination: "/a", source: "/a", options: ["bind", "size=1"])
    #expect(refusal([data])?.path == "mounts[0].options")
    #expect(refusal([.init(destination: "/a", source: "/a", options: ["bind", "sync"])]) == nil)
  }

  @Test func owners() throws {
    var mount = Spec.Mount(destination: "/a", type: "bind", source: "/a", options: ["bind"])
    let ids = [Spec.IDMapping(containerID: 0, hostID: 5, size: 9)]
    mount.uidMappings = ids
    #expect(refusal([mount])?.reason.contains("both") == true)
    mount.gidMappings = ids
    let maps = [IdentifierMap(container: 0, host: 5, count: 9)]
    var bind = BindMount(source: "/a", target: "/a", isRecursive: false, set: .identityMapped)
    bind.owners = FileOwners(users: maps, groups: maps)
    #expect(try plan([mount]).building.contains(.mount(.bind(bind))))
    #expect(
      refusal([mount]) {
        addUserNamespace(&$0)
        $0.rootless = HostIdentity(user: 1, group: 1)
      }?.reason.contains("ordinary user") == true)
    mount.options = ["bind", "ridmap"]
    (bind.set, bind.setRecursively) = ([], .identityMapped)
    #expect(try plan([mount]).building.contains(.mount(.bind(bind))))
    let alone = Spec.Mount(destination: "/a", type: "bind", source: "/a", options: ["bind", "idmap"])
    #expect(refusal([alone])?.path == "mounts[0]")
    #expect(refusal([alone], addUserNamespace) == nil)
    mount.type = "tmpfs"
    mount.options = []
    #expect(refusal([mount])?.path == "mounts[0]")
  }

  @Test("what a user namespace may not mount of the host's is bound, and nothing else is")
  func fallbacks() throws {
    let mounts = [
      Spec.Mount(destination: "/sys", type: "sysfs", source: "sysfs"),
      Spec.Mount(destination: "/proc", type: "proc", source: "proc"),
    ]
    func fallbacks(_ adapt: (inout LaunchRequest) -> Void) throws -> [Path?] {
      try plan(mounts, adapt).building.compactMap { step in
        if case .mount(.mount(let mount)) = step { .some(mount.fallback) } else { nil }
      }
    }
    #expect(try fallbacks { _ in } == [nil, nil])
    #expect(try fallbacks(addUserNamespace) == ["/sys", nil])
    #expect(
      try fallbacks {
        addUserNamespace(&$0)
        $0.spec.linux?.namespaces.removeAll { $0.type == .pid }
        $0.spec.linux?.namespaces.append(.init(.network))
      } == [nil, "/proc"])
  }

  @Test func cgroupsWithoutANamespaceOfTheirOwn() throws {
    let table = """
      30 20 0:26 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
      31 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

      """
    let layout = CgroupLayout(
      mountInformation: Array(table.utf8), membership: Array("8:pids:/\n0::/\n".utf8)
    ) { _ in nil }
    let mounts = [Spec.Mount(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"])]
    func sources(_ namespaces: [Spec.Namespace]) throws -> [Path?] {
      let plan = try plan(mounts) {
        $0.layout = layout
        $0.group = "box"
        $0.spec.linux?.namespaces += namespaces
      }
      for case .mount(.mountCgroups(let mount)) in plan.finishing {
        #expect(mount.isReadOnly)
        return mount.hierarchies.map(\.source)
      }
      return []
    }
    #expect(try sources([]) == ["/sys/fs/cgroup/pids/box", "/sys/fs/cgroup/unified/box"])
    #expect(try sources([.init(.cgroup)]) == ["/sys/fs/cgroup/pids/box", "/sys/fs/cgroup/unified/box"])
    #expect(try sources([.init(.cgroup, path: "/proc/1/ns/cgroup")]) == [nil, nil])
  }

  @Test func propagation() throws {
    func steps(_ option: String?) throws -> [MountStep] {
      let plan = try plan { $0.spec.linux?.rootfsPropagation = option }
      return (plan.building + plan.finishing).compactMap { step in
        switch step {
        case .mount(.setPropagation(let value)): .setPropagation(value)
        case .mount(.setRootPropagation(let value)): .setRootPropagation(value)
        default: nil
        }
      }
    }
    #expect(try steps(nil) == [.setPropagation(.slave)])
    #expect(try steps("rprivate") == [.setPropagation(.private)])
    #expect(try steps("rslave") == [.setPropagation(.slave), .setRootPropagation(.slave)])
    #expect(try steps("shared") == [.setPropagation(.shared), .setRootPropagation(.shared)])
    #expect(try steps("unbindable") == [.setPropagation(.private), .setRootPropagation(.unbindable)])
    #expect(throws: PlanningError.self) { try steps("sideways") }
  }

  @Test func theRootIsEntered() throws {
    #expect(try plan().finishing.contains(.mount(.pivotRoot)))
    let moved = try plan { $0.noPivot = true }.finishing
    #expect(moved.contains(.mount(.moveRoot("/r"))) && !moved.contains(.mount(.pivotRoot)))
  }

  private func nodes(_ plan: LaunchPlan) -> [DeviceNode] {
    plan.building.compactMap { if case .mount(.makeDevice(let node)) = $0 { node } else { nil } }
  }

  @Test func devices() throws {
    let plan = try plan {
      $0.spec.linux?.devices = [
        .init(path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o600, uid: 5, gid: 6),
        .init(path: "/dev/ptmx", type: "c", major: 5, minor: 2), .init(path: "/dev/p", type: "p"),
        .init(path: "/dev/fuse", type: "u", major: 10, minor: 229), .init(path: "/dev/loop0", type: "b", major: 7),
      ]
    }
    let nodes = nodes(plan)
    #expect(
      nodes.map(\.path) == [
        "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/null", "/dev/p", "/dev/fuse",
        "/dev/loop0",
      ])
    let null = nodes.first { $0.path == "/dev/null" }
    #expect(null?.mode == 0o600 && null?.owner == 5 && null?.group == 6)
    #expect(nodes.map(\.kind).suffix(3) == [.fifo, .characterDevice, .blockDevice])
    for device in [
      Spec.Device(path: "", type: "c"), .init(path: "dev/x", type: "c"), .init(path: "/dev/x", type: "d"),
      .init(path: "/dev/x", type: "c", major: -1),
    ] {
      #expect(throws: PlanningError.self, "\(device)") {
        try self.plan { $0.spec.linux?.devices = [device] }
      }
    }
  }

  @Test("a /dev that is bound from elsewhere has devices of its own")
  func boundDev() throws {
    let bound = Spec.Mount(destination: "/dev/", type: "bind", source: "/dev", options: ["rbind"])
    let plan = try plan([bound])
    #expect(nodes(plan).isEmpty)
    #expect(!plan.building.contains { if case .mount(.makeSymbolicLink) = $0 { true } else { false } })
  }
}
