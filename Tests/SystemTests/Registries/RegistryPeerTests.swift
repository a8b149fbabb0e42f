import Foundation
import Kernel
import Testing

/// skopeo and Skiff through one registry: the same digests, the same trees.
@Suite(
  .serialized,
  .enabled(if: effectiveUser() == 0, "the store is root's"),
  .enabled(if: LoopbackRegistry.isHere && mayExecute("/usr/bin/skopeo"), "docker-registry or skopeo is not installed"))
struct RegistryPeerTests {
  /// skopeo writes gzip where Skiff staged plain tar; both manifests of docker and of OCI, and zstd.
  @Test(arguments: [
    ["--format", "oci", "--dest-compress"], ["--format", "v2s2"],
    ["--format", "oci", "--dest-compress", "--dest-compress-format", "zstd"],
  ])
  func whatSkopeoPushedIsPulledAndPushedOn(options: [String]) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let registry = try LoopbackRegistry(in: sandbox.folder)
    try sandbox.makeImage()
    func skopeo(_ words: [String]) throws -> Sandbox.Result {
      try sandbox.start(words, environment: ["HOME": sandbox.folder.path], program: "/usr/bin/skopeo").finish()
    }
    func digest(_ name: String) throws -> String {
      try skopeo(["inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://\(name)"]).output
    }
    let (theirs, ours) = ("\(registry.host)/theirs:1", "\(registry.host)/ours:1")
    let copied = try skopeo(
      ["--insecure-policy", "copy", "--dest-tls-verify=false"] + options
        + ["oci:\(sandbox.state)/images:box:latest", "docker://\(theirs)"])
    #expect(copied.code == 0, "\(copied.errors)")
    #expect(try sandbox.skiff(["rmi", "-f", "box", "plain"]).code == 0)
    let pulled = try sandbox.skiff(["pull", theirs])
    #expect(pulled.code == 0, "\(pulled.errors)")
    let pushed = try digest(theirs)
    #expect(pushed.hasPrefix("sha256:"))
    #expect(try sandbox.skiff(["images", "--format", "{{.Digest}}", theirs]).output == pushed)
    let ran = try sandbox.skiff(["run", "--rm", "--network", "none", theirs, "busybox", "ls", "/second"])
    #expect(ran.output == "/second\n", "\(ran.errors)")

    #expect(try sandbox.skiff(["tag", theirs, ours]).code == 0)
    let again = try sandbox.skiff(["push", ours])
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.output.contains(": Mounted from theirs\n"))
    #expect(try digest(ours) == pushed)
  }
}
