import Cgroups
import Kernel
import RuntimeSpec
import Steps
import Testing

@testable import Planning

/// Which kernel parameters a container may set (CVE-2022-0811).
@Suite struct SysctlTests {
  private func steps(
    _ sysctl: [String: String], _ namespaces: [Spec.Namespace] = [.init(.network), .init(.ipc), .init(.uts)]
  ) throws -> [Step] {
    var spec = Spec()
    var process = Spec.Process()
    process.args = ["true"]
    process.cwd = "/"
    spec.process = process
    var linux = Spec.Linux()
    linux.namespaces = [.init(.mount)] + namespaces
    linux.sysctl = sysctl
    spec.linux = linux
    let layout = CgroupLayout(unified: nil, hierarchies: [], hasSwapLimit: false)
    return try compile(LaunchRequest(spec: spec, root: .directory("/r"), rootfs: "/r", group: nil, layout: layout))
      .finishing.filter { if case .process(.setSysctl) = $0 { true } else { false } }
  }

  @Test(arguments: [
    "net.ipv4.ip_forward", "net/core/somaxconn", "net.ipv4.conf.eth0/1.forwarding", "fs.mqueue.msg_max", "kernel.sem",
    "kernel/shmmax", "kernel.shm_rmid_forced", "kernel.domainname", "kernel.msgmnb",
  ])
  func allowed(key: String) throws {
    #expect(try steps([key: "1\t2"]) == [.process(.setSysctl(key: key, value: "1\t2"))])
  }

  @Test(arguments: [
    "kernel.core_pattern", "kernel/core_pattern", "kernel.modprobe", "vm.overcommit_memory", "fs.file-max",
    "kernel.hostname", "kernel.shmmaxx", "kernel.semx", "fs.mqueuex.a", "netx.a", "net", "", ".", "net.", "/net.core.a",
    "net..core", "net./../kernel/core_pattern", "net/../kernel/core_pattern", "net/..", "net.core a", "net.a\nb",
    "user.max_user_namespaces", "dev.cdrom.info", "NET.core.a", "kernel.msgmax.x",
  ])
  func refused(key: String) {
    #expect(throws: PlanningError.self) { try steps([key: "1"]) }
  }

  @Test(arguments: ["a\nb", "\u{0}", "\u{1b}[0m", "a\r", "\u{7f}"])
  func values(value: String) {
    #expect(throws: PlanningError.self) { try steps(["net.ipv4.ip_forward": value]) }
  }

  /// Without a namespace of its own it would be the host's.
  @Test func namespacesThatAreShared() throws {
    for (key, namespace) in [
      ("net.ipv4.ip_forward", Spec.NamespaceType.network), ("fs.mqueue.msg_max", .ipc), ("kernel.sem", .ipc),
      ("kernel.domainname", .uts),
    ] {
      let others = [Spec.NamespaceType.network, .ipc, .uts].filter { $0 != namespace }.map { Spec.Namespace($0) }
      #expect(throws: PlanningError.self, "\(key)") { try steps([key: "1"], others) }
      let joined = [Spec.Namespace(namespace, path: "/proc/7/ns/x")]
      #expect(try steps([key: "1"], others + joined).count == 1)
    }
  }
}
