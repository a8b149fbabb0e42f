import Foundation
import Kernel
import Testing

/// A machine with skopeo, umoci, podman, buildah, docker and a registry, through which one image goes (PeerScript).
struct PeerWalk {
  let host: EngineHost

  static let peers = ["skopeo", "umoci", "podman", "buildah", "docker", "registry"]

  /// Why it cannot be here; nil when it can.
  static let obstacle: String? = {
    if let obstacle = DockerEngine.obstacle { return obstacle }
    let programs = ["docker-registry", "skopeo", "umoci", "podman", "buildah", "setfattr", "nc"]
    let missing = programs.filter { !mayExecute(Path("/usr/bin/\($0)")) }
    return missing.isEmpty ? nil : "not installed: \(missing.joined(separator: ", ")) (Scripts/setup test)"
  }()

  init() throws {
    host = try EngineHost()
    host.environment["SKIFF"] = environment("SKIFF_RELEASE") ?? Sandbox.skiff
    host.environment["SKIFF_STATE"] = host.folder + "/skiff-run"
    host.environment["DEBIAN"] = DebianTree.archive
    _ = try DockerEngine(host)
    try Data(PeerScript.text.utf8).write(to: URL(filePath: host.folder + "/peers.sh"))
    let registry = """
      version: 0.1
      storage: {filesystem: {rootdirectory: \(host.folder)/registry}}
      http: {addr: 127.0.0.1:5000}
      """
    try Data(registry.utf8).write(to: URL(filePath: host.folder + "/registry.yml"))
    try host.startDaemon(
      "registry", ["docker-registry", "serve", host.folder + "/registry.yml"],
      isReady: ["nc", "-z", "127.0.0.1", "5000"])
  }

  private func tell(_ words: String...) throws -> Sandbox.Result {
    try host.run(["bash", host.folder + "/peers.sh", host.folder] + words, seconds: 600)
  }

  /// Makes the image of that kind, and takes it along `path`: it comes out of each with the digest that it had.
  /// - Returns: whether it came through.
  func take(_ kind: String, along path: [String]) throws -> Bool {
    let made = try tell("make", kind)
    #expect(made.code == 0 && made.output.hasPrefix("sha256:"), "\(made)")
    for peer in path where made.code == 0 {
      let hop = try tell(peer)
      #expect(hop.code == 0 && hop.output == made.output, "\(peer): \(hop)")
      if hop.code != 0 || hop.output != made.output { return false }
    }
    return made.code == 0
  }

  /// Every file is as tar unpacked it, in each that shows files.
  func compareTrees(
    _ kind: String, in peers: [String] = ["skiff", "exported", "umoci", "buildah", "podman", "docker"]
  ) throws {
    for peer in peers {
      let seen = try tell("tree", peer, kind)
      #expect(seen.code == 0 && seen.output.isEmpty, "\(peer): \(seen)")
    }
  }
}
