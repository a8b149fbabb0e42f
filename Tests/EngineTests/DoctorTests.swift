import Containers
import Testing

@testable import Cgroups
@testable import Engine
@testable import Kernel

/// Each check is shown a host that is well, and one that is ill.
@Suite struct DoctorTests {
  /// A host where all is well, for one who is not root.
  private static func well(files: [String: String] = [:], missing: [String] = []) -> CheckedHost {
    var texts = [
      "/proc/sys/kernel/osrelease": "6.1.0-30-amd64\n", "/proc/sys/kernel/seccomp/actions_avail": "kill errno allow\n",
      "/proc/sys/net/ipv4/ip_forward": "1\n", "/proc/sys/net/ipv4/conf/all/rp_filter": "2\n",
      "/proc/sys/net/ipv4/ip_unprivileged_port_start": "80\n", "/proc/sys/user/max_user_namespaces": "1000\n",
      "/proc/sys/kernel/unprivileged_userns_clone": "1\n",
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
      "/etc/subuid": "bob:1:9\nalice:100000:65536\n", "/etc/subgid": "1000:100000:65536\n",
    ]
    texts.merge(files) { $1 }
    let (all, gone) = (texts, Set(missing))
    var facts = CheckedHost(
      of: StateDirectories(root: "/store", run: "/run/skiff"), registryHelper: "/usr/lib/skiff-registry")
    facts.text = { gone.contains($0.string) ? nil : all[$0.string] }
    facts.exists = { !gone.contains($0.string) }
    facts.hasFileSystem = { _ in true }
    facts.hasFirewall = { true }
    facts.groups = { groups(["memory", "cpu", "pids", "cpuset", "io"]) }
    facts.delegation = { .manager("user.slice", groups(["memory", "cpu", "pids", "cpuset", "io"])) }
    facts.space = { space() }
    facts.quotas = { .on }
    facts.time = { Timestamp(rfc3339: "2026-11-27")! }
    facts.user = 1000
    facts.userName = "alice"
    return facts
  }

  private static func groups(_ controllers: [String], isReadOnly: Bool = false) -> CgroupLayout {
    CgroupLayout(
      unified: .init(mount: "/sys/fs/cgroup", own: "/", controllers: controllers, isReadOnly: isReadOnly),
      hierarchies: [],
      hasSwapLimit: true)
  }

  private static func space(
    available: Int = 1 << 20, freeInodes: Int = 1 << 20, isReadOnly: Bool = false
  ) -> FileSystemStatus {
    FileSystemStatus(
      type: .tmpfs, blockSize: 4096, blocks: 1 << 22, availableBlocks: available, inodes: 1 << 21,
      freeInodes: freeInodes,
      isReadOnly: isReadOnly)
  }

  private func finding(_ name: String, _ facts: CheckedHost) throws -> HostFinding {
    try #require(HostReport.all(of: facts).first { $0.name == name }).finding
  }

  @Test func aHostThatIsWellHasNothingToMend() {
    let reports = HostReport.all(of: Self.well())
    #expect(reports.filter { $0.finding.verdict != .fine }.map(\.name) == [])
    #expect(reports.allSatisfy { $0.finding.cure == nil && !$0.finding.found.isEmpty })
    #expect(reports.count >= 19)
  }

  @Test func groupsThatWereNotHandedOverHaveALineThatDoesIt() throws {
    var facts = Self.well()
    facts.delegation = { .manager("user.slice", Self.groups(["memory", "cpu", "pids"])) }
    let some = try finding("delegated groups", facts)
    #expect(some.verdict == .warning && some.found.contains("without cpuset, io"), "\(some)")
    #expect(some.cure?.contains("Delegate=cpu cpuset io memory pids") == true, "\(some)")
    facts.delegation = {
      GroupDelegation(
        CgroupLayout(
          unified: nil,
          hierarchies: [
            .init(mount: "/sys/fs/cgroup/memory", own: "", controllers: ["memory"], name: nil, isReadOnly: false)
          ], hasSwapLimit: true),
        user: 1000, name: "alice")
    }
    let old = try finding("delegated groups", facts)
    #expect(old.verdict == .warning && old.found.contains("cgroup v1"), "\(old)")
    #expect(old.cure?.contains("systemd.unified_cgroup_hierarchy=1") == true, "\(old)")
    facts.user = 0
    #expect(try finding("delegated groups", facts) == .fine("root needs none"))
  }

