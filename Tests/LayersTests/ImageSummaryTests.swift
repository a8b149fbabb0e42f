import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

/// What a table reads of images is what the whole reading of them says.
@Suite(.enabled(if: isRoot, needsRoot)) struct ImageSummaryTests {
  private func withImages(_ body: (ImageStore, [Image]) throws -> Void) throws {
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let first = try image("printf 1 > f", named: "b:1", in: store, scratch)
      try store.tag(first, as: Reference("a/z"))
      try store.tag(first, as: Reference("localhost:5000/c"))
      _ = try image("printf 2 > f", named: "moved", in: store, scratch)
      _ = try image("printf 3 > f; printf '\\303\\244' > g", named: "moved", in: store, scratch)
      try body(store, try store.images())
    }
  }

  @Test func theyAreTheImages() throws {
    try withImages { store, images in
      #expect(images.count == 3 && images.map(\.tags.count).sorted() == [0, 1, 3])
      let summaries = try store.summaries()
      #expect(summaries == images.map { ImageSummary($0) })
      #expect(summaries.count { $0.size > 0 && $0.created != nil } == 3)
    }
  }

  @Test(arguments: ["cut", "flip", "gone", "pipe"], [true, false])
  func whatIsDamagedIsLeftOut(damage: String, isManifest: Bool) throws {
    try withImages { store, images in
      let broken = try #require(images.first { $0.tags == ["moved:latest"] })
      let path = store.blobs.path(of: isManifest ? broken.manifestDigest : broken.id)
      var bytes = try readFile(path)
      switch damage {
      case "cut": try replaceFile(path, with: Array(bytes.dropLast()))
      case "flip":
        bytes[bytes.count / 2] ^= 1
        try replaceFile(path, with: bytes)
      case "gone": try removeFile(path)
      default:
        try removeFile(path)
        try makeNode(path, kind: .fifo, mode: 0o600)
      }
      var told: [String] = []
      let left = try store.summaries { name, reason in
        told.append(name)
        #expect(reason.kind == (damage == "gone" ? .notFound : .damaged), "\(reason)")
      }
      #expect(told == ["moved:latest"])
      #expect(left == images.filter { $0.id != broken.id }.map { ImageSummary($0) })
    }
  }

  /// By the digest of what they say, so that only the words are wrong.
  @Test(arguments: [
    #"{"schemaVersion":2,"config":CONFIG}"#, #"{"schemaVersion":2,"layers":[]}"#,
    #"{"schemaVersion":2,"config":CONFIG,"layers":[],"manifests":[]}"#,
    #"{"schemaVersion":2,"config":CONFIG,"layers":[{"size":-1}]}"#,
    #"{"schemaVersion":2,"config":CONFIG,"layers":[{"size":9223372036854775807},{"size":1}]}"#,
    #"{"schemaVersion":2,"config":CONFIG,"layers":[{"size":1},{"size":1}]}"#, "[]", "{",
  ])
  func aManifestThatMakesNoSenseIsLeftOut(text: String) throws {
    try withImages { store, images in
      let config = images[0].manifest.config
      let described = #"{"mediaType":"\#(config.mediaType)","digest":"\#(config.digest)","size":\#(config.size)}"#
      let manifest = try store.blobs.put(
        Array(text.replacing("CONFIG", with: described).utf8), mediaType: .ociManifest)
      try store.register([(manifest, Reference("odd"))])
      var told: [String] = []
      #expect(try store.summaries { name, _ in told.append(name) } == images.map { ImageSummary($0) })
      #expect(told == ["odd:latest"])
    }
  }
}
