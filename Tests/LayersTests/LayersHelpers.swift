import Archive
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

let isRoot = geteuid() == 0

/// Devices, owners, trusted attributes and overlay mounts are root's alone.
let needsRoot: Comment = "needs root"

/// - Parameter inMemory: on a tmpfs, where a thousand fsyncs cost nothing.
func withScratch<Result>(inMemory: Bool = false, _ body: (Path) throws -> Result) throws -> Result {
  let memory = URL(filePath: "/dev/shm")
  let isThere = inMemory && FileManager.default.isWritableFile(atPath: memory.path)
  let directory = (isThere ? memory : FileManager.default.temporaryDirectory).appending(
    path: "sl-\(UUID().uuidString.prefix(8))")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  let path = Path(directory.path)
  defer { try? removeTree(path) }
  return try body(path)
}

@discardableResult
func sh(_ script: String) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: "/bin/sh")
  process.arguments = ["-ec", script]
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  try process.run()
  let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  process.waitUntilExit()
  #expect(process.terminationStatus == 0, "\(script): \(output)")
  return output
}

/// Everything that a layer keeps of a tree, a line for each name.
func listing(_ tree: Path) throws -> String {
  try sh(
    """
    cd \(tree); find . -printf '%p %y %#m %U:%G %l %s\\n' | awk '{ if ($2 == "d") $NF = ""; print }' | LC_ALL=C sort
    find . -type f -links +1 -printf '%i %p\\n' | sort -k2 | awk '{ if (!($1 in n)) n[$1] = ++c; print n[$1], $2 }'
    find . ! -type d -printf '%p %T@\\n' | LC_ALL=C sort; find . -type d -printf '%p %T@\\n' | LC_ALL=C sort
    find . -type f -exec sha256sum {} + | LC_ALL=C sort -k2
    find . -type b -o -type c | LC_ALL=C sort | xargs -r stat -c '%n %t %T'
    getfattr -R -h -d -m - . 2>/dev/null | grep -v '^$' || true
    """)
}

/// Puts an archive into the store and unpacks it as a layer.
func unpack(_ tar: [UInt8], in store: ImageStore) throws -> Path {
  let blob = try store.blobs.put(tar, mediaType: .ociLayer)
  try store.layers.unpack(blob, diffID: blob.digest, from: store.blobs)
  return store.layers.path(of: blob.digest)
}

func archive(_ entries: (TarEntry, String)...) -> [UInt8] {
  var bytes: [UInt8] = []
  for (entry, contents) in entries {
    var entry = entry
    entry.size = entry.kind == .regular ? contents.utf8.count : 0
    bytes += entry.headerBlocks() + contents.utf8 + [UInt8](repeating: 0, count: Tar.padding(after: entry.size))
  }
  return bytes + Tar.end
}

func file(_ path: Path, mode: FileMode = 0o644) -> TarEntry { TarEntry(path: path, kind: .regular, mode: mode) }
func directory(_ path: Path, mode: FileMode = 0o755) -> TarEntry { TarEntry(path: path, kind: .directory, mode: mode) }
func link(_ path: Path, to target: Path) -> TarEntry {
  TarEntry(path: path, kind: .symbolicLink(target: target), mode: 0o777)
}
func hardLink(_ path: Path, to target: Path) -> TarEntry {
  TarEntry(path: path, kind: .hardLink(target: target), mode: 0o644)
}

/// A small image from a shell script that fills the current directory.
func image(_ script: String, named name: String, in store: ImageStore, _ scratch: Path) throws -> Image {
  let tree = scratch.appending("tree-\(UUID().uuidString.prefix(8))")
  try sh("mkdir \(tree); cd \(tree); \(script)")
  return try store.createImage(fromTree: tree, reference: Reference(name), config: ImageConfig(), createdBy: "test")
}

/// Runs a script in a directory where an overlay is mounted that nobody else sees; gives the upper directory.
func change(_ image: Image, _ scratch: Path, _ script: String, after: String = "true") throws -> (
  upper: Path, merged: String
) {
  let run = scratch.appending("run-\(UUID().uuidString.prefix(8))")
  let lower = image.lowerdirs.map(\.string).joined(separator: ":")
  let merged = try sh(
    """
    mkdir -p \(run)/upper \(run)/work \(run)/merged; chmod --reference=\(image.lowerdirs[0]) \(run)/upper
    unshare -m sh -ec 'mount -t overlay -o lowerdir=\(lower),upperdir=\(run)/upper,workdir=\(run)/work,redirect_dir=nofollow,metacopy=off none \(run)/merged
    cd \(run)/merged; \(script.replacing("'", with: "'\\''"))
    find . -printf "%p %y %#m %U:%G %l\\n" | LC_ALL=C sort; find . -type f -exec sha256sum {} + | LC_ALL=C sort -k2'
    """)
  return (run.appending("upper"), merged)
}