  @Test(arguments: [
    ("kernel", "/proc/sys/kernel/osrelease", "5.4.0-generic\n", "broken", "newer kernel"),
    ("kernel", "/proc/sys/kernel/osrelease", "nonsense", "broken", "newer kernel"),
    ("seccomp", "/proc/sys/kernel/seccomp/actions_avail", "kill allow\n", "broken", "kernel"),
    ("IP forwarding", "/proc/sys/net/ipv4/ip_forward", "0\n", "warning", "net.ipv4.ip_forward=1"),
    ("reverse path filter", "/proc/sys/net/ipv4/conf/all/rp_filter", "1\n", "warning", "rp_filter=2"),
    ("low ports", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n", "warning", "port_start=80"),
    ("user namespaces", "/proc/sys/user/max_user_namespaces", "0\n", "broken", "user.max_user_namespaces"),
    ("user namespaces", "/proc/sys/kernel/unprivileged_userns_clone", "0\n", "broken", "userns_clone=1"),
    ("AppArmor", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "broken", "userns=0"),
    ("subordinate ids", "/etc/subuid", "alice:100000:10\n", "warning", "--add-subuids 100000-165535"),
  ])
  func aFileThatSaysSomethingElse(name: String, file: String, text: String, verdict: String, cure: String) throws {
    let finding = try finding(name, Self.well(files: [file: text]))
    #expect(finding.verdict.rawValue == verdict && finding.cure?.contains(cure) == true, "\(finding)")
  }

  @Test(arguments: [
    ("kernel", "/proc/sys/kernel/osrelease", "broken"), ("namespaces", "/proc/self/ns/pid", "broken"),
    ("namespaces", "/proc/self/ns/user", "warning"), ("seccomp", "/proc/sys/kernel/seccomp/actions_avail", "broken"),
    ("subordinate ids", "/etc/subgid", "warning"), ("user session", "/run/user/1000/bus", "warning"),
  ])
  func aFileThatIsNotThere(name: String, file: String, verdict: String) throws {
    let finding = try finding(name, Self.well(missing: [file]))
    #expect(finding.verdict.rawValue == verdict && finding.cure != nil, "\(finding)")
  }

  @Test func helpersThatAreNotThere() throws {
    let places = ["/usr/bin", "/bin", "/usr/local/bin"].map { $0 + "/newuidmap" }
    #expect(try finding("id helpers", Self.well(missing: places)).found.hasPrefix("newuidmap"))
    var facts = Self.well()
    facts.registryHelper = nil
    #expect(try finding("registry helper", facts).verdict == .warning)
  }

  @Test func whatTheKernelLacks() throws {
    var facts = Self.well()
    facts.hasFileSystem = { $0 != "overlay" }
    facts.hasFirewall = { false }
    facts.time = { Timestamp(seconds: 0, nanoseconds: 0) }
    #expect(
      try finding("overlay", facts)
        == .broken("the kernel has no overlay file system: images have nothing to stand on", cure: "modprobe overlay"))
    #expect(try finding("nftables", facts).cure == "modprobe nf_tables")
    #expect(try finding("clock", facts).cure == "timedatectl set-ntp true")
  }

  @Test func controlGroups() throws {
    var facts = Self.well()
    facts.groups = { Self.groups(["cpu", "pids", "cpuset", "io"]) }
    #expect(try finding("controllers", facts).cure?.contains("Delegate=cpu") == true)
    facts.user = 0
    #expect(try finding("controllers", facts).cure?.contains("cgroup_enable=memory") == true)
    facts.groups = { Self.groups(["cpu", "pids", "memory"]) }
    #expect(try finding("controllers", facts).cure == "echo '+cpuset +io' > /sys/fs/cgroup/cgroup.subtree_control")
    facts.groups = { Self.groups([], isReadOnly: true) }
    #expect(try finding("cgroups", facts).cure == "mount -o remount,rw /sys/fs/cgroup")
    facts.groups = { nil }
    #expect(try finding("cgroups", facts).verdict == .broken && finding("controllers", facts).verdict == .broken)
  }

  @Test func theStoresDisk() throws {
    var facts = Self.well()
    facts.space = { Self.space(available: 1000, freeInodes: 5) }
    #expect(try finding("disk space", facts).verdict == .broken && finding("inodes", facts).verdict == .broken)
    facts.space = { Self.space(available: 100_000, freeInodes: 5000) }
    #expect(try finding("disk space", facts).verdict == .warning && finding("inodes", facts).verdict == .warning)
    facts.space = { Self.space(isReadOnly: true) }
    #expect(try finding("store", facts).verdict == .broken)
    facts.space = { nil }
    #expect(try finding("store", facts).verdict == .broken)
  }

  /// What keeps ordinary users from containers keeps root from --userns at most.
  @Test func rootNeedsLess() throws {
    var facts = Self.well(files: [
      "/proc/sys/user/max_user_namespaces": "0\n", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
      "/etc/subuid": "", "/proc/sys/net/ipv4/ip_forward": "0\n",
    ])
    facts.user = 0
    let reports = HostReport.all(of: facts)
    #expect(reports.filter { $0.finding.verdict == .broken }.map(\.name) == [])
    #expect(reports.filter { $0.finding.verdict == .warning }.map(\.name) == ["user namespaces"])
  }
}
