import Explain
import Foundation
import JSON
import Kernel
import Steps
import Testing

@Suite struct ExplanationTests {
  /// One of each case, with names that try to break out.
  static let hostile: Path = "/a b'$(id)\u{1b}[2J\n#x"
  static let steps: [Step] =
    [files, mounts, cgroups, networks, processes, attributes].flatMap { $0 }

  static let files: [Step] = [
    .file(.makeDirectory(hostile, mode: 0o700)), .file(.copyFile(from: "/bin/ls", to: hostile, mayLink: true)),
    .file(.copyFile(from: "/bin/ls", to: hostile, mayLink: false)), .file(.makeSymbolicLink(hostile, target: hostile)),
    .file(.writeFile(hostile, contents: [0, 0xff, 0x27, 0x0a], mode: 0o644)), .file(.removeFile(hostile)),
    .file(.removeDirectory(hostile)), .file(.removeTree(hostile)),
    .file(.limitSpace(of: [hostile, "/w"], bytes: 20 << 20, project: 1 << 30)), .file(.setLimit(of: hostile, bytes: 0)),
  ]
  static let mounts: [Step] = [
    .mount(.setPropagation(.slave)), .mount(.openSources([.bindRoot(hostile)], owner: nil)),
    .mount(.openSources([.bindRoot(hostile)], owner: HostIdentity(user: 1, group: 2))),
    .mount(.mountOverlay(OverlayMount(target: "/r", lower: [hostile, "/l"], upper: "/u", work: "/w"))),
    .mount(
      .mountOverlay(
        OverlayMount(
          target: "/r", lower: ["/l"], upper: nil, work: nil, isVolatile: true, usesUserAttributes: true))),
    .mount(.bindRoot(hostile)),
    .mount(
      .mount(
        FileSystemMount(
          type: "tmpfs", source: "tmpfs", target: hostile, attributes: [.noSetUserId, .readOnly],
          options: ["size=64k", "x"],
          propagation: .slave, copiesUp: true))),
    .mount(.mount(FileSystemMount(type: "proc", source: "proc", target: "/proc"))),
    .mount(
      .bind(
        BindMount(
          source: hostile, target: hostile, set: .readOnly, clear: .noExecute, setRecursively: .readOnly,
          clearRecursively: .noDevices, propagation: .shared, propagatesRecursively: true))),
    .mount(
      .mountCgroups(
        CgroupMount(
          target: "/sys/fs/cgroup",
          hierarchies: [
            .init(name: "cpu,cpuacct", isV2: false, options: "cpu,cpuacct"),
            .init(name: "unified", isV2: true, options: ""),
          ], isReadOnly: true))),
    .mount(
      .makeDevice(
        DeviceNode(
          path: "/dev/null", kind: .characterDevice, device: DeviceNumber(major: 1, minor: 3), mode: 0o666, owner: 5))),
    .mount(
      .makeDevice(
        DeviceNode(
          path: "/dev/x", kind: .blockDevice, device: DeviceNumber(major: 8, minor: 0), mode: 0o600, isBound: true))),
    .mount(.makeSymbolicLink(hostile, target: hostile)), .mount(.makeDirectory(hostile, mode: 0o755)),
    .mount(.bindConsole),
    .mount(.mask(hostile)), .mount(.mask(hostile, label: "u:r:t:s0:c1,c2")), .mount(.makeReadOnly(hostile)),
    .mount(.makeRootReadOnly), .mount(.pivotRoot),
    .mount(.setRootPropagation(.private)), .mount(.moveRoot(hostile)), .mount(.openSources([], owner: nil)),
    .mount(.mountScratch(hostile)), .mount(.enterToolbox(container: hostile)),
    .mount(.share(hostile, isDirectory: true, of: hostile)), .mount(.share(hostile, isDirectory: false, of: hostile)),
    .mount(
      .remount(
        Remount(
          target: hostile, set: .readOnly, clear: .noExecute, setRecursively: .noDevices,
          clearRecursively: .noSetUserId))),
    .mount(.remount(Remount(target: hostile, isBind: false, set: .readOnly, options: ["size=1m"]))),
    .mount(
      .mountCgroups(
        CgroupMount(
          target: "/sys/fs/cgroup", hierarchies: [.init(name: "pids", isV2: false, options: "pids", source: hostile)],
          isReadOnly: false))),
  ]
  static let cgroups: [Step] = [
    .cgroup(.ensure(hostile)), .cgroup(.make(hostile)), .cgroup(.write(hostile, file: "memory.max", value: "67108864")),
    .cgroup(
      .writeFirst(
        hostile, [ControlSetting(file: "a", value: "1"), ControlSetting(file: "b", value: "2")], orNone: false)),
    .cgroup(.writeFirst(hostile, [ControlSetting(file: "a", value: "1")], orNone: true)),
    .cgroup(.enable(hostile, required: ["memory"], wanted: ["io"])),
    .cgroup(.allowDevices(hostile, [DeviceRule(allow: false, kind: .all, major: nil, minor: nil, access: "rwm")])),
    .cgroup(.inheritCpuset(hostile)), .cgroup(.join(hostile, isV2: false)), .cgroup(.join(hostile, isV2: true)),
    .cgroup(.admit(hostile, isV2: false)), .cgroup(.admit(hostile, isV2: true)),
    .cgroup(.remove(hostile)),
  ]
  static let networks: [Step] = [
    .network(.makeBridge(name: "skiff0", mac: MacAddress(value: 0x0242_0a00_0001))),
    .network(
      .makeVeth(
        VethPair(
          host: "sk1", bridge: "skiff0", peer: "eth0", peerMac: MacAddress(value: 0x0242_0a00_0002))
      )),
    .network(.setUp(.loopback)), .network(.setUp("eth0")),
    .network(.addAddress("eth0", IPv4Prefix(IPv4Address(10, 0, 0, 2), length: 24))),
    .network(.addDefaultRoute(gateway: IPv4Address(10, 0, 0, 1), "eth0")), .network(.rename("sk2", to: "eth0")),
    .network(.setMacAddress("eth0", MacAddress(value: 2))), .network(.deleteLink("skiff0")),
    .network(.attach("sk1", bridge: "skiff0")),
    .network(.reflect("sk1")), .network(.openNameSockets(redirect: NameRedirect.change)),
    .network(
      .startForwarder(
        UserForwarder(program: "/usr/bin/pasta", arguments: ["--tcp-ports", "8080:80"], record: "/run/x/forwarder"))),
    .network(
      .startRelay(
        PortRelayStart(
          arguments: ["skiff-monitor", "--relay", hostile],
          listeners: [.init(.tcp, .v4(IPv4Address(127, 0, 0, 1)), port: 8080)], record: "/run/x/forwarder"))),
    .network(.stopForwarder(record: "/run/x/forwarder")),
    .network(.moveLink(LinkMove("eth1", to: "lan"))), .network(.moveLink(LinkMove("eth1", to: "eth%d"))),
    .network(.returnLink(LinkReturn(index: 7, name: "eth1", wasUp: true))),
    .network(.setSysctl(key: "net.ipv4.ip_forward", value: "1", before: "0")),
    .network(
      .applyFirewall(
        FirewallChange(
          table: "skiff",
          [
            .addTable, .addSet(FirewallSet("nets", .prefixes([IPv4Prefix(IPv4Address(10, 0, 0, 0), length: 24)]))),
            .addChain(FirewallChain("post", .postrouting)),
            .addRule(chain: "post", FirewallRule([.source(inSet: "nets")], .masquerade, comment: "out")),
          ]), reverse: nil)),
  ]
  static let processes: [Step] = [
    .process(.clone([.mount, .process], cgroup: hostile)), .process(.clone([], cgroup: nil)),
    .process(
      .mapIdentifiers(
        users: [IdentifierMap(container: 0, host: 100_000, count: 65_536)],
        groups: [IdentifierMap(container: 0, host: 100_000, count: 65_536)])),
    .process(
      .mapIdentifiers(
        users: [IdentifierMap(container: 0, host: 1000, count: 1)],
        groups: [IdentifierMap(container: 0, host: 1000, count: 1)], by: .owner)),
    .process(
      .mapIdentifiers(
        users: [IdentifierMap(container: 0, host: 1000, count: 1), IdentifierMap(container: 1, host: 5000, count: 9)],
        groups: [IdentifierMap(container: 0, host: 1000, count: 1)], by: .helpers)),
    .process(.enterTimeNamespace([])),
    .process(.enterTimeNamespace([ClockOffset(clock: "boottime", seconds: -5, nanoseconds: 7)])),
    .process(.unshare(.cgroup)), .process(.joinNamespace(.network, hostile)),
    .process(.joinNamespaces([.mount, .process], of: 42)), .process(.awaitParent), .process(.setHostname("web")),
    .process(.setDomainName("x")), .process(.setSysctl(key: "net.ipv4.ip_unprivileged_port_start", value: "0")),
    .process(.setResourceLimit(ResourceLimit(name: "RLIMIT_NOFILE", resource: 7, soft: 1024, hard: .max))),
    .process(.setResourceLimit(ResourceLimit(name: "RLIMIT_CORE", resource: 4, soft: 0, hard: 0, isDefault: true))),
    .process(.allowLimits([ResourceLimit(name: "RLIMIT_NOFILE", resource: 7, soft: 1024, hard: .max)])),
    .process(.setOomScoreAdjustment(-100)), .process(.startSession), .process(.openTerminal(rows: 24, columns: 80)),
    .process(.changeRoot(hostile)), .process(.changeDirectory(hostile)), .process(.setUmask(0o022)),
    .process(.setNoNewPrivileges), .process(.limitCapabilities(bounding: [.kill, .changeOwner])),
    .process(.setUser(user: 1000, group: 1000, supplementary: [4, 5])),
    .process(.setUser(user: 1000, group: 1000, supplementary: [])),
    .process(.setCapabilities(Capabilities(effective: .kill, permitted: .kill, inheritable: [], ambient: .kill))),
    .process(.loadFilter(SystemCallFilter(name: "a filter", instructions: [0, 1], flags: 0))),
    .process(.execute(program: "/bin/sh", arguments: ["sh", hostile], environment: ["A=b c"])),
  ]

