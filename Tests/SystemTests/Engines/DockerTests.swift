import Foundation
import Testing

/// dockerd and its own containerd, with `skiff-runtime` as the default runtime.
struct DockerEngine: EngineUnderTest {
  @TaskLocal static var current: Self?
  static var slot: TaskLocal<Self?> { $current }
  static var programs: [String] { ["dockerd", "docker", "containerd", "containerd-shim-runc-v2"] }

  let host: EngineHost
  let removal = ["rm", "-f"]
  let command = ["docker"]
  let runOptions: [String] = []

  init(_ host: EngineHost) throws {
    self.host = host
    host.environment["DOCKER_HOST"] = "unix:///run/docker.sock"
    try host.startDaemon(
      "dockerd",
      [
        "dockerd", "--data-root", "\(host.folder)/docker", "--exec-root", "/run/docker-exec", "--pidfile",
        "/run/dockerd.pid", "--host", "unix:///run/docker.sock", "--add-runtime", "skiff=\(host.runtime)",
        "--default-runtime", "skiff", "--cgroup-parent", "/\(host.group)", "--exec-opt",
        "native.cgroupdriver=cgroupfs", "--init-path", "/usr/bin/docker-init",
      ], isReady: ["docker", "info"])
    let imported = try call("import", host.archive, "box")
    guard imported.code == 0 else { throw Sandbox.Failure(description: imported.errors) }
  }
}

extension SuiteTrait where Self == EngineTrait<DockerEngine> {
  static var docker: Self { Self() }
}

@Suite(
  .serialized, .docker,
  .enabled(if: DockerEngine.obstacle == nil, Comment(rawValue: DockerEngine.obstacle ?? "")))
struct DockerTests {
  let docker: DockerEngine

  init() throws { docker = try #require(DockerEngine.current) }

  @Test func saysWhichRuntimeItHas() throws {
    let info = try docker.call("info").output
    #expect(info.contains("Default Runtime: skiff"))
    // dockerd reads the version, and warns where it cannot.
    let log = try String(contentsOfFile: docker.host.folder + "/dockerd.log", encoding: .utf8)
    #expect(!log.contains("failed to retrieve"), "\(log)")
  }

  @Test(arguments: ContainerOption.all) func hasTheOption(_ option: ContainerOption) throws {
    try option.check(docker)
  }

  @Test(arguments: EngineFailure.all) func tellsWhatIsWrong(_ failure: EngineFailure) throws {
    try failure.check(docker)
  }

  @Test func startsAndStops() throws { try docker.checkLife() }
  @Test func pausesAndResumes() throws { try docker.checkPause() }
  @Test func listsProcesses() throws { try docker.checkTop(["docker", "top", "topped"]) }
  @Test func changesLimits() throws {
    try docker.checkUpdate(["docker", "update", "-m", "64m", "--memory-swap", "64m"])
  }
  @Test func showsStatistics() throws { try docker.checkStatistics() }
  @Test func publishesAPortAndKeepsAVolume() throws { try docker.checkPortAndVolume(port: 8090) }
  @Test func passesTheTerminal() throws { try docker.checkTerminal() }
  @Test func sharesNamespacesOfAContainer() throws { try docker.checkSharing() }
  @Test func seesAnOutOfMemoryKill() throws { try docker.checkOutOfMemory(isReported: true) }
  @Test func removesWhatWasOnlyCreated() throws { try docker.checkCreated() }

  @Test func asksForHealth() throws {
    let options = ["--health-cmd", "test -e /ok && echo fine", "--health-interval", "300ms"]
    try docker.withContainer("healthy", options, script: "touch /ok; sleep 100") {
      let health = [
        "docker", "inspect", "-f", "{{.State.Health.Status}} {{(index .State.Health.Log 0).Output}}", "healthy",
      ]
      try docker.host.expect("healthy fine", of: health)
    }
  }

  @Test func putsAnInitBefore() throws {
    #expect(try docker.sh(["--init"], "cat /proc/1/comm; [ $$ != 1 ] && echo child").output == "docker-init\nchild\n")
  }

  @Test func survivesARestartOfTheContainerByPolicy() throws {
    let script = "echo x >>/count; [ $(wc -l </count) -ge 3 ] && exec sleep 100; exit 1"
    try docker.withContainer("again", ["--restart", "on-failure"], script: script) {
      let count = ["docker", "inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again"]
      try docker.host.expect("2 running", of: count)
    }
  }
}
