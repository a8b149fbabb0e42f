import Archive
import Archives
import Blobs
import Foundation
import ImageSpec
import JSON
import Kernel
import Layers
import Testing

/// Archives that are refused: with a reason, and without a trace in the store.
@Suite(.enabled(if: isRoot, needsRoot)) struct HostileArchiveTests {
  struct Attack: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Words of the error.
    var reason: String
    /// The same where it is noticed elsewhere because the archive can be read anywhere.
    var reasonInFile: String
    var archive: @Sendable () -> [UInt8]

    init(
      _ name: String, _ reason: String, inFile: String? = nil, _ archive: @escaping @Sendable () -> [UInt8]
    ) {
      testDescription = name
      self.reason = reason
      reasonInFile = inFile ?? reason
      self.archive = archive
    }
  }

  static let one = layer("a", "1")

  static func oci(_ spoil: (inout Parts) -> Void) -> [UInt8] {
    var parts = ociArchive([one], name: "evil")
    spoil(&parts)
    return parts.bytes
  }

  static func docker(_ spoil: (inout Parts) -> Void) -> [UInt8] {
    var parts = dockerArchive([one], names: ["evil"])
    spoil(&parts)
    return parts.bytes
  }

  /// An archive whose index.json leads to these bytes.
  static func leading(to document: [UInt8], _ type: MediaType, size: Int64? = nil) -> [UInt8] {
    oci { parts in
      let path = Path("blobs/sha256/\(digest(document).hex)")
      if parts[path] == nil { parts.add(path, document) }
      var descriptor = descriptor(document, type, name: "evil")
      descriptor.size = size ?? descriptor.size
      parts["index.json"] = Index(manifests: [descriptor]).jsonBytes()
    }
  }

  static let paths: [Attack] = [
    Attack("dot dot", "leads out") { oci { $0.add("../evil", [1]) } },
    Attack("dot dot inside", "leads out") { oci { $0.add("blobs/../../evil", [1]) } },
    Attack("absolute", "leads out") { oci { $0.add("/tmp/evil", [1]) } },
    Attack("the same name twice", "twice") { oci { $0.add("index.json", Array("{}".utf8)) } },
    Attack("the same name in other words", "twice") { oci { $0.add("./index.json", Array("{}".utf8)) } },
    Attack("link out", "leads out") {
      docker { parts in
        parts["0/layer.tar"] = nil
        parts.entries.append((TarEntry(path: "0/layer.tar", kind: .symbolicLink(target: "../../x"), mode: 0o777), []))
      }
    },
    Attack("absolute link", "absolute") {
      docker { parts in
        parts["0/layer.tar"] = nil
        parts.entries.append(
          (TarEntry(path: "0/layer.tar", kind: .symbolicLink(target: "/etc/passwd"), mode: 0o777), []))
      }
    },
    Attack("links in a circle", "circle") {
      docker { parts in
        parts["0/layer.tar"] = nil
        for (a, b) in [("0/layer.tar", "x"), ("0/x", "layer.tar")] as [(Path, Path)] {
          parts.entries.append((TarEntry(path: a, kind: .symbolicLink(target: b), mode: 0o777), []))
        }
      }
    },
    Attack("hard link out", "leads out") {
      oci { $0.entries.append((TarEntry(path: "x", kind: .hardLink(target: "../../etc/passwd"), mode: 0o644), [])) }
    },
    Attack("device", "device") {
      oci {
        $0.entries.append(
          (TarEntry(path: "x", kind: .characterDevice(DeviceNumber(major: 1, minor: 5)), mode: 0o666), []))
      }
    },
    Attack("fifo", "fifo") { oci { $0.entries.append((TarEntry(path: "index", kind: .fifo, mode: 0o666), [])) } },
  ]

  static let digests: [Attack] = [
    Attack("a blob of another digest", "another digest") {
      oci { $0[Path("blobs/sha256/\(digest(one).hex)")] = layer("a", "2") }
    },
    Attack("a config of another digest", "another digest") {
      docker { $0[Path("\(digest(config([one])).hex).json")] = config([layer("a", "2")]) }
    },
    Attack("a layer that is another", "which the image is made of", inFile: "another digest") {
      docker { $0["0/layer.tar"] = layer("a", "2") }
    },
    Attack("a digest as a path", "digest") {
      oci {
        $0["index.json"] = Array(
          """
          {"schemaVersion":2,"manifests":[{"mediaType":"\(MediaType.ociManifest)","size":2,\
          "digest":"sha256:../../../../etc/passwd"}]}
          """.utf8)
      }
    },
    Attack("a size that lies", "descriptor says") {
      var parts = Parts()
      return leading(to: manifest([one], into: &parts), .ociManifest, size: 7)
    },
    Attack("a layer's size that lies", "descriptor says") {
      let config = config([one])
      var lie = descriptor(one, .ociLayer)
      lie.size += 1
      return leading(to: Manifest(config: descriptor(config, .ociConfig), layers: [lie]).jsonBytes(), .ociManifest)
    },
    Attack("a diffID that is another", "another digest") {
      let lie = config([layer("a", "2")])
      var parts = ociArchive([one], name: nil)
      let manifest = Manifest(config: descriptor(lie, .ociConfig), layers: [descriptor(one, .ociLayer)]).jsonBytes()
      for blob in [lie, manifest] { parts.add(blob: blob) }
      parts["index.json"] = Index(manifests: [descriptor(manifest, .ociManifest, name: "evil")]).jsonBytes()
      return parts.bytes
    },
  ]

  static let documents: [Attack] = [
    Attack("both an index and a manifest", "both an index and a manifest") {
      leading(
        to: Array(
          """
          {"schemaVersion":2,"manifests":[],"layers":[],"config":{"mediaType":"\(MediaType.ociConfig)",\
          "digest":"\(digest(config([one])))","size":1}}
          """.utf8), .ociManifest)
    },
    Attack("a manifest said to be an index", "where an index was expected") {
      var parts = Parts()
      return leading(to: manifest([one], into: &parts), .ociIndex)
    },
    Attack("indexes without an end", "without an end") {
      oci { parts in
        var inner = Index().jsonBytes()
        for _ in 0..<8 {
          parts.add(blob: inner)
          inner = Index(manifests: [descriptor(inner, .ociIndex)]).jsonBytes()
        }
        parts.add(blob: inner)
        parts["index.json"] = Index(manifests: [descriptor(inner, .ociIndex, name: "evil")]).jsonBytes()
      }
    },
    Attack("a config with fewer layers", "names 0 layers and has 1") {
      let config = config([])
      var parts = ociArchive([one], name: nil)
      let manifest = Manifest(config: descriptor(config, .ociConfig), layers: [descriptor(one, .ociLayer)]).jsonBytes()
      for blob in [config, manifest] { parts.add(blob: blob) }
      parts["index.json"] = Index(manifests: [descriptor(manifest, .ociManifest, name: "evil")]).jsonBytes()
      return parts.bytes
    },
    Attack("an artifact", "no image") {
      let empty = Array("{}".utf8)
      return leading(to: Manifest(config: descriptor(empty, .empty), layers: []).jsonBytes(), .ociManifest)
    },
    Attack("manifest.json that says another thing", "has an image that index.json has not") {
      oci { parts in
        let other = config([layer("b", "2")])
        parts.add(blob: other)
        parts.add(
          "manifest.json",
          Array(#"[{"Config":"blobs/sha256/\#(digest(other).hex)","RepoTags":["evil"],"Layers":[]}]"#.utf8))
      }
    },
    Attack("manifest.json with other layers", "disagree about the layers") {
      oci { parts in
        parts.add(
          "manifest.json",
          Array(#"[{"Config":"blobs/sha256/\#(digest(config([one])).hex)","RepoTags":["evil"],"Layers":[]}]"#.utf8))
      }
    },
    Attack("a name that is none", "is not a registry") {
      docker { parts in
        let text = String(decoding: parts["manifest.json"] ?? [], as: UTF8.self)
        parts["manifest.json"] = Array(text.replacing(#""evil""#, with: #""../evil""#).utf8)
      }
    },
    Attack("manifest.json of 5 MB", "at most") {
      docker { $0["manifest.json"] = Array("[".utf8) + [UInt8](repeating: 0x20, count: 5 << 20) }
    },
    Attack("manifest.json of brackets", "refused") {
      docker { $0["manifest.json"] = [UInt8](repeating: 0x5b, count: 4096) }
    },
    Attack("no image", "names no image") { docker { $0["manifest.json"] = Array("[]".utf8) } },
    Attack("no documents", "neither manifest.json nor index.json") { tar([(file("x"), [1])]) },
    Attack("another version of the layout", "imageLayoutVersion") {
      oci { $0["oci-layout"] = Array(#"{"imageLayoutVersion":"2.0.0"}"#.utf8) }
    },
  ]

  static let ends: [Attack] = [
    Attack("a missing layer", "is missing") { oci { $0[Path("blobs/sha256/\(digest(one).hex)")] = nil } },
    Attack("a missing layer of docker's", "is missing") { docker { $0["0/layer.tar"] = nil } },
    Attack("cut in a header", "ends in the middle") { Array(oci { _ in }.dropLast(1024 + 512 + 100)) },
    Attack("cut in a blob", "ends in the middle") { Array(oci { _ in }.prefix(1600)) },
    Attack("not a tar", "not an archive of images") { [UInt8](repeating: 0x41, count: 4096) },
    Attack("not a tar, and short", "not an archive of images") { Array("what is this".utf8) },
    Attack("not a tar, compressed", "not an archive of images") { gzip(Array("what is this".utf8)) },
    Attack("empty", "is empty") { [] },
    Attack("xz", "compressed by xz") { [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] + [UInt8](repeating: 0, count: 600) },
    Attack("gzip that is cut", "too early") { Array(gzip(oci { _ in }).dropLast(20)) },
    Attack("gzip and something else", "behind the gzip data") { gzip(oci { _ in }) + [0x41] },
    Attack("a layer that leads out", "..") {
      ociArchive([layer("../evil", "1")], name: "evil").bytes
    },
    Attack("a second layer that is no tar", "refused") {
      ociArchive([one, [UInt8](repeating: 0x41, count: 2048)], name: "evil").bytes
    },
  ]

  @Test(arguments: paths + digests + documents + ends, Way.allCases)
  func isRefusedAndLeavesNothing(attack: Attack, way: Way) throws {
    try withStore { store, scratch in
      do {
        let loaded = try store.load(bytes: attack.archive(), through: way)
        Issue.record("loaded \(loaded)")
      } catch let error as StoreError {
        let reason = way == .pipe ? attack.reason : attack.reasonInFile
        #expect("\(error.message) \(error.hint ?? "")".contains(reason), "\(error)")
      }
      #expect(try store.isEmpty())
      #expect(try entries(of: scratch).map(\.name) == ["state"])
    }
  }

  /// What was there before stays as it was. An archive that only lies about a blob that the store has in good order does no
  /// harm: its bytes are not read.
  @Test(arguments: Way.allCases) func theStoreKeepsWhatItHad(way: Way) throws {
    try withStore { store, _ in
      let good = try store.load(bytes: ociArchive([Self.one], name: "good").bytes, through: way)
      for attack in Self.digests + Self.ends { _ = try? store.load(bytes: attack.archive(), through: way) }
      #expect(try store.images().map(\.id) == good.map(\.id))
      #expect(try store.resolve("good").tags.contains("good:latest"))
      #expect(try store.blobs.digests().count == 3)
    }
  }

  /// What is unpacked before it is known whether it is wanted has the same caps, and is nobody's business if it is not.
  @Test(arguments: Way.allCases) func aBombIsRefusedWhereItIsWanted(way: Way) throws {
    try withStore { _, scratch in
      var options = UnpackOptions()
      options.decompression.outputSize = 100_000
      let store = try ImageStore(root: scratch.appending("capped"), options: options)
      let bomb = gzip(layer("zeros", String(repeating: "0", count: 200_000)))
      do {
        let loaded = try store.load(bytes: ociArchive([Self.one, bomb], name: "evil").bytes, through: way)
        Issue.record("loaded \(loaded)")
      } catch let error as StoreError { #expect(error.message.contains("becomes more than 100000 bytes"), "\(error)") }
      #expect(try store.isEmpty())
      for useless in [bomb, gzip(layer("../evil", "1")), gzip(layer("fine", "1"))] {
        let loaded = try store.load(
          bytes: Self.oci { $0.entries.insert((file("useless"), useless), at: 0) }, through: way)
        #expect(loaded.map(\.names) == [["evil:latest"]])
        #expect(try store.layers.digests() == [digest(Self.one)])
        #expect(try entries(of: scratch.appending("capped/layers/.work")).isEmpty)
      }
    }
  }
}
