import Foundation
import JSON
import Kernel
import Testing

/// Damage to what is beside the images: each is found, told by the image that it belongs to, and takes no image along.
@Suite(
  .serialized,
  .enabled(if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/bin/busybox"), "needs root and busybox"))
struct VerifyArtifactsTests {
  private func withStore(_ body: (Sandbox) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    #expect(try sandbox.skiff(["stage", "-q", "-t", "plain", "busybox"]).code == 0)
    try body(sandbox)
  }

  private func blob(_ digest: JSONValue?, _ sandbox: Sandbox) throws -> String {
    let text = try #require(digest?.string)
    return "\(sandbox.state)/images/blobs/sha256/\(text.dropFirst(7))"
  }

  private func document(_ path: String) throws -> JSONValue {
    try JSONValue(parsing: Array(Data(contentsOf: URL(filePath: path))))
  }

  private func damage(_ path: String, by way: String) throws {
    switch way {
    case "cut": try Data(Data(contentsOf: URL(filePath: path)).dropLast(1)).write(to: URL(filePath: path))
    case "gone": try FileManager.default.removeItem(atPath: path)
    default:
      var bytes = try Data(contentsOf: URL(filePath: path))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(filePath: path))
    }
  }

  /// The bill of materials that stage puts beside an image: its manifest, its empty config, its document.
  @Test(arguments: ["manifest", "config", "document"], ["cut", "gone", "flipped"])
  func aDamagedBillOfMaterialsIsFound(part: String, by way: String) throws {
    try withStore { sandbox in
      let listed = try #require(
        document("\(sandbox.state)/images/index.json")["manifests"]?.array?.first { $0["artifactType"] != nil })
      let manifest = try blob(listed["digest"], sandbox)
      let parts = try document(manifest)
      let path =
        switch part {
        case "manifest": manifest
        case "config": try blob(parts["config"]?["digest"], sandbox)
        default: try blob(parts["layers"]?[0]?["digest"], sandbox)
        }
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      try damage(path, by: way)
      for words in [[], ["plain"]] where part != "manifest" || words.isEmpty {
        let found = try sandbox.skiff(["image", "verify"] + words)
        #expect(found.code == 1 && found.output == "plain:latest: whole\n", "\(found)")
        // Without the manifest nobody can say what it is about.
        let whose = part == "manifest" ? "application/spdx+json" : "plain:latest: its application/spdx+json"
        #expect(found.errors.contains(whose) && found.errors.contains(" is damaged: blob sha256:"), "\(found)")
        #expect(found.errors.contains("hint: pull it with --referrers or load it again"), "\(found)")
      }
      let kept = try sandbox.skiff(["image", "verify", "--repair"])
      #expect(kept.code == 1, "\(kept)")
      // The wrong bytes are gone, so that the right ones can come.
      #expect(!FileManager.default.fileExists(atPath: path))
      let removed = try sandbox.skiff(["image", "verify", "--repair", "--remove-lost"])
      #expect(removed.code == 0 && removed.errors.contains("taken out of the list"), "\(removed)")
      let whole = try sandbox.skiff(["image", "verify"])
      #expect(whole.code == 0 && whole.output == "plain:latest: whole\n" && whole.errors.isEmpty, "\(whole)")
      #expect(
        try sandbox.skiff(["run", "--rm", "--network", "none", "plain", "busybox", "echo", "hi"]).output == "hi\n")
    }
  }

  /// The index that a pull chose an image from: the image loses that digest, and no more.
  @Test(arguments: ["cut", "gone", "flipped"])
  func aDamagedIndexBesideAnImageIsForgotten(by way: String) throws {
    try withStore { sandbox in
      let registry = try HostileRegistry(in: sandbox.folder)
      let name = "\(registry.host)/several"
      #expect(try sandbox.skiff(["pull", "-q", name]).code == 0)
      let origin = try sandbox.skiff(["inspect", "-f", "{{json .RepoDigests}}", name]).output
      let listed = try document("\(sandbox.state)/images/index.json")["manifests"]?.array ?? []
      let index = listed.compactMap { $0["annotations"]?["org.skiff.index"] }.first
      #expect(origin.contains(index?.string ?? "none"))
      try damage(try blob(index, sandbox), by: way)
      let found = try sandbox.skiff(["image", "verify", name])
      #expect(found.code == 1 && found.errors.contains("that it was chosen from is"), "\(found)")
      #expect(found.errors.contains("hint: --repair forgets it, and a pull brings it again"), "\(found)")
      #expect(try sandbox.skiff(["image", "verify", "--repair"]).code == 0)
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
      #expect(try sandbox.skiff(["pull", name]).code == 0)
      #expect(try sandbox.skiff(["inspect", "-f", "{{json .RepoDigests}}", name]).output == origin)
      #expect(try sandbox.skiff(["image", "verify"]).code == 0)
    }
  }

  /// What skopeo copies with all its platforms: the other ones are looked at too, and one for others alone is no damage.
  @Test func anIndexOfAnotherToolIsReadThrough() throws {
    try withStore { sandbox in
      let script = """
        set -e; cd \(sandbox.state)/images/blobs/sha256
        put() { d=$(sha256sum "$1" | cut -c1-64); s=$(stat -c %s "$1"); mv "$1" $d; }
        printf 'a foreign layer' >x; put x; layer=$d size=$s; printf '{"architecture":"s390x","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $layer >x
        put x; printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' $d $s $layer $size >x
        put x; printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"architecture":"s390x","os":"linux"}}]}' $d $s >x
        put x; cd ../..; sed -i 's|"manifests":\\[|&{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:'$d'","size":'$s',"annotations":{"org.opencontainers.image.ref.name":"foreign:1"}},|' index.json
        echo $layer
        """
      let made = try sandbox.shell(script)
      #expect(made.code == 0, "\(made)")
      let whole = try sandbox.skiff(["image", "verify"])
      #expect(whole.code == 0 && whole.output == "foreign:1: whole\nplain:latest: whole\n", "\(whole)")
      try damage("\(sandbox.state)/images/blobs/sha256/\(made.output.dropLast())", by: "flipped")
      let found = try sandbox.skiff(["image", "verify"])
      #expect(found.code == 1 && found.errors.contains("foreign:1: blob sha256:\(made.output.dropLast())"), "\(found)")
    }
  }
}
