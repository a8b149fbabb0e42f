import Archive
import Archives
import Blobs
import Foundation
import ImageSpec
import JSON
import Kernel
import Layers
import Testing

@Suite(.enabled(if: isRoot, needsRoot)) struct LoadingTests {
  @Test(arguments: Way.allCases) func aDockerArchiveOfTheOldLayoutIsRead(way: Way) throws {
    try withStore { store, _ in
      let layers = [layer("a", "1"), layer("b", "2"), layer("a", "1")]
      let archive = dockerArchive(layers, names: ["web:1", "localhost:5000/web:2"])
      let loaded = try store.load(bytes: archive.bytes, through: way)
      #expect(loaded.map(\.names) == [["web:1", "localhost:5000/web:2"]])
      let image = try store.resolve("web:1")
      #expect(image.id == digest(config(layers)) && loaded.map(\.id) == [image.id])
      #expect(image.manifest.layers.map(\.digest) == layers.map(digest))
      #expect(try store.find("localhost:5000/web:2").manifestDigest == image.manifestDigest)
      #expect(try readText(store.layers.path(of: digest(layers[1])).appending("b")) == "2")
      // What nobody asked for (`repositories`) is not kept.
      #expect(try store.blobs.digests().count == 4)
      #expect(try entries(of: store.blobs.root.appending("ingest")).isEmpty)
      // The manifest that is made for it is the same each time.
      #expect(try store.load(bytes: archive.bytes, through: way).first?.displaced == [])
      #expect(try store.images().map(\.manifestDigest) == [image.manifestDigest])
    }
  }

  /// Layers that several images of a docker-archive have are one path in it, or several; compressed or not.
  @Test(arguments: Way.allCases, [false, true])
  func imagesOfOneDockerArchiveShareLayers(way: Way, isCompressed: Bool) throws {
    try withStore { store, _ in
      let layers = [layer("a", "1"), layer("b", "2")]
      func kept(_ bytes: [UInt8]) -> [UInt8] { isCompressed ? gzip(bytes) : bytes }
      var parts = Parts()
      let configs = [config(layers), config([layers[0]])]
      for (number, bytes) in layers.enumerated() { parts.add(Path("\(number).tar"), kept(bytes)) }
      parts.add("again.tar", kept(layers[0]))
      for config in configs { parts.add(Path("\(digest(config).hex).json"), config) }
      parts.add(
        "manifest.json",
        Array(
          """
          [{"Config":"\(digest(configs[0]).hex).json","RepoTags":["two:1"],"Layers":["0.tar","1.tar"]},
           {"Config":"\(digest(configs[1]).hex).json","RepoTags":["one:1"],"Layers":["0.tar"]},
           {"Config":"\(digest(configs[1]).hex).json","RepoTags":["one:2"],"Layers":["again.tar"]}]
          """.utf8))
      let loaded = try store.load(bytes: parts.bytes, through: way)
      #expect(loaded.map(\.names) == [["two:1"], ["one:1"], ["one:2"]])
      #expect(Set(try store.layers.digests()) == Set(layers.map(digest)))
      let (two, one) = (try store.resolve("two:1"), try store.resolve("one:2"))
      #expect(two.manifest.layers.map(\.digest) == layers.map { digest(kept($0)) })
      #expect(two.manifest.layers[0].mediaType == (isCompressed ? .ociLayerGzip : .ociLayer))
      #expect(one.manifest.layers == [two.manifest.layers[0]])
      #expect(try readText(store.layers.path(of: digest(layers[1])).appending("b")) == "2")
      let again = try store.load(bytes: parts.bytes, through: way)
      #expect(again.map(\.displaced) == [[], [], []])
      #expect(try entries(of: store.blobs.root.appending("ingest")).isEmpty)
    }
  }

  @Test(arguments: Way.allCases) func aHardLinkIsALayerToo(way: Way) throws {
    try withStore { store, _ in
      let bytes = layer("a", "1")
      var archive = dockerArchive([bytes, bytes], names: ["x"])
      archive.entries.removeAll { $0.0.path == "1/layer.tar" }
      archive.entries.append((TarEntry(path: "./1/layer.tar", kind: .hardLink(target: "0/layer.tar"), mode: 0o644), []))
      let again = try store.load(bytes: archive.bytes, through: way)
      #expect(again.map(\.names) == [["x:latest"]])
    }
  }

  @Test(arguments: Way.allCases) func anOCIArchiveKeepsItsDigests(way: Way) throws {
    try withStore { store, _ in
      let layers = [layer("a", "1"), layer("b", "2")]
      let archive = ociArchive(layers, name: "docker.io/library/web:1")
      let loaded = try store.load(bytes: archive.bytes, through: way)
      #expect(loaded.map(\.names) == [["web:1"]])
      var parts = Parts()
      #expect(try store.find("web:1").manifestDigest == digest(manifest(layers, into: &parts)))
    }
  }

  @Test(arguments: ["gzip", "zstd"])
  func aCompressedArchive(program: String) throws {
    try withStore { store, _ in
      // Larger than what is read at once, and not to be compressed to nothing.
      let text = (0..<200_000).map { String($0 &* 2_654_435_761 % 1_000_003) }.joined()
      let archive = ociArchive([layer("a", text)], name: "web:1").bytes
      let packed = filter(archive, through: program)
      #expect(packed.count < archive.count && packed.count > 300_000)
      // Several members are one file.
      let loaded = try store.load(bytes: packed)
      #expect(loaded.map(\.names) == [["web:1"]])
      let parted = filter(Array(archive[..<5000]), through: program) + filter(Array(archive[5000...]), through: program)
      #expect(try store.load(bytes: parted).count == 1)
    }
  }

  @Test(arguments: Way.allCases) func anImageWithoutAName(way: Way) throws {
    try withStore { store, _ in
      for parts in [ociArchive([layer("a", "1")], name: nil), dockerArchive([layer("a", "2")], names: [])] {
        let loaded = try store.load(bytes: parts.bytes, through: way)
        #expect(loaded.map(\.names) == [[]])
        #expect(try store.find(loaded[0].id.description).tags == [])
      }
    }
  }

  @Test(arguments: Way.allCases) func severalImagesShareWhatTheyShare(way: Way) throws {
    try withStore { store, _ in
      let base = layer("a", "1")
      var parts = Parts()
      let images = [[base], [base, layer("b", "2")]].map { manifest($0, into: &parts) }
      var seen: Set<String> = []
      parts.entries.removeAll { !seen.insert($0.0.path.string).inserted }
      parts.add(
        "index.json",
        Index(
          manifests: [
            descriptor(images[0], .ociManifest, name: "one"), descriptor(images[1], .ociManifest, name: "two"),
            descriptor(images[1], .ociManifest, name: "three"),
          ]
        ).jsonBytes())
      let loaded = try store.load(bytes: parts.bytes, through: way)
      #expect(loaded.map(\.names) == [["one:latest"], ["two:latest", "three:latest"]])
      #expect(try store.layers.digests().count == 2)
      // One of them by its name.
      let again = try store.load(bytes: parts.bytes, ImageChoice(name: "three"), through: way)
      #expect(again.map(\.names) == [["three:latest"]])
      #expect(throws: StoreError.self) { try store.load(bytes: parts.bytes, ImageChoice(name: "four"), through: way) }
    }
  }

  @Test func aNameThatMeantAnotherImageIsTold() throws {
    try withStore { store, _ in
      let first = try store.load(bytes: ociArchive([layer("a", "1")], name: "web").bytes)
      let second = try store.load(bytes: ociArchive([layer("a", "2")], name: "web").bytes)
      #expect(second[0].displaced == [DisplacedName(name: "web:latest", id: first[0].id)])
      #expect(try store.find(first[0].id.description).tags == [])
    }
  }

  @Test(arguments: Way.allCases) func thePlatformIsChosen(way: Way) throws {
    try withStore { store, _ in
      let foreign = Platform(architecture: "riscv64", os: "linux")
      var parts = Parts()
      let own = manifest([layer("a", "own")], into: &parts)
      let other = manifest([layer("a", "other")], foreign, into: &parts)
      let index = Index(manifests: [
        descriptor(other, .ociManifest, platform: foreign), descriptor(own, .ociManifest, platform: .host),
      ]).jsonBytes()
      parts.add(blob: index)
      parts.add("index.json", Index(manifests: [descriptor(index, .ociIndex, name: "both")]).jsonBytes())
      #expect(try store.load(bytes: parts.bytes, through: way).map(\.id) == [digest(config([layer("a", "own")]))])
      let chosen = try store.load(bytes: parts.bytes, ImageChoice(platform: Platform("linux/riscv64")), through: way)
      #expect(chosen.map(\.id) == [digest(config([layer("a", "other")], foreign))])
      let missing = ImageChoice(platform: try Platform("s390x"))
      #expect(throws: StoreError.self) { try store.load(bytes: parts.bytes, missing, through: way) }
    }
  }

  @Test(arguments: Way.allCases) func anArchiveThatIsBothKinds(way: Way) throws {
    try withStore { store, _ in
      let bytes = layer("a", "1")
      var parts = ociArchive([bytes], name: nil)
      let config = config([bytes])
      let list: JSONValue = [
        [
          "Config": .string("blobs/sha256/\(digest(config).hex)"), "RepoTags": ["both:1"],
          "Layers": [.string("blobs/sha256/\(digest(bytes).hex)")],
        ]
      ]
      parts.add("manifest.json", list.jsonBytes())
      let again = try store.load(bytes: parts.bytes, through: way)
      #expect(again.map(\.names) == [["both:1"]])
    }
  }

  @Test func aLayoutInADirectoryIsRead() throws {
    try withStore { store, scratch in
      let layout = scratch.appending("layout")
      try write(ociArchive([layer("a", "1")], name: "web:1"), to: layout)
      let again = try store.load(layout: layout)
      #expect(again.map(\.names) == [["web:1"]])
      #expect(try store.resolve("web:1").tags == ["web:1"])
      #expect(throws: StoreError.self) { try store.load(layout: scratch.appending("missing")) }
    }
  }

  /// Whoever wrote the directory does not choose files of the host, nor makes us wait.
  @Test(arguments: ["link to the index", "link to a blob", "fifo", "damaged blob"])
  func aHostileDirectory(attack: String) throws {
    try withStore { store, scratch in
      let layout = scratch.appending("layout")
      let bytes = layer("a", "1")
      try write(ociArchive([bytes], name: "web:1"), to: layout)
      let index = layout.appending("index.json")
      let blob = layout.appending("blobs/sha256/\(digest(bytes).hex)")
      switch attack {
      case "link to the index":
        try rename(index, to: scratch.appending("outside"))
        try makeSymbolicLink(index, to: scratch.appending("outside"))
      case "link to a blob":
        try rename(blob, to: scratch.appending("outside"))
        try makeSymbolicLink(blob, to: scratch.appending("outside"))
      case "fifo":
        try removeFile(index)
        try makeNode(index, kind: .fifo, mode: 0o644)
      default: try replaceFile(blob, with: [UInt8](repeating: 7, count: bytes.count))
      }
      #expect(throws: StoreError.self) { try store.load(layout: layout) }
      #expect(try store.isEmpty())
    }
  }

  private func write(_ parts: Parts, to directory: Path) throws {
    try makeDirectories(directory.appending("blobs/sha256"), mode: 0o755)
    for (entry, bytes) in parts.entries { try replaceFile(directory.appending(entry.path), with: bytes) }
  }
}
