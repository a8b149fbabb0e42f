import Explain
import Foundation
import Kernel
import Steps
import Testing

/// Scripts that wire a container up: limits, a cable, a firewall. They run in a network namespace of the test's own.
@Suite struct WiredScriptTests {
  static let hasTools =
    ShellScriptTests.canRun
    && ["/usr/sbin/nft", "/usr/sbin/ip", "/sbin/ip"].contains {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  static let memory = "/sys/fs/cgroup/memory"
  static let hasMemory = access(memory + "/memory.limit_in_bytes")

  static func access(_ path: String) -> Bool { FileManager.default.isWritableFile(atPath: path) }

  /// As `run` does it, but the host is a network namespace that ends with it.
  static func runElsewhere(_ run: ExplainedRun, then after: String) throws -> (
    status: Int32, output: String, errors: String
  ) {
    let file = FileManager.default.temporaryDirectory.appending(path: "skiff-script-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(run.script.utf8).write(to: file)
    let command = "ip link set dev lo up; status=0; /bin/sh \(file.path) || status=$?; \(after); exit $status"
    let answer = try ExplainTests.run(["/usr/bin/unshare", "--net", "--mount", "/bin/sh", "-c", command])
    return (answer.status, String(decoding: answer.output, as: UTF8.self), answer.errors)
  }

  @Test(.enabled(if: hasTools, "needs root, busybox, iproute2 and nftables"))
  func plugsItIntoABridge() throws {
    let place = try ShellScriptTests.Place()
    var run = ShellScriptTests.container(
      in: place, running: "ip -4 -o address show dev eth0; ip route; cat /sys/class/net/eth0/address; exit 3")
    let prefix = IPv4Prefix(IPv4Address(10, 77, 0, 2), length: 24)
    let gateway = IPv4Address(10, 77, 0, 1)
    let firewall = FirewallChange(
      table: "skiff",
      [
        .addTable, .deleteTable, .addTable, .addSet(FirewallSet("nets", .prefixes([prefix.network]))),
        .addSet(FirewallSet("links", .interfaces(["skiff0"]))), .addChain(FirewallChain("postrouting", .postrouting)),
        .addRule(
          chain: "postrouting",
          FirewallRule(
            [.source(inSet: "nets"), .outputNot(inSet: "links")], .masquerade, comment: "containers' way out")),
      ])
    run.host = [
      .network(.makeBridge(name: "skiff0", mac: MacAddress(for: gateway))),
      .network(.addAddress("skiff0", IPv4Prefix(gateway, length: 24))), .network(.setUp("skiff0")),
      .network(.setSysctl(key: "net.ipv4.ip_forward", value: "1", before: "0")),
      .network(.applyFirewall(firewall, reverse: FirewallChange(table: "skiff", [.deleteTable]))),
    ]
    run.wiring = [
      .network(
        .makeVeth(
          VethPair(
            host: "sk12345", bridge: "skiff0", peer: "eth0",
            peerMac: MacAddress(for: prefix.address))))
    ]
    run.building.append(
      .mount(.mount(FileSystemMount(type: "sysfs", source: "sysfs", target: "/sys", attributes: .readOnly))))
    run.finishing.insert(
      contentsOf: [
        .network(.addAddress(LinkName("eth0", index: 7), prefix)), .network(.setUp("eth0")),
        .network(.addDefaultRoute(gateway: gateway, "eth0")),
      ], at: 3)
    let answer = try Self.runElsewhere(run, then: "ip -o link; nft list ruleset; cat /proc/sys/net/ipv4/ip_forward")
    #expect(answer.status == 3, "\(answer.errors)")
    #expect(answer.output.contains("inet 10.77.0.2/24"))
    #expect(answer.output.contains("default via 10.77.0.1 dev eth0"))
    #expect(answer.output.contains("02:42:0a:4d:00:02"))
    // And all of it is gone: the bridge, the table, the forwarding.
    #expect(!answer.output.contains("skiff"))
    #expect(answer.output.hasSuffix("\n0\n"))
  }

  @Test(.enabled(if: ShellScriptTests.canRun && hasMemory, "needs root and a v1 memory hierarchy that may be written"))
  func limitsMemory() throws {
    let place = try ShellScriptTests.Place()
    let group = "\(Self.memory)/skiff-explain-\(UUID().uuidString.prefix(8))"
    var run = ShellScriptTests.container(in: place, running: "cat /proc/self/cgroup; cat /tmp/limit")
    try FileManager.default.createDirectory(atPath: place.root + "/tmp", withIntermediateDirectories: true)
    run.wiring = [
      .cgroup(.make(Path(group))), .cgroup(.write(Path(group), file: "memory.limit_in_bytes", value: "67108864")),
    ]
    run.finishing.insert(.cgroup(.join(Path(group), isV2: false)), at: 1)
    run.building.append(
      .mount(.bind(BindMount(source: Path(Self.memory), target: "/tmp", isRecursive: true, set: .readOnly))))
    run.finishing[run.finishing.count - 1] = ShellScriptTests.execute(
      "grep memory /proc/self/cgroup; cat /tmp/\(group.split(separator: "/").last!)/memory.limit_in_bytes")
    let answer = try ShellScriptTests.runScript(run)
    #expect(answer.status == 0, "\(answer.errors)")
    // The cgroup namespace shows the group as the top.
    #expect(answer.output.hasSuffix(":memory:/\n67108864\n"), "\(answer.output)")
    #expect(!FileManager.default.fileExists(atPath: group))
  }
}
