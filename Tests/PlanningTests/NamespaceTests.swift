import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// Which namespaces are made, joined or left as they are, and where that happens.
@Suite struct NamespaceTests {
  private func plan(
    _ namespaces: [Spec.Namespace], rootless: HostIdentity? = nil, _ change: (inout Spec) -> Void = { _ in }
  ) throws -> LaunchPlan {
    var spec = Spec()
    var process = Spec.Process()
    process.args = ["true"]
    spec.process = process
    spec.linux = Spec.Linux()
    spec.linux?.namespaces = namespaces
    change(&spec)
    let layout = CgroupLayout(unified: nil, hierarchies: [], hasSwapLimit: false)
    var request = LaunchRequest(spec: spec, root: .directory("/r"), rootfs: "/r", group: nil, layout: layout)
    request.rootless = rootless
    return try compile(request)
  }

  private func refusal(
    _ namespaces: [Spec.Namespace], rootless: HostIdentity? = nil, _ change: (inout Spec) -> Void = { _ in }
  ) -> PlanningError? {
    do {
      _ = try plan(namespaces, rootless: rootless, change)
      return nil
    } catch { return error as? PlanningError }
  }

  private func map(_ spec: inout Spec, _ container: UInt32 = 0, _ host: UInt32 = 100_000, _ size: UInt32 = 65_536) {
    spec.linux?.uidMappings = [.init(containerID: container, hostID: host, size: size)]
    spec.linux?.gidMappings = [.init(containerID: container, hostID: host, size: size)]
  }

  private func joins(_ steps: [Step]) -> [Namespaces] {
    steps.compactMap { if case .process(.joinNamespace(let namespace, _)) = $0 { namespace } else { nil } }
  }

  @Test func whatTheCloneMakes() throws {
    let all = try plan(Spec.NamespaceType.allCases.filter { $0 != .user }.map { .init($0) })
    #expect(all.namespaces == [.mount, .process, .network, .ipc, .uts])
    #expect(all.finishing.contains(.process(.unshare(.cgroup))))
    #expect(all.building.first == .process(.enterTimeNamespace([])))
    #expect(all.joining.isEmpty && all.joined.isEmpty)
  }

