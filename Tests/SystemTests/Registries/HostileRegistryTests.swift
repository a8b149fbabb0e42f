import Foundation
import Kernel
import Testing

/// What a registry may do to us: each ends in words that say what is wrong, and in a store that is as it was.
@Suite(.enabled(if: effectiveUser() == 0, "the store is root's"))
struct HostileRegistryTests {
  private struct Bench {
    let sandbox: Sandbox
    let registry: HostileRegistry
    let settings: String

    func environment(_ more: [String: String] = [:]) -> [String: String] {
      ["SKIFF_REGISTRIES": settings, "HOME": sandbox.folder.path].merging(more) { $1 }
    }

    func pull(_ mode: String, _ options: [String] = []) throws -> Sandbox.Result {
      try sandbox.skiff(["pull"] + options + ["\(registry.host)/\(mode)"], environment: environment())
    }

    /// Names of blobs and of what is half written.
    func store() throws -> [String] {
      try ["images/blobs/sha256", "images/ingest", "layers/.work"].flatMap {
        try entries(of: Path("\(sandbox.state)/\($0)")).map(\.name.string)
      }
    }
  }

  private func withBench(_ settings: String = "", _ body: (Bench) throws -> Void) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    let registry = try HostileRegistry(in: sandbox.folder)
    let file = sandbox.folder.path + "/registries.json"
    let text =
      settings.isEmpty ? #"{"stallSeconds": 1, "attempts": 3}"# : settings.replacing("HOST", with: registry.host)
    try Data(text.utf8).write(to: URL(filePath: file))
    try body(Bench(sandbox: sandbox, registry: registry, settings: file))
  }

  @Test(arguments: [
    ("endless", "the answer is longer than 4194304 bytes"),
    ("garbage", "does not speak HTTP"),
    ("text", "answered text/html, which is no manifest"),
    ("json", "which is no manifest"),
    ("schema1", "a manifest of Docker's schema 1"),
    ("both", "both an index and a manifest: refused"),
    ("contradiction", "and it says it is"),
    ("digest", "the registry says its digest is sha256:0000"),
    ("limited", "toomanyrequests: You have reached your pull rate limit."),
    ("circles", "redirected without an end"),
    ("file", "redirects to what is no http or https address: refused"),
    ("nested", "and its index says otherwise"),
    ("artifact", "it is no image: its config is application/vnd.example"),
    ("stall", "it has sent nothing for too long"),
    ("range", "the registry sent another part than it was asked for"),
    ("lies", "have another digest"),
    ("noise", "this is not a tar archive"),
    ("short", "bytes, and its manifest says"),
    ("long", "it is longer than the"),
    ("absent", "blob_unknown: blob unknown"),
    ("blobfile", "redirects to what is no http or https address: refused"),
    ("plain", "redirects to plain HTTP, http://192.0.2.1/x: refused"),
    ("private", "gives no token"),
    ("realmfile", "asks for a token from an address that is no http or https URL"),
    ("bigchallenge", "does not speak HTTP"),
    ("headerbomb", "does not speak HTTP"),
    ("bomb", "the layer is refused: "),
  ])
  func isRefused(mode: String, because words: String) throws {
    try withBench { bench in
      // It is made when it is first asked for, which takes longer than a pull waits here.
      if mode == "bomb" { try bench.registry.ask("/v2/bomb/manifests/latest") }
      let result = try bench.pull(mode)
      #expect(result.code == 1, "\(result.output)")
      #expect(result.errors.contains(words), "\(mode): \(result.errors)")
      #expect(result.errors.hasPrefix("skiff: "))
      #expect(try bench.sandbox.skiff(["images", "-aq"]).output.isEmpty)
      // The config comes before the layers, and stays where the registry may only be slow.
      #expect(try bench.store().count <= (mode == "stall" ? 1 : 0))
      #expect(try entries(of: Path(bench.sandbox.state + "/images/ingest")).isEmpty)
    }
  }

  @Test func theLimitIsShownAsItIs() throws {
    try withBench { bench in
      let errors = try bench.pull("limited").errors
      #expect(errors.contains("hint: ratelimit-limit: 100;w=21600, retry-after: 3600"), "\(errors)")
    }
  }

  @Test(arguments: [
    "good", "cut", "rangeless", "tired", "token", "elsewhere", "busy", "headless", "realmelsewhere",
  ])
  func isPulledAllTheSame(mode: String) throws {
    try withBench { bench in
      let result = try bench.pull(mode)
      #expect(result.code == 0, "\(mode): \(result.errors)")
      #expect(try bench.sandbox.skiff(["images", "-q"]).output.count > 1)
      let counts = try bench.registry.statistics()
      #expect(counts["leak"] == nil, "a token was sent to another host")
      if mode == "cut" { #expect(counts["range"] == 1, "\(counts)") }
      if mode == "token" { #expect(counts["token"] == 1, "\(counts)") }
    }
  }

  /// What is up to date is asked for, and not fetched: a registry's limit counts what is fetched.
  @Test(arguments: ["fresh", "freshindex"])
  func whatIsUpToDateCostsNothing(mode: String) throws {
    try withBench { bench in
      for count in 1...3 {
        let result = try bench.pull(mode)
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains(count == 1 ? "Downloaded newer image" : "Image is up to date"))
        let counts = try bench.registry.statistics()
        #expect(counts["HEAD-\(mode)"] == count && counts["GET-\(mode)"] == (mode == "fresh" ? 1 : 2), "\(counts)")
      }
    }
  }

  /// The index is kept: its digest is what the registry shows, and its document what `manifest inspect` does.
  @Test func anIndexIsRemembered() throws {
    try withBench { bench in
      let name = "\(bench.registry.host)/freshindex"
      let pulled = try bench.pull("freshindex")
      #expect(pulled.code == 0, "\(pulled.errors)")
      let digest = try #require(pulled.output.split(separator: "\n").first { $0.hasPrefix("Digest: ") }?.dropFirst(8))
      func sandbox(_ words: String...) throws -> String {
        try bench.sandbox.skiff(words, environment: bench.environment()).output
      }
      #expect(try sandbox("inspect", "-f", "{{json .RepoDigests}}", name) == "[\"\(name)@\(digest)\"]\n")
      #expect(try sandbox("images", "--format", "{{.Digest}}") == "\(digest)\n")
      let document = try JSONSerialization.jsonObject(with: Data(sandbox("manifest", "inspect", name).utf8))
      #expect(((document as? [String: Any])?["manifests"] as? [Any])?.count == 3)
      #expect(try sandbox("inspect", "-f", "{{.Id}}", "\(name)@\(digest)").hasPrefix("sha256:"))
      // Index, manifest, config and layer; after the removal nothing.
      #expect(try bench.store().count == 4)
      #expect(try bench.sandbox.skiff(["image", "prune", "-f"]).code == 0)
      #expect(try bench.store().count == 4)
      #expect(try bench.sandbox.skiff(["rmi", name]).code == 0)
      #expect(try bench.store() == [])
    }
  }

  @Test func thePlatformIsChosen() throws {
    try withBench { bench in
      let other = try bench.pull("several", ["--platform", "linux/arm64/v8"])
      #expect(other.code == 0, "\(other.errors)")
      let name = "\(bench.registry.host)/several"
      #expect(try bench.sandbox.skiff(["inspect", "-f", "{{.Architecture}}", name]).output == "arm64\n")
      let none = try bench.pull("several", ["--platform", "linux/s390x"])
      #expect(none.code == 1 && none.errors.contains("has no image for linux/s390x"))
      #expect(none.errors.contains("hint: there are linux/amd64, linux/arm64"))
      // One that is no index is taken as it is, as docker does, and that is said.
      let only = try bench.pull("good", ["--platform", "linux/s390x"])
      #expect(
        only.code == 0 && only.errors.contains("good:latest is for linux/amd64, and not for linux/s390x"),
        "\(only.errors)")
      // The digest that the registry shows is the index's, and finds the image.
      let digest = other.output.split(separator: "\n").first { $0.hasPrefix("Digest: ") }?.dropFirst(8) ?? ""
      #expect(try bench.sandbox.skiff(["inspect", "-f", "{{.Architecture}}", "\(name)@\(digest)"]).output == "arm64\n")
      let pinned = try bench.sandbox.skiff(["pull", "\(name)@\(digest)"], environment: bench.environment())
      #expect(pinned.code == 0, "\(pinned.errors)")
    }
  }

  @Test func twoPullsAtOnceFetchEachBlobOnce() throws {
    // No time in which a machine under load would take the registry for dead and ask once more.
    try withBench(#"{"stallSeconds": 300}"#) { bench in
      let words = ["pull", "\(bench.registry.host)/slow"]
      let calls = try (0..<3).map { _ in try bench.sandbox.start(words, environment: bench.environment()) }
      for call in calls { #expect(call.finish().code == 0) }
      // One layer, one config.
      #expect(try bench.registry.statistics()["blob-slow"] == 2)
    }
  }

  @Test func aTokenServerGetsThePasswordAndNobodyElse() throws {
    try withBench { bench in
      let name = "\(bench.registry.host)/private"
      let auth = Data(bench.registry.credentials.utf8).base64EncodedString()
      let file = bench.sandbox.folder.path + "/auth.json"
      try Data(#"{"auths": {"\#(bench.registry.host)": {"auth": "\#(auth)"}}}"#.utf8).write(to: URL(filePath: file))
      let result = try bench.sandbox.skiff(
        ["pull", name], environment: bench.environment(["REGISTRY_AUTH_FILE": file]))
      #expect(result.code == 0, "\(result.errors)")
      #expect(!(result.output + result.errors).contains("s3cret"))
    }
  }

  @Test func aMirrorIsAskedFirstAndItsFaultsAreNobodys() throws {
    let settings = """
      {"registries": {"registry.invalid": {"mirrors": ["http://127.0.0.1:1", "http://HOST"]}}, "attempts": 1}
      """
    try withBench(settings) { bench in
      let result = try bench.sandbox.skiff(["pull", "registry.invalid/good"], environment: bench.environment())
      #expect(result.code == 0, "\(result.errors)")
      let nowhere = try bench.sandbox.skiff(["pull", "registry.invalid/text"], environment: bench.environment())
      #expect(nowhere.code == 1 && nowhere.errors.contains("registry.invalid"), "\(nowhere.errors)")
    }
  }

  @Test func progressIsJSONWhenAsked() throws {
    try withBench { bench in
      let result = try bench.pull("good", ["--progress", "json"])
      let lines = result.output.split(separator: "\n").dropLast()
      let objects = try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
      #expect(
        objects.contains { $0?["status"] as? String == "Download complete" && $0?["total"] as? Int ?? 0 > 300_000 })
      #expect(try bench.pull("good", ["--progress", "none"]).output == "\(bench.registry.host)/good:latest\n")
      #expect(try bench.pull("good", ["--progress", "purple"]).code == 125)
    }
  }
}
