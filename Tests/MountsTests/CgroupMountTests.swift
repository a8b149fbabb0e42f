import Kernel
import Steps
import Testing

@testable import Mounts

/// The hierarchies that this machine has below /sys/fs/cgroup.
private let hierarchies: [CgroupMount.Hierarchy] = {
  let lines = (try? MountLine.all("/proc/self/mountinfo")) ?? []
  return lines.filter { $0.type.hasPrefix("cgroup") && $0.point.hasPrefix("/sys/fs/cgroup/") }.map { line in
    let known = line.superOptions.subtracting(["rw", "ro", "xattr", "clone_children"])
    let options = known.filter { !$0.hasPrefix("release_agent=") }.sorted().joined(separator: ",")
    return CgroupMount.Hierarchy(
      name: Path(Path(line.point).name), isV2: line.type == "cgroup2",
      options: line.type == "cgroup2" ? "" : Path(options))
  }
}()

@Suite(.enabled(if: effectiveUser() == 0, "mounting needs root"))
struct CgroupMountTests {
  @Test(
    "each hierarchy is a mount of its own, and read-only",
    .enabled(if: !hierarchies.isEmpty, "no hierarchies below /sys/fs/cgroup (pure v2)"),
    arguments: FileSystemTests.calls)
  func hierarchiesOfThisMachine(_ calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(.cgroup, hiding: calls) {
        var executor = MountExecutor()
        try fixture.perform(
          [
            .bindRoot(fixture.layer),
            .mount(FileSystemMount(type: "sysfs", source: "sysfs", target: "/sys", attributes: .readOnly)),
            .mountCgroups(CgroupMount(target: "/sys/fs/cgroup", hierarchies: hierarchies, isReadOnly: true)),
          ], with: &executor)
        let top = fixture.layer.appending("sys/fs/cgroup")
        for hierarchy in hierarchies {
          let line = try MountLine.at(top.appending(hierarchy.name).string)
          try require(line?.type == (hierarchy.isV2 ? "cgroup2" : "cgroup"), "\(hierarchy.name)")
          try require(line?.options.isSuperset(of: ["ro", "nosuid", "nodev", "noexec"]) == true, "\(hierarchy.name)")
          // The cgroup namespace: the container's own part is the top.
          try require(line?.root == "/", "\(String(describing: line?.root))")
          try require(exists(top.appending(hierarchy.name).appending("cgroup.procs")), "\(hierarchy.name)")
        }
        let refused = try errno { try makeDirectory(top.appending("x"), mode: 0o755) }
        try require(refused == .readOnlyFileSystem, "the directory above is read-only")
      }
    }
  }

  @Test("hierarchies that share a mount are found by each name")
  func combined() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(.cgroup) {
        var executor = MountExecutor()
        let pair = CgroupMount.Hierarchy(name: "cpu,cpuacct", isV2: true, options: "")
        try fixture.perform(
          [
            .bindRoot(fixture.layer),
            .mountCgroups(CgroupMount(target: "/sys/fs/cgroup", hierarchies: [pair], isReadOnly: false)),
          ], with: &executor)
        for name in ["cpu", "cpuacct"] {
          let link = fixture.layer.appending("sys/fs/cgroup").appending(name)
          try require(try readSymbolicLink(link) == "cpu,cpuacct", name)
          try require(exists(link.appending("cgroup.procs")), name)
        }
      }
    }
  }
}
