import Foundation
import Kernel
import Testing

/// What a person at a terminal sees of registries, in tmux.
@Suite(
  .enabled(if: effectiveUser() == 0, "the store is root's"),
  .enabled(if: mayExecute("/usr/bin/tmux"), "tmux is not installed"))
struct RegistryTerminalTests {
  private func withRegistry(_ body: (Sandbox, HostileRegistry) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox, try HostileRegistry(in: sandbox.folder))
  }

  private var digest: String { "[0-9a-f]{12}" }

  /// A line for the layer, with bytes, rate and time left, that moves; what is over stays.
  @Test func aPullMoves() throws {
    try withRegistry { sandbox, registry in
      let name = "\(registry.host)/trickle"
      let state = ["SKIFF_ROOT": sandbox.state, "SKIFF_STATE": sandbox.run, "HOME": sandbox.folder.path]
      let screen = try Screen(sandbox, "\(Sandbox.skiff) pull \(name)", environment: state)
      let moving = try screen.shows("\(digest): Downloading [0-9.]+[kM]B/3.0MB  [0-9.]+[kM]B/s  0:0[0-9] left")
      #expect(moving?.contains("latest: Pulling from trickle\n") == true)
      let end = try #require(try screen.shows("\\[ended [0-9]+\\]"))
      let lines = end.split(separator: "\n").map(String.init)
      #expect(lines.count == 7 && lines[0] == "Using default tag: latest" && lines[6] == "[ended 0]", "\(end)")
      #expect(lines[2].wholeMatch(of: try Regex("\(digest): Pull complete")) != nil, "\(end)")
      #expect(lines[3].hasPrefix("Digest: sha256:") && lines[5] == name + ":latest", "\(end)")
    }
  }

  /// In a pipe each status is said once, and nothing steers a terminal; --quiet says the name alone.
  @Test func aPipeGetsPlainLines() throws {
    try withRegistry { sandbox, registry in
      let name = "\(registry.host)/good"
      let plain = try sandbox.shell("\"$0\" pull \(name) | cat")
      #expect(!plain.output.contains("\u{1b}") && !plain.output.contains("\r"))
      let line = try Regex("\(digest): .*")
      let statuses = plain.output.split(separator: "\n").filter { $0.wholeMatch(of: line) != nil }
      #expect(
        statuses.map { $0.dropFirst(14) } == ["Pulling fs layer", "Downloading", "Download complete", "Pull complete"],
        "\(plain.output)")
      #expect(try sandbox.skiff(["pull", "-q", name]).output == name + ":latest\n")
      #expect(try sandbox.skiff(["pull", "--quiet", "--progress", "json", name]).output == name + ":latest\n")
    }
  }

  /// The name shows while it is typed, the password does not.
  @Test(.enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed"))
  func aLoginAsksWithoutEcho() throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let registry = try LoopbackRegistry(in: sandbox.folder, password: "s3cret-canary")
    let own = ["HOME": sandbox.folder.path, "DOCKER_CONFIG": sandbox.folder.path + "/docker"]
    let screen = try Screen(sandbox, "\(Sandbox.skiff) login \(registry.host)", environment: own)
    _ = try screen.shows("^Username:")
    try screen.type("alice")
    _ = try screen.shows("Username: alice\nPassword:")
    try screen.type("s3cret-canary")
    let end = try #require(try screen.shows("\\[ended [0-9]+\\]"))
    #expect(end.contains("Login Succeeded\n[ended 0]") && !end.contains("canary"), "\(end)")
    #expect(try status(of: Path(sandbox.folder.path + "/docker/config.json")).mode.octal == "0600")

    let wrong = try Screen(sandbox, "\(Sandbox.skiff) login -u alice \(registry.host)", environment: own)
    _ = try wrong.shows("^Password:")
    try wrong.type("not-this-canary")
    let refused = try #require(try wrong.shows("\\[ended [0-9]+\\]"))
    #expect(refused.contains("the user name or the password is wrong") && !refused.contains("canary"), "\(refused)")
  }
}
