import Archive
import Archives
import Blobs
import Foundation
import Hashing
import ImageSpec
import JSON
import Kernel
import Layers
import Testing

let isRoot = geteuid() == 0

/// Owners of unpacked files are root's to set.
let needsRoot: Comment = "needs root"

func withStore(_ body: (ImageStore, Path) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appending(path: "sa-\(UUID().uuidString.prefix(8))")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let scratch = Path(folder.path)
  defer { try? removeTree(scratch) }
  try body(try ImageStore(root: scratch.appending("state")), scratch)
}

// MARK: - Archives by hand

func tar(_ entries: [(TarEntry, [UInt8])]) -> [UInt8] {
  var bytes: [UInt8] = []
  for (entry, contents) in entries {
    var entry = entry
    entry.size = entry.kind == .regular ? contents.count : 0
    bytes += entry.headerBlocks() + contents + [UInt8](repeating: 0, count: Tar.padding(after: entry.size))
  }
  return bytes + Tar.end
}

func file(_ path: Path) -> TarEntry { TarEntry(path: path, kind: .regular, mode: 0o644) }

/// A layer of one file.
func layer(_ name: Path, _ text: String) -> [UInt8] { tar([(file(name), Array(text.utf8))]) }

func digest(_ bytes: [UInt8]) -> Digest { SHA256.digest(of: bytes) }

/// The files of an archive, in an order, to be spoiled by a test.
struct Parts {
  var entries: [(TarEntry, [UInt8])] = []

  mutating func add(_ path: Path, _ bytes: [UInt8]) { entries.append((file(path), bytes)) }
  mutating func add(blob bytes: [UInt8]) { add(Path("blobs/sha256/\(digest(bytes).hex)"), bytes) }

  subscript(path: Path) -> [UInt8]? {
    get { entries.first { $0.0.path == path }?.1 }
    set {
      entries.removeAll { $0.0.path == path }
      if let newValue { add(path, newValue) }
    }
  }

  var bytes: [UInt8] { tar(entries) }
}

func config(_ layers: [[UInt8]], _ platform: Platform = .host) -> [UInt8] {
  var config = ImageConfig(platform: platform)
  config.diffIDs = layers.map(digest)
  config.config.cmd = ["/x"]
  return config.jsonBytes()
}

func descriptor(
  _ bytes: [UInt8], _ type: MediaType, name: String? = nil, platform: Platform? = nil
) -> ContentDescriptor {
  ContentDescriptor(
    mediaType: type, digest: digest(bytes), size: Int64(bytes.count),
    annotations: name.map { ["org.opencontainers.image.ref.name": $0] } ?? [:], platform: platform)
}

/// A manifest with its blobs added.
func manifest(_ layers: [[UInt8]], _ platform: Platform = .host, into parts: inout Parts) -> [UInt8] {
  let config = config(layers, platform)
  let manifest = Manifest(
    config: descriptor(config, .ociConfig), layers: layers.map { descriptor($0, .ociLayer) }
  ).jsonBytes()
  for blob in [config, manifest] + layers { parts.add(blob: blob) }
  return manifest
}

func ociArchive(_ layers: [[UInt8]], name: String?) -> Parts {
  var parts = Parts()
  parts.add("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
  let manifest = manifest(layers, into: &parts)
  parts.add("index.json", Index(manifests: [descriptor(manifest, .ociManifest, name: name)]).jsonBytes())
  return parts
}

/// As docker wrote them before version 25: the second layer is a link when it is the first one again.
func dockerArchive(_ layers: [[UInt8]], names: [String]) -> Parts {
  var parts = Parts()
  var paths: [String] = []
  for (number, bytes) in layers.enumerated() {
    let path = Path("\(number)/layer.tar")
    paths.append(path.string)
    if let first = layers.firstIndex(of: bytes), first < number {
      parts.entries.append(
        (TarEntry(path: path, kind: .symbolicLink(target: "../\(first)/layer.tar"), mode: 0o777), []))
    } else {
      parts.add(path, bytes)
    }
  }
  let config = config(layers)
  parts.add(Path("\(digest(config).hex).json"), config)
  parts.add("repositories", Array("{}".utf8))
  let list: JSONValue = [
    [
      "Config": .string("\(digest(config).hex).json"),
      "RepoTags": names.isEmpty ? .null : .array(names.map(JSONValue.string)),
      "Layers": .array(paths.map(JSONValue.string)),
    ]
  ]
  parts.add("manifest.json", list.jsonBytes())
  return parts
}

// MARK: - In and out

/// By gzip(1), zstd(1): what other programs wrote.
func filter(_ bytes: [UInt8], through program: String) -> [UInt8] {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = [program, "-c"]
  let (input, output) = (Pipe(), Pipe())
  process.standardInput = input
  process.standardOutput = output
  guard (try? process.run()) != nil else { return [] }
  let writer = input.fileHandleForWriting
  Thread.detachNewThread {
    try? writer.write(contentsOf: Data(bytes))
    try? writer.close()
  }
  let result = (try? output.fileHandleForReading.readToEnd()) ?? nil
  process.waitUntilExit()
  return Array(result ?? Data())
}

func gzip(_ bytes: [UInt8]) -> [UInt8] { filter(bytes, through: "gzip") }

/// How an archive is read.
enum Way: String, CaseIterable, Sendable {
  /// Forward only, as `load` reads standard input.
  case pipe
  /// Anywhere, several layers at once.
  case file
}

extension ImageStore {
  func load(bytes: [UInt8], _ choice: ImageChoice = ImageChoice(), through way: Way) throws -> [LoadedImage] {
    guard way == .file else { return try load(bytes: bytes, choice) }
    let file = try makeMemoryFile("archive")
    // Something else may stand before it, as in `{ read LINE; skiff load; } < FILE`.
    try file.borrowed.write(Array("a line\n".utf8) + bytes)
    try file.borrowed.seek(to: 7)
    return try load(archive: file.borrowed, choice)
  }

  /// From a pipe.
  func load(bytes: [UInt8], _ choice: ImageChoice = ImageChoice()) throws -> [LoadedImage] {
    let pipe = Pipe()
    let writer = pipe.fileHandleForWriting
    Thread.detachNewThread {
      // Who reads may have had enough. Blocked in this thread alone: ignored, it would be so in every program that other
      // tests start meanwhile.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      try? writer.write(contentsOf: Data(bytes))
      try? writer.close()
    }
    let file = try open(Path("/proc/self/fd/\(pipe.fileHandleForReading.fileDescriptor)"), .readOnly)
    return try load(archive: file.borrowed, choice)
  }

  /// Whether nothing of any image is in the store, not even half of one.
  func isEmpty() throws -> Bool {
    let ingest = try entries(of: blobs.root.appending("ingest"))
    return try images().isEmpty && blobs.index().manifests.isEmpty && blobs.digests().isEmpty
      && layers.digests().isEmpty && ingest.isEmpty
  }
}

extension ImageStore {
  /// Where no container stands on anything.
  func load(archive file: BorrowedDescriptor, _ choice: ImageChoice = ImageChoice()) throws(StoreError) -> [LoadedImage]
  {
    try load(archive: file, choice, keeping: { [] })
  }

  func load(layout path: Path, _ choice: ImageChoice = ImageChoice()) throws(StoreError) -> [LoadedImage] {
    try load(layout: path, choice, keeping: { [] })
  }
}
