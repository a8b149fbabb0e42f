import Testing

@testable import ImageSpec

@Suite struct PlatformChoiceTests {
  @Test(arguments: [
    ("linux/amd64", "linux/amd64"), ("linux/aarch64", "linux/arm64"), ("linux/arm64/v8", "linux/arm64"),
    ("linux/arm", "linux/arm/v7"), ("linux/armhf", "linux/arm/v7"), ("linux/armel", "linux/arm/v6"),
    ("x86_64", "linux/amd64"), ("i386", "linux/386"), ("windows/AMD64", "windows/amd64"),
    ("linux/amd64/v1", "linux/amd64"),
    ("macos/arm64", "darwin/arm64"), ("linux/arm/7", "linux/arm/v7"),
  ])
  func reads(text: String, platform: String) throws {
    #expect(try Platform(text).description == platform)
  }

  @Test(arguments: ["", "/", "linux/", "a/b/c/d", "linux/amd 64", "linux/\u{1b}", "linux//v8"])
  func refuses(text: String) { #expect(throws: ImageSpecError.self) { try Platform(text) } }

  private func index(_ platforms: [String]) throws -> Index {
    var number: UInt8 = 0
    let manifests = try platforms.map { text -> ContentDescriptor in
      number += 1
      let digest = Digest(sha256: [UInt8](repeating: number, count: 32))
      return ContentDescriptor(mediaType: .ociManifest, digest: digest, size: 1, platform: try Platform(text))
    }
    return Index(manifests: manifests)
  }

  @Test(arguments: [
    ("linux/amd64", ["linux/arm64", "linux/386", "linux/amd64"], "linux/amd64"),
    ("linux/amd64", ["linux/arm64", "linux/386"], "linux/386"),
    ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
    ("linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"),
    ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v5"),
    ("linux/amd64", ["windows/amd64", "unknown/unknown"], nil),
    ("linux/amd64", ["linux/amd64/v2"], nil),
  ])
  func chooses(own: String, offered: [String], chosen: String?) throws {
    let found = try index(offered).manifest(for: try Platform(own))
    #expect(found?.platform?.description == chosen)
  }
}
