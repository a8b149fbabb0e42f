import Blobs
import Foundation
import Hashing
import ImageSpec
import JSON
import Kernel
import Testing

private func withScratch<Result>(_ body: (Path) throws -> Result) throws -> Result {
  let directory = FileManager.default.temporaryDirectory.appending(path: "skiff-blobs-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: directory) }
  return try body(Path(directory.path))
}

@Suite struct BlobStoreTests {
  @Test func aLayoutThatAnotherToolWroteIsWrittenToo() throws {
    try withScratch { scratch in
      let root = scratch.appending("images")
      for name in ["", "blobs", "blobs/sha256"] { try makeDirectory(root.appending(name), mode: 0o755) }
      try replaceFile(root.appending("oci-layout"), with: Array(#"{ "imageLayoutVersion": "1.0.0" }"#.utf8))
      let blob = try BlobStore(root: root).put(Array("hello".utf8), mediaType: .ociConfig)
      #expect(try BlobStore(root: root).read(blob) == Array("hello".utf8))
      #expect(try readText(root.appending("oci-layout")) == #"{ "imageLayoutVersion": "1.0.0" }"#)
    }
  }

  @Test func whatIsPutCanBeRead() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch.appending("images"))
      let blob = try store.put(Array("hello".utf8), mediaType: .ociConfig)
      #expect(blob.digest.description == "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
      #expect(blob.size == 5)
      #expect(try store.put(Array("hello".utf8), mediaType: .ociConfig) == blob)
      #expect(try store.read(blob) == Array("hello".utf8))
      #expect(try BlobStore(root: scratch.appending("images")).contains(blob.digest))
      #expect(try status(of: store.root).mode == 0o700)
      try store.remove(blob.digest)
      try store.remove(blob.digest)
      #expect(throws: StoreError.self) { try store.read(blob) }
    }
  }

  @Test func aWriterStreamsAndLeavesNothingWhenDropped() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      let piece = [UInt8](repeating: 7, count: 100_000)
      var writer = try BlobWriter(store: store)
      for _ in 0..<30 { try writer.write(piece[...]) }
      let blob = try writer.finish(mediaType: .ociLayer)
      #expect(blob.size == 3_000_000)
      #expect(try store.read(blob) == [UInt8](repeating: 7, count: 3_000_000))
      do {
        var dropped = try BlobWriter(store: store)
        try dropped.write(piece[...])
      }
      #expect(try entries(of: scratch.appending("ingest")).isEmpty)
      #expect(try entries(of: scratch.appending("blobs/sha256")).count == 1)
    }
  }

  @Test func damageIsSeen() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      let blob = try store.put(Array("hello".utf8), mediaType: .ociConfig)
      try Data("jello".utf8).write(to: URL(filePath: store.path(of: blob.digest).string))
      #expect(throws: StoreError.self) { try store.read(blob) }
      try Data("hello!".utf8).write(to: URL(filePath: store.path(of: blob.digest).string))
      #expect(throws: StoreError.self) { try store.open(blob) }
      try removeFile(store.path(of: blob.digest))
      try makeSymbolicLink(store.path(of: blob.digest), to: "/etc/passwd")
      #expect(throws: StoreError.self) { try store.open(blob) }
      var huge = blob
      huge.size = 1 << 40
      #expect(throws: StoreError.self) { try store.read(huge) }
    }
  }

  /// What a killed writer left is taken away; what a living one holds is not.
  @Test func healingLeavesTheLivingAlone() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      try Data("left".utf8).write(to: URL(filePath: "\(scratch)/ingest/1.2.3"))
      try store.updateIndex { (index: inout Index) throws(StoreError) in index.annotations["a"] = "b" }
      try Data("left".utf8).write(to: URL(filePath: "\(scratch)/index.json.77.new"))
      var writer = try BlobWriter(store: store)
      try writer.write([1, 2, 3])
      store.heal()
      #expect(!exists(scratch.appending("index.json.77.new")))
      #expect(try store.index().annotations == ["a": "b"])
      #expect(try entries(of: scratch.appending("ingest")).count == 1)
      #expect(try store.read(writer.finish(mediaType: .ociLayer)) == [1, 2, 3])
    }
  }

  @Test func theIndexIsChangedOneAtATime() async throws {
    let scratch = Path(FileManager.default.temporaryDirectory.appending(path: "skiff-index-\(UUID().uuidString)").path)
    defer { try? removeTree(scratch) }
    let store = try BlobStore(root: scratch)
    #expect(try store.index() == Index())
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for round in 0..<25 {
            let digest = SHA256.digest(of: Array("\(task).\(round)".utf8))
            try? store.updateIndex { (index: inout Index) throws(StoreError) in
              index.manifests.append(ContentDescriptor(mediaType: .ociManifest, digest: digest, size: 1))
            }
          }
        }
      }
    }
    #expect(Set(try store.index().manifests.map(\.digest)).count == 200)
  }

  @Test func aChangeThatThrowsChangesNothing() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      #expect(throws: StoreError.self) {
        try store.updateIndex { (index: inout Index) throws(StoreError) in
          index.annotations["a"] = "b"
          throw StoreError(.conflict, "no")
        }
      }
      #expect(try store.index() == Index())
      try Data("{".utf8).write(to: URL(filePath: "\(scratch)/index.json"))
      #expect(throws: StoreError.self) { try store.index() }
    }
  }

  @Test func aStoreThatCannotBeMadeSaysSo() throws {
    try withScratch { scratch in
      try Data().write(to: URL(filePath: "\(scratch)/file"))
      #expect(throws: StoreError.self) { try BlobStore(root: scratch.appending("file/images")) }
    }
  }
}
