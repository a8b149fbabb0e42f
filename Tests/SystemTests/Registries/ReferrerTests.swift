import Foundation
import Kernel
import Testing

/// What is about an image is kept when the image is copied: bills of materials, signatures.
@Suite(.enabled(if: effectiveUser() == 0, "the store is root's"))
struct ReferrerTests {
  private func withSandbox(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox)
  }

  private func list(_ state: String) throws -> [[String: Any]] {
    let data = try Data(contentsOf: URL(filePath: "\(state)/images/index.json"))
    let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return try #require(document?["manifests"] as? [[String: Any]])
  }

  private func types(_ state: String) throws -> [String] {
    try list(state).compactMap { $0["artifactType"] as? String }.sorted()
  }

  private func blobs(_ state: String) throws -> Int { try entries(of: Path("\(state)/images/blobs/sha256")).count }

  /// By the referrers API: a bill of materials on a second page, and the signature of the bill.
  @Test func theyArePulledByTheirAPI() throws {
    try withSandbox { sandbox in
      let registry = try HostileRegistry(in: sandbox.folder)
      let name = "\(registry.host)/good"
      #expect(try sandbox.skiff(["pull", "-q", name]).code == 0)
      #expect(try types(sandbox.state) == [])
      #expect(try registry.statistics()["referrers-good"] == nil)
      let pulled = try sandbox.skiff(["pull", "--referrers", name])
      #expect(pulled.code == 0, "\(pulled.errors)")
      #expect(pulled.output.contains("\napplication/spdx+json: digest: sha256:"), "\(pulled.output)")
      #expect(try types(sandbox.state) == ["application/spdx+json", "application/x-signature"])
      // None of them is an image, or has taken a name.
      #expect(try sandbox.skiff(["images", "--format", "{{.Repository}}"]).output == "\(name)\n")
      #expect(try list(sandbox.state).filter { $0["annotations"] != nil }.count == 1)
      #expect(try sandbox.skiff(["sbom", name]).output.contains("SPDX-2.3"))
      #expect(try blobs(sandbox.state) == 8)
      #expect(try sandbox.skiff(["rmi", name]).code == 0)
      #expect(try list(sandbox.state).isEmpty)
      #expect(try blobs(sandbox.state) == 0)
    }
  }

  /// A registry without the API keeps an index under a tag made of the digest.
  @Test func theyArePulledByTheirTag() throws {
    try withSandbox { sandbox in
      let registry = try HostileRegistry(in: sandbox.folder)
      #expect(try sandbox.skiff(["pull", "-q", "--referrers", "\(registry.host)/elder"]).code == 0)
      #expect(try types(sandbox.state) == ["application/spdx+json"])
    }
  }

  @Test(arguments: [("liar", "is listed as being about"), ("crowd", "there are more than 1000")])
  func whatLiesAboutThemIsRefused(mode: String, because words: String) throws {
    try withSandbox { sandbox in
      let registry = try HostileRegistry(in: sandbox.folder)
      let pulled = try sandbox.skiff(["pull", "--referrers", "\(registry.host)/\(mode)"])
      #expect(pulled.code == 1 && pulled.errors.contains(words), "\(pulled.errors)")
      #expect(try types(sandbox.state) == [])
    }
  }

  /// The bill of materials that `stage` attaches goes to Debian's registry, which has no API, comes back, and goes through
  /// archives.
  @Test(.enabled(if: LoopbackRegistry.isHere, "docker-registry is not installed"))
  func theyGoRoundWithTheirImage() throws {
    try withSandbox { sandbox in
      let registry = try LoopbackRegistry(in: sandbox.folder)
      let name = "\(registry.host)/team/box:1"
      #expect(try sandbox.skiff(["stage", "-q", "-t", name, "busybox"]).code == 0)
      let bill = try sandbox.skiff(["sbom", name]).output
      #expect(bill.contains("SPDX"))
      #expect(try types(sandbox.state).count == 1)
      let digest = try sandbox.skiff(["images", "--format", "{{.Digest}}"]).output.dropLast()
      for _ in 0..<2 {
        let pushed = try sandbox.skiff(["push", name])
        #expect(pushed.code == 0 && pushed.output.contains("application/spdx+json: digest: "), "\(pushed)")
      }
      let tag = "http://\(registry.host)/v2/team/box/manifests/sha256-\(digest.dropFirst(7))"
      let program = """
        import sys, urllib.request as web
        accept = {"Accept": "application/vnd.oci.image.index.v1+json"}
        print(web.urlopen(web.Request(sys.argv[1], headers=accept)).read().decode())
        """
      let listed = try sandbox.start(["-c", program, tag], program: "/usr/bin/python3").finish().output
      #expect(listed.components(separatedBy: "application/spdx+json").count == 2, "\(listed)")

      let there = ["SKIFF_ROOT": sandbox.folder.path + "/there"]
      // The tag that holds the list is none of the images.
      let all = try sandbox.skiff(["pull", "-a", "--referrers", "\(registry.host)/team/box"], environment: there)
      #expect(all.code == 0, "\(all.errors)")
      #expect(try sandbox.skiff(["images", "-q"], environment: there).output.split(separator: "\n").count == 1)
      #expect(try sandbox.skiff(["sbom", name], environment: there).output == bill)

      for format in ["oci-archive", "oci-dir"] {
        let file = "\(sandbox.folder.path)/saved-\(format)"
        let saved = try sandbox.skiff(
          ["save", "--referrers", "--format", format, "-o", file, name], environment: there)
        #expect(saved.code == 0, "\(saved.errors)")
        let third = ["SKIFF_ROOT": "\(sandbox.folder.path)/third-\(format)"]
        let loaded = try sandbox.skiff(["load", "-q", "-i", file], environment: third)
        #expect(loaded.output == "Loaded image: \(name)\n", "\(loaded.errors)")
        #expect(try sandbox.skiff(["sbom", name], environment: third).output == bill)
      }
      #expect(try sandbox.skiff(["save", "--referrers", "-o", "/dev/null", name]).code == 125)
      // Left at home when that is asked for.
      #expect(try sandbox.skiff(["tag", name, "\(registry.host)/alone:1"]).code == 0)
      let alone = try sandbox.skiff(["push", "--referrers=false", "\(registry.host)/alone:1"])
      #expect(alone.code == 0 && !alone.output.contains("spdx"), "\(alone)")
    }
  }
}
