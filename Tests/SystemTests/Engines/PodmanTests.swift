import Foundation
import Testing

/// podman, which calls the runtime through conmon.
struct PodmanEngine: EngineUnderTest {
  @TaskLocal static var current: Self?
  static var slot: TaskLocal<Self?> { $current }
  static var programs: [String] { ["podman", "conmon"] }

  let host: EngineHost
  let removal = ["rm", "-f", "-t", "0"]
  var command: [String] {
    [
      "podman", "--root", "\(host.folder)/podman", "--runroot", "/run/podman", "--tmpdir", "/run/podman-tmp",
      "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", host.runtime,
    ]
  }
  /// Its own limits are higher than not every machine may raise.
  var runOptions: [String] {
    ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--cgroup-parent", "/\(host.group)"]
  }

  init(_ host: EngineHost) throws {
    self.host = host
    let imported = try call("import", "-q", host.archive, "box")
    guard imported.code == 0 else { throw Sandbox.Failure(description: imported.errors) }
  }
}

extension SuiteTrait where Self == EngineTrait<PodmanEngine> {
  static var podman: Self { Self() }
}

@Suite(
  .serialized, .podman,
  .enabled(if: PodmanEngine.obstacle == nil, Comment(rawValue: PodmanEngine.obstacle ?? "")))
struct PodmanTests {
  let podman: PodmanEngine

  init() throws { podman = try #require(PodmanEngine.current) }

  @Test func saysWhichRuntimeItHas() throws {
    #expect(try podman.call("info", "-f", "{{.Host.OCIRuntime.Version}}").output.contains("skiff-runtime version "))
  }

  @Test(arguments: ContainerOption.all) func hasTheOption(_ option: ContainerOption) throws {
    try option.check(podman)
  }

  @Test(arguments: EngineFailure.all) func tellsWhatIsWrong(_ failure: EngineFailure) throws {
    try failure.check(podman)
  }

  @Test func startsAndStops() throws { try podman.checkLife() }
  @Test func pausesAndResumes() throws { try podman.checkPause() }
  @Test func listsProcesses() throws { try podman.checkTop(podman.command + ["top", "topped"]) }
  @Test func changesLimits() throws { try podman.checkUpdate(podman.command + ["update", "-m", "64m"]) }
  @Test func showsStatistics() throws { try podman.checkStatistics() }
  @Test func publishesAPortAndKeepsAVolume() throws { try podman.checkPortAndVolume(port: 8091) }
  @Test func passesTheTerminal() throws { try podman.checkTerminal() }
  @Test func sharesNamespacesOfAContainer() throws { try podman.checkSharing() }
  // conmon 2.1 says nothing about it on cgroup v1, under runc neither.
  @Test func survivesAnOutOfMemoryKill() throws { try podman.checkOutOfMemory(isReported: false) }
  @Test func removesWhatWasOnlyCreated() throws { try podman.checkCreated() }

  @Test func mapsIdentifiers() throws {
    let maps = ["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"]
    let script = "id -u; set -- $(cat /proc/self/uid_map); echo $1 $2 $3; stat -c %u /bin/busybox"
    let result = try podman.sh(maps, script)
    #expect(result.output == "0\n0 100000 1000\n0\n", "\(result.errors)")
  }

  @Test func asksForHealth() throws {
    // The interval is a timer of systemd's, which is not asked here.
    let options = ["--health-cmd", "test -e /ok", "--health-interval", "disable"]
    try podman.withContainer("healthy", options, script: "touch /ok; sleep 100") {
      try podman.host.expect("/ok", of: podman.command + ["exec", "healthy", "ls", "/ok"])
      #expect(try podman.call("healthcheck", "run", "healthy").code == 0)
      #expect(try podman.call("exec", "healthy", "rm", "/ok").code == 0)
      #expect(try podman.call("healthcheck", "run", "healthy").code == 1)
    }
  }

  @Test func keepsAPod() throws {
    // The infra container needs an image with a program that waits, which it builds from catatonit: not every machine has it.
    #expect(try podman.call("pod", "create", "--infra=false", "--name", "pod").code == 0)
    defer { _ = try? podman.call("pod", "rm", "-f", "pod") }
    #expect(try podman.sh(["--pod", "pod"], "echo inside").output == "inside\n")
  }
}