  static let attributes: [Step] = (schedulers + policies + others).map { .process(.set($0)) }
  static let schedulers: [ProcessAttribute] = policyNames.map { policy in
    .scheduler(SchedulerSettings(policy: policy, nice: policy == .other ? 3 : 0, flags: 1, runtime: 5000))
  }
  static let policyNames: [SchedulerSettings.Policy] = [.other, .fifo, .roundRobin, .batch, .idle, .deadline]
  static let policies: [ProcessAttribute] = modes.map { mode in
    .memoryPolicy(MemoryPolicy(mode: mode, flags: 1 << 15, nodes: .all))
  }
  static let modes: [MemoryPolicy.Mode] = [
    .default, .preferred, .bind, .interleave, .local, .preferredMany, .weightedInterleave,
  ]
  static let others: [ProcessAttribute] = [
    .memoryPolicy(MemoryPolicy(mode: .preferred)), .ioPriority(IOPriority(class: .realTime, level: 0)),
    .ioPriority(IOPriority(class: .bestEffort, level: 4)), .ioPriority(IOPriority(class: .idle, level: 7)),
    .processors(.all), .processors((try? NumberList(parsing: "0-1")) ?? .all), .personality(.linux),
    .personality(.linux32), .securityLabel(.apparmor(profile: hostile.string)),
    .securityLabel(.selinux(label: hostile.string)), .keyring(SessionKeyring(name: hostile.string, permissions: 8)),
  ]

