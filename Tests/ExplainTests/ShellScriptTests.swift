import Explain
import Foundation
import Kernel
import Steps
import Testing

/// Scripts that really build a container, on a root of busybox alone.
@Suite struct ShellScriptTests {
  static let canRun =
    effectiveUser() == 0
    && ["/bin/busybox", "/usr/bin/unshare", "/usr/bin/setpriv"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  static let isRoot = ConditionTrait.enabled(if: canRun, "needs root, busybox and util-linux")

  /// A directory that is gone afterwards, with a root of busybox's commands in it.
  final class Place {
    let url = FileManager.default.temporaryDirectory.appending(path: "skiff-explain-\(UUID().uuidString)")
    var root: String { url.appending(path: "rootfs").path }

    init() throws {
      for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        try FileManager.default.createDirectory(atPath: root + "/" + name, withIntermediateDirectories: true)
      }
      try copyBusybox(to: root + "/bin/busybox")
      for name in ["sh", "cat", "ls", "id", "hostname", "ip", "readlink", "sleep", "touch", "grep", "pwd", "env"] {
        try FileManager.default.createSymbolicLink(atPath: root + "/bin/" + name, withDestinationPath: "busybox")
      }
    }
    deinit { try? FileManager.default.removeItem(at: url) }
  }

  static func execute(_ command: String) -> Step {
    .process(
      .execute(
        program: "/bin/sh", arguments: ["sh", "-c", Path(command)], environment: ["PATH=/bin", "GREETING=it's me"]))
  }

  /// What a small container is made of, without cgroups and network.
  static func container(in place: Place, running command: String, extra: [Step] = []) -> ExplainedRun {
    ExplainedRun(
      title: "skiff run x", namespaces: [.mount, .uts, .ipc, .network, .process],
      building: [
        .mount(.setPropagation(.slave)), .mount(.bindRoot(Path(place.root))),
        .mount(
          .mount(
            FileSystemMount(
              type: "proc", source: "proc", target: "/proc", attributes: [.noSetUserId, .noDevices, .noExecute]))),
        .mount(
          .mount(
            FileSystemMount(
              type: "tmpfs", source: "tmpfs", target: "/dev", attributes: .noSetUserId,
              options: ["mode=755", "size=65536k"]))),
        .mount(
          .makeDevice(
            DeviceNode(
              path: "/dev/null", kind: .characterDevice, device: DeviceNumber(major: 1, minor: 3), mode: 0o666))),
      ],
      finishing: [
        .process(.awaitParent), .process(.unshare(.cgroup)), .process(.setHostname("boat")),
        .network(.setUp(.loopback)),
        .mount(.pivotRoot), .mount(.mask("/proc/interrupts")), .mount(.mask("/proc/no-such")),
        .mount(.makeReadOnly("/proc/sys")),
      ] + extra + [
        .process(.setNoNewPrivileges), .process(.limitCapabilities(bounding: [.changeOwner, .kill])),
        .process(
          .setCapabilities(
            Capabilities(
              effective: [.changeOwner, .kill], permitted: [.changeOwner, .kill], inheritable: [], ambient: []))),
        .process(.changeDirectory("/tmp")), execute(command),
      ])
  }

