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

  /// Large ones go past the page cache where the file system lets them, up to their last whole block.
  @Test(arguments: [3 << 20, (5 << 20) + 13]) func aLargeBlobIsWhatWasWritten(size: Int) throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
      var writer = try BlobWriter(store: store)
      for start in stride(from: 0, to: size, by: 70_001) { try writer.write(bytes[start..<min(size, start + 70_001)]) }
      let blob = try writer.finish(mediaType: .ociLayer)
      #expect(blob.size == size)
      #expect(blob.digest == SHA256.digest(of: bytes))
      _ = try store.read(blob, limit: size)
      do {
        var dropped = try BlobWriter(store: store)
        try dropped.write(bytes[...])
      }
      #expect(try entries(of: scratch.appending("ingest")).isEmpty)
    }
  }

  /// Kept in the middle, it goes on at a place that is no block of the disk.
  @Test func aLargeBlobIsTakenUpAnywhere() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      let bytes = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
      let blob = ContentDescriptor(mediaType: .ociLayer, digest: SHA256.digest(of: bytes), size: Int64(bytes.count))
      do {
        var writer = try BlobWriter(store: store, resuming: blob)
        try writer.write(bytes[..<2_000_003])
        try writer.keepForLater()
      }
      var writer = try BlobWriter(store: store, resuming: blob)
      while try !writer.takeUp().isEmpty {}
      #expect(writer.count == 2_000_003)
      try writer.write(bytes[2_000_003...])
      try writer.finish(expecting: blob)
      _ = try store.read(blob, limit: bytes.count)
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

  /// By a look at the bytes the same is found as by reading all of them, or nothing.
  @Test func aNameIsFoundWithoutReadingTheList() throws {
    try withScratch { scratch in
      let store = try BlobStore(root: scratch)
      let name = "org.opencontainers.image.ref.name"
      func entry(_ number: Int, _ text: String?) -> ContentDescriptor {
        var entry = ContentDescriptor(
          mediaType: .ociManifest, digest: SHA256.digest(of: Array("\(number)".utf8)), size: Int64(number))
        entry.annotations = ["a": #"{"mediaType":"x"} \ ""#, "z": "}{"]
        entry.annotations[name] = text
        return entry
      }
      let entries = [
        entry(1, "box:1"), entry(2, "box:10"), entry(3, nil), entry(2, "other:1"), entry(4, "ox:1"), entry(2, "last:1"),
      ]
      #expect(store.images(with: name, "box:1") == nil)
      try store.updateIndex { (index: inout Index) throws(StoreError) in
        index.manifests = entries
        index.annotations = [name: "whole:1"]
      }
      #expect(store.images(with: name, "box:1")?.manifests == [entries[0]])
      #expect(store.images(with: name, "box:10")?.manifests == [entries[1], entries[3], entries[5]])
      #expect(store.images(with: name, "last:1")?.manifests == [entries[5], entries[1], entries[3]])
      #expect(store.images(with: name, "ox:1")?.manifests == [entries[4]])
      #expect(store.images(with: name, "whole:1") == nil)
      #expect(store.images(with: name, "box:") == nil && store.images(with: name, "nothing") == nil)
      // As another tool may write it: not found, and so read.
      let file = URL(filePath: "\(scratch)/index.json")
      let written = try String(contentsOf: file, encoding: .utf8)
      try Data(written.replacing("\":\"box", with: "\": \"box").utf8).write(to: file)
      #expect(store.images(with: name, "box:1") == nil && store.indexContains("box:1"))
      // Cut at every place: nothing is made up.
      for length in stride(from: 0, to: written.utf8.count, by: 7) {
        try Data(written.utf8.prefix(length)).write(to: file)
        if let found = store.images(with: name, "box:1") { #expect(found.manifests == [entries[0]]) }
      }
    }
  }
}
