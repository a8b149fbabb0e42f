import Kernel
import Steps
import Testing

@testable import Mounts

/// Options that change afterwards, owners of a single mount, and propagation that reaches the host.
@Suite(.enabled(if: effectiveUser() == 0, "mounting needs root"))
struct RemountTests {
  @Test("a tmpfs has the mode of what it covers", arguments: [[], [.openFileSystem]] as [[SystemCallNumber]])
  func mode(hiding calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try makeDirectory(fixture.layer.appending("tmp"), mode: 0o700)
      try setMode(of: fixture.layer.appending("tmp"), to: 0o1777)
      try inSandbox(hiding: calls) {
        var executor = MountExecutor()
        func tmpfs(_ target: Path, _ options: [Path] = []) -> MountStep {
          .mount(FileSystemMount(type: "tmpfs", source: "tmpfs", target: target, options: options))
        }
        try fixture.perform(
          [.bindRoot(fixture.layer), tmpfs("/tmp"), tmpfs("/new"), tmpfs("/etc", ["mode=711"]), .pivotRoot],
          with: &executor)
        try require(try status(of: "/tmp").mode == 0o1777, "covered")
        try require(try status(of: "/new").mode == 0o1777, "the kernel's own")
        try require(try status(of: "/etc").mode == 0o711, "as asked")
      }
    }
  }

  @Test("attributes and options of what is there", arguments: [[], [.setMountAttributes]] as [[SystemCallNumber]])
  func remount(hiding calls: [SystemCallNumber]) throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox(hiding: calls) {
        var executor = MountExecutor()
        try fixture.perform(
          [
            .bindRoot(fixture.layer),
            .mount(
              FileSystemMount(
                type: "tmpfs", source: "tmpfs", target: "/m", attributes: .noSetUserId, options: ["size=1m"])),
            .remount(Remount(target: "/m", set: [.noExecute], clear: .noSetUserId)),
            .remount(Remount(target: "/m", isBind: false, set: .noDevices, options: ["size=2m"])),
          ], with: &executor)
        let line = try MountLine.at(fixture.layer.appending("m").string)
        try require(line?.options.isSuperset(of: ["noexec", "nodev"]) == true, "\(String(describing: line))")
        try require(line?.options.contains("nosuid") == false, "cleared")
        try require(line?.superOptions.contains("size=2048k") == true, "the file system's")
        try executor.perform(.remount(Remount(target: "/m", set: .readOnly)))
        try require(try MountLine.at(fixture.layer.appending("m").string)?.options.contains("ro") == true, "read-only")
        let missing = #expect(throws: Fault.self) {
          try executor.perform(.remount(Remount(target: "/usr", set: .noExecute)))
        }
        if calls.isEmpty { try require(missing == nil || missing?.hint != nil, "\(String(describing: missing))") }
      }
    }
  }

  @Test("owners of one mount are shown as it says, below it too when asked for")
  func owners() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try makeDirectories(directory.appending("data/below"), mode: 0o755)
      try fixture.write("data/file", "x")
      try setOwner(of: directory.appending("data/file"), user: 7, group: 8)
      let owners = FileOwners(
        users: [IdentifierMap(container: 0, host: 5000, count: 100)],
        groups: [IdentifierMap(container: 0, host: 6000, count: 100)])
      try inSandbox {
        let below = directory.appending("data/below")
        try mount(source: "tmpfs", on: below, type: "tmpfs", flags: [])
        try fixture.write("data/below/file", "y")
        var executor = MountExecutor()
        try fixture.perform(
          [
            .bindRoot(fixture.layer),
            .bind(
              BindMount(
                source: directory.appending("data"), target: "/one", set: [.identityMapped, .readOnly], owners: owners)),
            .bind(
              BindMount(
                source: directory.appending("data"), target: "/all", setRecursively: .identityMapped, owners: owners)),
            .pivotRoot,
          ], with: &executor)
        for (path, user, group) in [
          ("/one/file", 5007, 6008), ("/one/below/file", 0, 0), ("/all/file", 5007, 6008),
          ("/all/below/file", 5000, 6000),
        ] as [(Path, UInt32, UInt32)] {
          let found = try status(of: path)
          try require(found.owner == user && found.group == group, "\(path) \(found.owner):\(found.group)")
        }
        try require(try errno { try writeControl("/one/file", "z") } == .readOnlyFileSystem, "attributes too")
      }
    }
  }

  @Test("what is mounted in a shared volume shows on the host, and the root does not")
  func sharedRoot() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      let volume = directory.appending("outside")
      try inSandbox {
        // This thread plays the host: a tree of shared mounts, and below it a volume.
        try mount(source: directory, on: directory, flags: .bind)
        try mount(source: "", on: directory, flags: .shared)
        try mount(source: "tmpfs", on: volume, type: "tmpfs", flags: [])
        try mount(source: "", on: volume, flags: .shared)
        let host = try open("/proc/thread-self/ns/mnt", .readOnly)
        try unshare(.mount)
        var executor = MountExecutor()
        try fixture.perform(
          [
            .setPropagation(.shared), .bindRoot(fixture.layer),
            .bind(BindMount(source: volume, target: "/v", propagation: .shared)),
            .mount(FileSystemMount(type: "tmpfs", source: "inner", target: "/v/inside")),
            .mount(FileSystemMount(type: "tmpfs", source: "own", target: "/usr")), .pivotRoot,
            .setRootPropagation(.shared),
          ], with: &executor)
        try joinNamespace(host.borrowed, .mount)
        let seen = try MountLine.all().filter { $0.point.hasPrefix(directory.string) }.map(\.point)
        try require(
          Set(seen) == [directory.string, volume.string, volume.appending("inside").string], "the host has \(seen)")
      }
    }
  }

  @Test("moved over the host's root, with the host's proc and sysfs out of sight")
  func movedRoot() throws {
    try withTemporaryDirectory { directory in
      let fixture = try Fixture(in: directory)
      try inSandbox {
        var executor = MountExecutor()
        try fixture.perform(
          [
            .setPropagation(.private), .bindRoot(fixture.layer),
            .mount(FileSystemMount(type: "proc", source: "proc", target: "/proc")), .moveRoot(fixture.layer),
          ], with: &executor)
        try require(exists("/etc/os-release"), "the new root")
        try require(try readSymbolicLink("/proc/thread-self/root") == "/", "the process's root")
        let lines = try MountLine.all().filter { $0.type == "proc" || $0.type == "sysfs" }
        try require(lines.map(\.point) == ["/proc"], "left are \(lines)")
      }
    }
  }
}
