import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// Who the program is and what it inherits, as steps.
@Suite struct IdentityTests {
  @Test func everythingInItsOrder() throws {
    let spec = goodSpec { spec in
      spec.process!.scheduler = Spec.Scheduler(policy: "SCHED_FIFO")
      spec.process!.scheduler!.priority = 7
      spec.process!.scheduler!.flags = ["SCHED_FLAG_RESET_ON_FORK"]
      spec.process!.ioPriority = Spec.IOPriority(class: "IOPRIO_CLASS_BE", priority: 3)
      spec.process!.oomScoreAdj = 10
      spec.process!.rlimits = [Spec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 3, hard: 4)]
      spec.process!.apparmorProfile = "boat"
      spec.process!.user = Spec.User(uid: 5, gid: 6, umask: 0o77, additionalGids: [7])
      spec.process!.noNewPrivileges = true
      // Not for the first process.
      spec.process!.execCPUAffinity = Spec.ExecCPUAffinity(initial: "0", final: "1")
      spec.linux!.memoryPolicy = Spec.MemoryPolicy(mode: "MPOL_BIND", nodes: "0-1", flags: ["MPOL_F_STATIC_NODES"])
      spec.linux!.personality = Spec.Personality(domain: "LINUX32")
    }
    var request = launchRequest(spec)
    request.newKeyring = "_ses.box"
    request.host.modules.hasAppArmor = true
    let steps = try compile(request).finishing
    let start = try #require(steps.firstIndex(of: .process(.startSession)))
    let limit = ResourceLimit(name: "RLIMIT_NOFILE", resource: 7, soft: 3, hard: 4)
    let none = Capabilities(effective: [], permitted: [], inheritable: [], ambient: [])
    let expected: [ProcessStep] = [
      .startSession, .set(.keyring(SessionKeyring(name: "_ses.box", permissions: 0x8_0000))),
      .set(.securityLabel(.apparmor(profile: "boat"))), .set(.ioPriority(IOPriority(class: .bestEffort, level: 3))),
      .set(.memoryPolicy(MemoryPolicy(mode: .bind, flags: 1 << 15, nodes: try NumberList(parsing: "0,1")))),
      .set(.personality(.linux32)),
      .set(.scheduler(SchedulerSettings(policy: .fifo, priority: 7, flags: 1))), .setOomScoreAdjustment(10),
      .setResourceLimit(limit), .limitCapabilities(bounding: []), .ownStreams(user: 5),
      .setUser(user: 5, group: 6, supplementary: [7]),
      .setUmask(0o77), .changeDirectory("/"), .setNoNewPrivileges, .setCapabilities(none),
      .execute(program: "true", arguments: ["true"], environment: ["PATH=/bin"]),
    ]
    #expect(Array(steps[start...]) == expected.map(Step.process))
  }

  @Test func nothingIsAddedForWhatIsNotAskedFor() throws {
    let plan = try compile(launchRequest(goodSpec()))
    #expect(plan.finishing.attributes.isEmpty && plan.host.isEmpty)
    #expect(!plan.wiring.contains { if case .process = $0 { true } else { false } })
  }

  /// In a user namespace nobody may raise a limit or lower a score, whatever capabilities he has there.
  @Test func theParentDoesWhatAUserNamespaceCannot() throws {
    let spec = goodSpec { spec in
      spec.linux!.namespaces.append(Spec.Namespace(.user))
      spec.linux!.uidMappings = [Spec.IDMapping(containerID: 0, hostID: 1000, size: 10)]
      spec.linux!.gidMappings = spec.linux!.uidMappings
      spec.process!.oomScoreAdj = -5
      spec.process!.rlimits = [Spec.ResourceLimit(type: "RLIMIT_CORE", soft: 1, hard: 2)]
    }
    let plan = try compile(launchRequest(spec))
    let limit = ResourceLimit(name: "RLIMIT_CORE", resource: 4, soft: 1, hard: 2)
    #expect(plan.wiring.suffix(2) == [.process(.setOomScoreAdjustment(-5)), .process(.allowLimits([limit]))])
    #expect(plan.finishing.contains(.process(.setResourceLimit(limit))))
    #expect(!plan.finishing.contains(.process(.setOomScoreAdjustment(-5))))
    let exec = try compileExec(joinRequest(spec.process!, in: spec))
    #expect(exec.joining.starts(with: [.process(.setOomScoreAdjustment(-5))]))
  }

  /// "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted" (config.md).
  @Test func capabilitiesThatCannotBeGranted() throws {
    let spec = goodSpec { spec in
      var lists = Spec.CapabilityLists()
      lists.bounding = ["CAP_KILL", "CAP_CHOWN", "CAP_FUTURE"]
      lists.permitted = ["CAP_KILL", "CAP_CHOWN"]
      lists.effective = ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"]
      lists.inheritable = ["CAP_KILL", "CAP_SETGID"]
      lists.ambient = ["CAP_KILL", "CAP_CHOWN"]
      spec.process!.capabilities = lists
    }
    func sets(_ available: CapabilitySet?) throws -> (CapabilitySet?, Capabilities?) {
      var request = launchRequest(spec)
      request.host.capabilities = available
      var found: (CapabilitySet?, Capabilities?) = (nil, nil)
      for case .process(let step) in try compile(request).finishing {
        if case .limitCapabilities(let bounding) = step { found.0 = bounding }
        if case .setCapabilities(let sets) = step { found.1 = sets }
      }
      return found
    }
    let both: CapabilitySet = [.kill, .changeOwner]
    #expect(
      try sets(nil) == (both, Capabilities(effective: both, permitted: both, inheritable: .kill, ambient: .kill)))
    let (bounding, less) = try sets(.changeOwner)
    #expect(bounding == both)
    #expect(less == Capabilities(effective: .changeOwner, permitted: .changeOwner, inheritable: [], ambient: []))
  }

  @Test func processorsOfAProcessThatEnters() throws {
    func plan(_ initial: String?, _ final: String?) throws -> ExecPlan {
      var process = goodSpec().process!
      process.execCPUAffinity = Spec.ExecCPUAffinity(initial: initial, final: final)
      var request = joinRequest(process, in: goodSpec())
      request.newKeyring = "_ses.box"
      return try compileExec(request)
    }
    let ring = ProcessAttribute.keyring(SessionKeyring(name: "_ses.box"))
    let (one, two) = (try NumberList(parsing: "1"), try NumberList(parsing: "0-1"))
    let both = try plan("1", "0-1")
    #expect(both.joining.first == .process(.set(.processors(one))))
    #expect(both.finishing.attributes == [ring, .processors(two)])
    // What `initial` asked for must not outlive the way in.
    #expect(try plan("1", nil).finishing.attributes == [ring, .processors(.all)])
    #expect(try plan(nil, "0-1").joining.attributes.isEmpty)
    #expect(try plan(nil, nil).finishing.attributes == [ring])
    #expect(throws: PlanningError.self) { try plan("x", nil) }
  }

  /// What a host cannot do is refused by name, before anything is made.
  @Test func labelsOfModulesThatAreNotThere() throws {
    var spec = goodSpec()
    spec.process!.apparmorProfile = "boat"
    #expect { try compile(launchRequest(spec)) } throws: { "\($0)".contains("apparmor failed to apply profile") }
    spec = goodSpec()
    spec.process!.selinuxLabel = "u:r:t:s0"
    #expect { try compile(launchRequest(spec)) } throws: { "\($0)".contains("selinux is disabled or not supported") }
    var request = launchRequest(spec)
    request.host.modules.hasSELinux = true
    request.newKeyring = "k"
    #expect(
      try compile(request).finishing.attributes.prefix(2) == [
        .keyring(SessionKeyring(name: "k", permissions: 0x8_0000, label: "u:r:t:s0")),
        .securityLabel(.selinux(label: "u:r:t:s0")),
      ])
  }

  @Test func mountsGetTheirLabel() throws {
    let spec = goodSpec { spec in
      spec.linux!.mountLabel = "u:r:t:s0:c1,c2"
      spec.linux!.maskedPaths = ["/proc/acpi"]
      spec.mounts = [
        Spec.Mount(destination: "/proc", type: "proc", source: "proc"),
        Spec.Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["size=1m"]),
        Spec.Mount(destination: "/data", type: "bind", source: "/srv", options: ["bind"]),
      ]
    }
    var request = launchRequest(spec)
    request.host.modules.hasSELinux = true
    let plan = try compile(request)
    let options = plan.building.compactMap { step -> [Path]? in
      if case .mount(.mount(let mount)) = step { mount.options } else { nil }
    }
    #expect(options == [[], ["size=1m", "context=u:r:t:s0:c1,c2"]])
    // So do the empty directories that hide what is masked, as in runc.
    #expect(plan.finishing.contains(.mount(.mask("/proc/acpi", label: "u:r:t:s0:c1,c2"))))
  }
}
