import ImageSpec
import JSON
import Testing

private let digestA = "sha256:" + String(repeating: "a", count: 64)
private let digestB = "sha256:" + String(repeating: "b", count: 64)
private let configJSON = #"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(digestA)","size":7}"#
private let layerJSON = #"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\#(digestB)","size":1024}"#
private let manifestJSON =
  #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":\#(configJSON),"layers":[\#(layerJSON)]}"#

@Suite struct DocumentTests {
  private func manifest(_ text: String) throws(JSONError) -> Manifest { try Manifest(parsing: Array(text.utf8)) }
  private func index(_ text: String) throws(JSONError) -> Index { try Index(parsing: Array(text.utf8)) }

  @Test func aManifestIsReadAndWrittenAsItWas() throws {
    let parsed = try manifest(manifestJSON)
    #expect(parsed.layers.map(\.size) == [1024])
    #expect(parsed.layers[0].mediaType.layerCompression == LayerCompression.none)
    #expect(parsed.jsonString() == manifestJSON)
  }

  @Test func dockersTypesAreKnown() throws {
    let text = manifestJSON.replacing(
      "application/vnd.oci.image.manifest.v1+json", with: "application/vnd.docker.distribution.manifest.v2+json"
    )
    .replacing("application/vnd.oci.image.layer.v1.tar", with: "application/vnd.docker.image.rootfs.diff.tar.gzip")
    #expect(try manifest(text).mediaType == .dockerManifest)
    #expect(try manifest(text).layers[0].mediaType.layerCompression == .gzip)
    #expect(MediaType.ociConfig.layerCompression == nil)
  }

  @Test func anIndexIsReadAndWrittenAsItWas() throws {
    let text =
      #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","#
      + #""digest":"\#(digestA)","size":7,"annotations":{"org.opencontainers.image.ref.name":"bash:latest"},"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}]}"#
    let parsed = try index(text)
    #expect(parsed.manifests[0].platform == Platform(architecture: "arm64", os: "linux", variant: "v8"))
    #expect(parsed.jsonString() == text)
    #expect(try index(#"{"schemaVersion":2,"manifests":[]}"#) == Index())
  }

  /// CVE-2021-41190.
  @Test(arguments: [
    String(manifestJSON.dropLast()) + #","manifests":[]}"#,
    String(manifestJSON.dropLast()) + #","manifests":null}"#,
    manifestJSON.replacing("image.manifest", with: "image.index"),
    #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"layers":[]}"#,
    #"{"schemaVersion":2,"manifests":[],"config":\#(configJSON)}"#,
    #"{"schemaVersion":1,"fsLayers":[],"history":[],"config":\#(configJSON),"layers":[]}"#,
  ])
  func whatTwoReadersCouldSeeDifferentlyIsRefused(_ text: String) {
    #expect(throws: JSONError.self) { try manifest(text) }
    #expect(throws: JSONError.self) { try index(text) }
  }

  @Test(arguments: [
    "{}", "[]", #"{"schemaVersion":2}"#, #"{"schemaVersion":2,"layers":[]}"#,
    #"{"schemaVersion":2,"config":\#(configJSON)}"#,
    #"{"config":\#(configJSON),"layers":[]}"#, manifestJSON.replacing(digestA, with: "sha256:../../x"),
    manifestJSON.replacing("\"size\":7", with: "\"size\":-7"),
    manifestJSON.replacing("\"size\":7", with: "\"x\":7"), manifestJSON.replacing("\"digest\":", with: "\"d\":"),
  ])
  func incompleteManifestsAreRefused(_ text: String) {
    #expect(throws: JSONError.self) { try manifest(text) }
  }

  @Test func aManifestBombIsRefused() {
    let bomb = #"{"schemaVersion":2,"layers":["# + String(repeating: " ", count: 5 << 20)
    #expect(throws: JSONError.self) { try manifest(bomb) }
  }

  @Test func aConfigIsReadAndWritten() throws {
    let text = #"""
      {"created":"2024-01-02T03:04:05.678Z","author":"me","architecture":"amd64","os":"linux",
      "config":{"User":"1000:1000","ExposedPorts":{"80/tcp":{},"53/udp":{}},"Env":["PATH=/bin","A=B"],"Entrypoint":["/e"],"Cmd":["a","b"],
      "Volumes":{"/data":{}},"WorkingDir":"/srv","Labels":{"k":"v"},"StopSignal":"SIGQUIT",
      "Healthcheck":{"Test":["CMD","true"],"Interval":30000000000,"Timeout":1,"StartPeriod":2,"StartInterval":3,"Retries":4},
      "Shell":["/bin/sh","-c"],"OnBuild":["RUN x"]},
      "rootfs":{"type":"layers","diff_ids":["\#(digestA)","\#(digestB)"]},
      "history":[{"created":"2024-01-02T03:04:05Z","created_by":"ADD x","author":"me","comment":"c"},{"created_by":"CMD","empty_layer":true}]}
      """#
    let config = try ImageConfig(parsing: Array(text.utf8))
    #expect(config.config.exposedPorts == ["53/udp", "80/tcp"])
    #expect(config.diffIDs.map(\.description) == [digestA, digestB])
    #expect(config.history[1].emptyLayer)
    #expect(try JSONValue(parsing: config.jsonBytes()) == JSONValue(parsing: Array(text.utf8)))
  }

  @Test func whatOldBuildersWroteIsRead() throws {
    let config = try ImageConfig(
      parsing: Array(
        #"{"architecture":"amd64","os":"linux","config":{"Entrypoint":"/e","Cmd":null,"Env":null},"container":"x","rootfs":{"type":"layers"}}"#
          .utf8))
    #expect(config.config.entrypoint == ["/e"])
    #expect(config.diffIDs == [])
  }

  @Test(arguments: [
    #"{"rootfs":{"type":"other"}}"#, #"{"rootfs":{"diff_ids":["x"]}}"#, #"{"config":{"Env":[1]}}"#,
    #"{"config":{"User":"a\u0000b"}}"#,
  ])
  func brokenConfigsAreRefused(_ text: String) {
    #expect(throws: JSONError.self) { try ImageConfig(parsing: Array(text.utf8)) }
  }
}