  /// While the container builds itself, and before the hooks that may look for them.
  @Test func devicesThatAreMoved() throws {
    var request = launchRequest(
      goodSpec {
        $0.linux?.netDevices = ["eth2": .init(), "eth1": .init(name: "lan"), "eth3": .init(name: "eth%d")]
        $0.hooks.createRuntime = [Spec.Hook(path: "/hook")]
      })
    request.state = Spec.State(id: "c", status: .creating, bundle: "/b", annotations: [:])
    let plan = try compile(request)
    #expect(
      plan.wiring.prefix(3) == [
        .network(.moveLink(LinkMove("eth1", to: "lan"))), .network(.moveLink(LinkMove("eth2", to: "eth2"))),
        .network(.moveLink(LinkMove("eth3", to: "eth%d"))),
      ])
    #expect(plan.wiring.count > 3)
    // They are not taken out again when the container ends.
    #expect(plan.wiring.prefix(3).allSatisfy { $0.undo == nil })
  }

  /// Two may have one template, and never one name.
  @Test func templatesMayRepeat() {
    func faults(_ name: String) -> [String] {
      validate(goodSpec { $0.linux?.netDevices = ["a0": .init(name: name), "b0": .init(name: name)] }).faults.map(
        \.path)
    }
    #expect(faults("eth%d").isEmpty)
    #expect(faults("eth0").count == 1)
  }

  @Test func whatIsJoinedInTheChildItself() throws {
    let plan = try plan([
      .init(.mount), .init(.network, path: "/n"), .init(.ipc, path: "/i"), .init(.uts, path: "/u"),
    ])
    #expect(plan.joining.isEmpty)
    #expect(joins(plan.building) == [.network, .ipc, .uts])
    #expect(plan.joined.map(\.path) == ["/n", "/i", "/u"])
    #expect(plan.namespaces == .mount)
  }

  @Test("a PID namespace counts for children, and what a user namespace owns is made from within it")
  func whatIsJoinedBeforeTheClone() throws {
    let pid = try plan([.init(.mount), .init(.pid, path: "/p"), .init(.network, path: "/n")])
    #expect(joins(pid.joining) == [.process, .network])
    #expect(joins(pid.building).isEmpty)
    let pod = try plan([.init(.mount), .init(.user, path: "/u"), .init(.network, path: "/n")])
    #expect(joins(pod.joining) == [.network, .user])
    #expect(
      pod.building.prefix(2) == [.process(.awaitParent), .process(.setUser(user: 0, group: 0, supplementary: []))])
    #expect(!pod.wiring.contains { $0.isMapping })
    let own = try plan([.init(.mount), .init(.user), .init(.network, path: "/n")]) { map(&$0) }
    #expect(joins(own.joining) == [.network])
    #expect(own.namespaces == [.mount, .user])
    let rootless = try plan(
      [.init(.mount), .init(.network, path: "/n"), .init(.user, path: "/u")],
      rootless: HostIdentity(user: 1000, group: 1000))
    #expect(joins(rootless.joining) == [.user, .network])
  }

  @Test func whatMustNotBeTheHosts() throws {
    let joined = try plan([
      .init(.mount, path: "/m"), .init(.uts, path: "/u"), .init(.network, path: "/n"), .init(.ipc, path: "/i"),
    ]) {
      $0.hostname = "box"
      $0.linux?.sysctl = ["net.ipv4.ip_forward": "1"]
    }.joined
    #expect(joined.filter { $0.danger != nil }.map(\.path) == ["/m", "/u", "/n"])
  }

  @Test func theHostsMountsAreNotTouched() {
    #expect(refusal([.init(.pid)])?.path == "linux.namespaces")
    #expect(refusal([.init(.mount), .init(.mount, path: "/m")])?.reason.contains("twice") == true)
  }

  @Test func identifiers() throws {
    let both: [Spec.Namespace] = [.init(.mount), .init(.user)]
    #expect(refusal(both)?.path == "linux.uidMappings")
    #expect(refusal(both) { map(&$0, 1) }?.path == "linux.uidMappings")
    #expect(
      refusal(both) {
        map(&$0)
        $0.process?.user.uid = 65_536
      }?.path == "process.user.uid")
    #expect(
      refusal(both) {
        map(&$0)
        $0.process?.user.additionalGids = [5, 70_000]
      }?.path == "process.user.additionalGids[1]")
    #expect(
      refusal(both) {
        map(&$0, 0, 5, .max)
        $0.process?.user.uid = .max - 1
      } == nil)
  }

  @Test("an ordinary user maps its own ids by itself, and ranges with the host's helpers")
  func rootless() throws {
    let caller = HostIdentity(user: 1000, group: 1001)
    let both: [Spec.Namespace] = [.init(.mount), .init(.user)]
    #expect(refusal([.init(.mount)], rootless: caller)?.path == "linux.namespaces")
    func writer(_ change: (inout Spec) -> Void) throws -> MapWriter? {
      for case .process(.mapIdentifiers(_, _, let writer)) in try plan(both, rootless: caller, change).wiring {
        return writer
      }
      return nil
    }
    func own(_ spec: inout Spec) {
      spec.linux?.uidMappings = [.init(containerID: 0, hostID: 1000, size: 1)]
      spec.linux?.gidMappings = [.init(containerID: 0, hostID: 1001, size: 1)]
    }
    #expect(try writer(own) == .owner)
    #expect(try writer { map(&$0) } == .helpers)
    #expect(try plan(both) { map(&$0) }.wiring.contains { $0.isMapping })
    let groups = refusal(both, rootless: caller) {
      own(&$0)
      $0.process?.user.additionalGids = [0]
    }
    #expect(groups?.path == "process.user.additionalGids")
    // Nothing is opened with rights of the host, for there are none; the step says that the ids are there.
    let wiring = try plan(both, rootless: caller, own).wiring
    #expect(wiring.contains(.mount(.openSources([], owner: nil))))
  }

  @Test func clocks() throws {
    let plan = try plan([.init(.mount), .init(.time)]) {
      $0.linux?.timeOffsets = ["monotonic": .init(secs: -3), "boottime": .init(secs: 7, nanosecs: 9)]
    }
    #expect(
      plan.building.contains(
        .process(
          .enterTimeNamespace([
            ClockOffset(clock: "boottime", seconds: 7, nanoseconds: 9), ClockOffset(clock: "monotonic", seconds: -3),
          ]))))
    for (namespaces, offsets) in [
      ([.init(.mount)], ["monotonic": .init(secs: 1)]),
      ([.init(.mount), .init(.time, path: "/t")], ["monotonic": .init(secs: 1)]),
      ([.init(.mount), .init(.time)], ["realtime": .init(secs: 1)]),
      ([.init(.mount), .init(.time)], ["monotonic": .init(secs: 1, nanosecs: 1_000_000_000)]),
    ] as [([Spec.Namespace], [String: Spec.TimeOffset])] {
      let refused = refusal(namespaces) { $0.linux?.timeOffsets = offsets }
      #expect(refused?.path.hasPrefix("linux.timeOffsets") == true, "\(offsets)")
    }
  }
}

extension Step {
  fileprivate var isMapping: Bool { if case .process(.mapIdentifiers) = self { true } else { false } }
}