  @Test(arguments: steps)
  func saysEverything(step: Step) {
    let explanation = Explanation(of: step)
    #expect(explanation.name.contains("."))
    #expect(explanation.sentence.hasSuffix(".") && explanation.sentence.count > 15)
    #expect(!explanation.calls.isEmpty && !explanation.shell.isEmpty)
    for call in explanation.calls { #expect(call.contains("(") && call.hasSuffix(")"), "\(call)") }
    // Nothing of a hostile name reaches the terminal as more than text.
    for text in [explanation.sentence] + explanation.calls {
      #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }, "\(text)")
    }
    for command in explanation.shell { #expect(!command.contains("\u{1b}")) }
  }

  /// sh -n reads a command without running it.
  @Test(arguments: ShellWordTests.shells)
  func commandsAreShell(shell: [String]) throws {
    for step in Self.steps {
      let text = Explanation(of: step).shell.joined(separator: "\n")
      let answer = try run(shell + ["-n", "-c", text])
      #expect(answer.status == 0, "\(text): \(answer.errors)")
    }
  }

  @Test(arguments: ShellWordTests.shells)
  func scriptsAreShell(shell: [String]) throws {
    let whole = ExplainedRun(
      title: "skiff run\n x", host: Self.files, namespaces: [.mount, .process, .user], cgroup: "/g",
      wiring: Self.cgroups + Self.networks, building: Self.mounts, finishing: Self.processes + Self.attributes)
    for run in [
      whole, ExplainedRun(title: "skiff stage", host: Self.files),
      ExplainedRun(title: "skiff exec", finishing: Self.processes),
    ] {
      let answer = try ExplainTests.run(shell + ["-n", "-c", run.script])
      #expect(answer.status == 0, "\(answer.errors)")
    }
  }

  @Test func showsTheLabelOfAMask() {
    let explanation = Explanation(of: .mount(.mask("/proc/acpi", label: "u:r:t:s0:c1,c2")))
    #expect(explanation.calls.contains { $0.contains("\"context\", \"u:r:t:s0:c1,c2\"") })
    #expect(explanation.shell[0].contains("mode=755,context=\"u:r:t:s0:c1,c2\"' tmpfs"))
  }

  @Test func showsTheCallsOfACgroupLimit() {
    let explanation = Explanation(
      of: .cgroup(.write("/sys/fs/cgroup/memory/x", file: "memory.limit_in_bytes", value: "67108864")))
    #expect(explanation.sentence == "Limit memory to 64 MiB: whoever goes beyond it is killed.")
    #expect(explanation.shell == ["echo 67108864 > /sys/fs/cgroup/memory/x/memory.limit_in_bytes"])
    #expect(
      explanation.calls == [
        "openat(AT_FDCWD, \"/sys/fs/cgroup/memory/x/memory.limit_in_bytes\", O_WRONLY|O_CLOEXEC)",
        "write(</sys/fs/cgroup/memory/x/memory.limit_in_bytes>, \"67108864\", 8)",
      ])
  }

  @Test func numbersTheStepsOfAllParts() {
    let run = ExplainedRun(title: "skiff run x", host: Self.files, namespaces: .mount, finishing: Self.processes)
    let text = ExplanationText().text(of: run)
    #expect(text.hasPrefix("skiff run x: \(Self.files.count + 1 + Self.processes.count) steps\n"))
    #expect(text.contains("\n  1  Make the directory"))
    #expect(text.contains("\n \(Self.files.count + 1 + Self.processes.count)  Become /bin/sh"))
    #expect(!text.contains("\u{1b}"))
    #expect(ExplanationText(hasColours: true).text(of: run).contains("\u{1b}[32m"))
    #expect(ExplanationText().dryRun(of: run).hasSuffix("Nothing was done: this was a dry run.\n"))
  }

  @Test func givesJSON() throws {
    let run = ExplainedRun(title: "skiff run x", host: Self.steps)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(run.json)) as? [String: Any])
    let steps = try #require(object["steps"] as? [[String: Any]])
    #expect(steps.count == Self.steps.count)
    #expect(steps[0]["step"] as? String == "file.makeDirectory")
    #expect(steps[0]["undo"] != nil)
    for step in steps {
      #expect(step["sentence"] is String && step["calls"] is [String] && step["shell"] is [String])
    }
  }

  @Test func timesSteps() {
    let parts = [
      PartTimings(title: "Inside", timings: [StepTiming(step: .mount(.pivotRoot), nanoseconds: 41_600)]),
      PartTimings(title: "Nothing", timings: []),
    ]
    let text = ExplanationText().timings(parts, totalNanoseconds: 5_000_000)
    #expect(text.contains("      42    mount.pivotRoot"))
    #expect(text.contains("    5000  in all"))
    #expect(!text.contains("Nothing"))
  }
}