  static func runScript(_ run: ExplainedRun) throws -> (status: Int32, output: String, errors: String) {
    let file = FileManager.default.temporaryDirectory.appending(path: "skiff-script-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(run.script.utf8).write(to: file)
    let answer = try ExplainTests.run(["/bin/sh", file.path])
    return (answer.status, String(decoding: answer.output, as: UTF8.self), answer.errors)
  }

  @Test(isRoot) func buildsAContainer() throws {
    let place = try Place()
    let command = """
      hostname; pwd; echo "$GREETING"; echo $$
      grep Cap /proc/self/status; grep NoNewPrivs /proc/self/status
      ip -o link show lo | grep -c LOOPBACK,UP
      cat /proc/self/mountinfo
      for n in mnt uts ipc net pid cgroup user; do readlink /proc/self/ns/$n; done
      exit 7
      """
    let answer = try Self.runScript(Self.container(in: place, running: command))
    #expect(answer.status == 7, "\(answer.errors)")
    var lines = answer.output.split(separator: "\n").map(String.init)[...]
    #expect(Array(lines.prefix(4)) == ["boat", "/tmp", "it's me", "1"])
    lines = lines.dropFirst(4)
    #expect(lines.contains { $0.hasPrefix("CapBnd:") && $0.hasSuffix("0000000000000021") })
    #expect(lines.contains { $0.hasPrefix("CapEff:") && $0.hasSuffix("0000000000000021") })
    #expect(lines.contains { $0.hasPrefix("CapInh:") && $0.hasSuffix("0000000000000000") })
    #expect(lines.contains { $0.hasPrefix("NoNewPrivs:") && $0.hasSuffix("1") })
    #expect(lines.contains("1"))
    let points = lines.filter { $0.contains(" - ") }.map { $0.split(separator: " ")[4] }
    #expect(points == ["/", "/proc", "/dev", "/proc/interrupts", "/proc/sys"])
    #expect(lines.contains { $0.contains(" /proc/sys ro,nosuid,nodev,noexec") })
    // Six namespaces of its own, and the host's users.
    for file in ["mnt", "uts", "ipc", "net", "pid", "cgroup"] {
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/" + file)
      #expect(!lines.contains(own))
    }
    #expect(lines.contains(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/user")))
  }

  @Test(isRoot) func becomesAnotherUser() throws {
    let place = try Place()
    let run = Self.container(
      in: place, running: "id -u; id -g; id -G; grep CapEff /proc/self/status",
      extra: [.process(.setUser(user: 1000, group: 1001, supplementary: [1001, 4]))])
    let answer = try Self.runScript(run)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(answer.output.split(separator: "\n").map(String.init).starts(with: ["1000", "1001", "1001 4"]))
    #expect(answer.output.contains("CapEff:\t0000000000000000"))
  }

  @Test(isRoot) func mapsUsers() throws {
    let place = try Place()
    var run = Self.container(in: place, running: "id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user")
    run.namespaces.insert(.user)
    let map = [IdentifierMap(container: 0, host: 100_000, count: 65_536)]
    run.wiring = [.process(.mapIdentifiers(users: map, groups: map))]
    run.building = [
      .mount(.setPropagation(.slave)), .mount(.bindRoot(Path(place.root))),
      .mount(.mount(FileSystemMount(type: "proc", source: "proc", target: "/proc"))),
    ]
    let answer = try Self.runScript(run)
    #expect(answer.status == 0, "\(answer.errors)")
    let lines = answer.output.split(separator: "\n").map(String.init)
    #expect(lines.first == "0")
    #expect(lines.dropFirst().first?.split(separator: " ").map(String.init) == ["0", "100000", "65536"])
    #expect(lines.last != (try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/user")))
  }

  @Test(isRoot) func takesBackWhatItMadeAndNothingElse() throws {
    let place = try Place()
    let (made, kept) = (place.url.path + "/made", place.url.path + "/kept")
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: false)
    var run = Self.container(in: place, running: "exit 0")
    run.host = [
      .file(.makeDirectory(Path(kept), mode: 0o755)), .file(.makeDirectory(Path(made), mode: 0o755)),
      .file(.writeFile(Path(made + "/hosts"), contents: Array("127.0.0.1 it's\n".utf8), mode: 0o644)),
    ]
    run.building.append(.mount(.bind(BindMount(source: Path(made + "/hosts"), target: "/etc/hosts", set: .readOnly))))
    run.finishing[run.finishing.count - 1] = Self.execute(
      "cat /etc/hosts; touch /etc/hosts 2>/dev/null || echo refused")
    let answer = try Self.runScript(run)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(answer.output == "127.0.0.1 it's\nrefused\n")
    #expect(!FileManager.default.fileExists(atPath: made))
    #expect(FileManager.default.fileExists(atPath: kept))
  }

  /// What Skiff keeps for a container is not touched: another command of Skiff would take it for the remains of one.
  @Test(isRoot) func keepsToItsOwnDirectories() throws {
    let place = try Place()
    let identifier = String(repeating: "0123456789abcdef", count: 4)
    let directory = Path(place.url.path + "/state/" + identifier)
    var run = Self.container(in: place, running: "exit 0")
    run.identifier = identifier
    run.ownDirectories = [directory]
    run.host = [
      .file(.makeDirectory(directory, mode: 0o700)),
      .file(.makeSymbolicLink(Path(place.url.path + "/names/web"), target: Path(identifier))),
      .file(.writeFile(directory.appending("record.json"), contents: Array("{}".utf8), mode: 0o600)),
      .file(.writeFile(directory.appending("hosts"), contents: Array("127.0.0.1 boat\n".utf8), mode: 0o644)),
    ]
    run.building.append(.mount(.bind(BindMount(source: directory.appending("hosts"), target: "/etc/hosts"))))
    run.finishing[run.finishing.count - 1] = Self.execute("cat /etc/hosts")
    #expect(!run.script.contains("record.json"))
    #expect(run.script.components(separatedBy: identifier).count == 2)
    let answer = try Self.runScript(run)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(answer.output == "127.0.0.1 boat\n")
    let text = ExplanationText().text(of: run)
    #expect(text.contains("Make the directory \(place.url.path)/state/0123456789ab, if it is not there."))
  }

  @Test(isRoot) func takesBackWhatItMadeWhenAStepFails() throws {
    let place = try Place()
    let made = place.url.path + "/made"
    var run = Self.container(in: place, running: "echo never")
    run.host = [.file(.makeDirectory(Path(made), mode: 0o755))]
    run.wiring = [.cgroup(.write("/nowhere", file: "memory.max", value: "1"))]
    let answer = try Self.runScript(run)
    #expect(answer.status != 0)
    #expect(answer.output == "")
    #expect(!FileManager.default.fileExists(atPath: made))

    var broken = Self.container(in: place, running: "echo never")
    broken.host = run.host
    broken.building.append(.mount(.mount(FileSystemMount(type: "no-such-fs", source: "x", target: "/tmp"))))
    let second = try Self.runScript(broken)
    #expect(second.status != 0)
    #expect(second.output == "")
    #expect(!FileManager.default.fileExists(atPath: made))
  }

  @Test(isRoot) func changesTheRoot() throws {
    let place = try Place()
    for directory in ["/", "/tmp"] {
      let run = ExplainedRun(
        title: "skiff chroot x",
        finishing: [
          .process(.changeRoot(Path(place.root))), .process(.changeDirectory(Path(directory))),
          Self.execute("pwd; ls -d /bin/busybox; echo \"$GREETING\""),
        ])
      let answer = try Self.runScript(run)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.output == "\(directory)\n/bin/busybox\nit's me\n")
    }
  }
}
