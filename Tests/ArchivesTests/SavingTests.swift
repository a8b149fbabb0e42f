import Archives
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

@Suite(.enabled(if: isRoot, needsRoot)) struct SavingTests {
  private func save(_ store: ImageStore, _ words: [String], _ format: SaveFormat, to path: Path) throws -> [UInt8] {
    let file = try open(path, [.writeOnly, .create, .truncate], mode: 0o600)
    try store.save(store.imagesToSave(words), as: format, to: file.borrowed)
    return try readFile(path, limit: 1 << 24)
  }

  private func withImages(_ body: (ImageStore, Path) throws -> Void) throws {
    try withStore { store, scratch in
      _ = try store.load(bytes: ociArchive([layer("a", "1"), layer("b", "2")], name: "web:1").bytes)
      _ = try store.load(bytes: dockerArchive([layer("a", "1")], names: ["other"]).bytes)
      try store.tag(store.find("web:1"), as: Reference("web:2"))
      try body(store, scratch)
    }
  }

  @Test(arguments: [SaveFormat.dockerArchive, .ociArchive])
  func whatIsSavedIsLoadedWithTheSameDigests(format: SaveFormat) throws {
    try withImages { store, scratch in
      let bytes = try save(store, ["web", "other"], format, to: scratch.appending("x.tar"))
      #expect(try save(store, ["web", "other"], format, to: scratch.appending("y.tar")) == bytes)
      let second = try ImageStore(root: scratch.appending("second"))
      let loaded = try second.load(bytes: bytes)
      #expect(loaded.map(\.names) == [["web:1", "web:2"], ["other:latest"]])
      let (mine, theirs) = (try store.images(), try second.images())
      #expect(theirs.map(\.manifestDigest) == mine.map(\.manifestDigest))
      let blobs = try store.blobs.digests()
      #expect(try second.blobs.digests() == blobs)
    }
  }

  @Test func aDirectoryIsALayout() throws {
    try withImages { store, scratch in
      let layout = scratch.appending("layout")
      try store.save(store.imagesToSave(["web:2"]), toDirectory: layout)
      do {
        try store.save(store.imagesToSave(["web:2"]), toDirectory: layout)
        Issue.record("a directory that holds something was written")
      } catch let error as StoreError { #expect(error.hint?.contains("new or empty") == true) }
      let second = try ImageStore(root: scratch.appending("second"))
      #expect(try second.load(layout: layout).map(\.names) == [["web:2"]])
      let mine = try store.find("web:2").manifestDigest
      #expect(try second.find("web:2").manifestDigest == mine)
    }
  }

  @Test func wordsMeanWhatDockerMeans() throws {
    try withImages { store, _ in
      func names(_ words: String...) throws(StoreError) -> [[String]] {
        try store.imagesToSave(words).map { $0.names.map(\.familiar) }
      }
      #expect(try names("web") == [["web:1", "web:2"]])
      #expect(try names("docker.io/library/web") == [["web:1", "web:2"]])
      #expect(try names("web:2") == [["web:2"]])
      let identifier = try store.find("web:1").id.short
      #expect(try names(identifier) == [[]])
      #expect(try names("web:2", "other", "web:1") == [["web:2", "web:1"], ["other:latest"]])
      #expect(throws: StoreError.self) { try names("web:3") }
      #expect(throws: StoreError.self) { try names("nothing") }
    }
  }

  /// A blob that rotted on the disk does not leave as if it were whole.
  @Test func aDamagedBlobIsNoticed() throws {
    try withImages { store, scratch in
      let blob = try store.find("web:1").manifest.layers[1]
      try replaceFile(store.blobs.path(of: blob.digest), with: [UInt8](repeating: 0, count: Int(blob.size)))
      do {
        _ = try save(store, ["web:1"], .ociArchive, to: scratch.appending("x.tar"))
        Issue.record("saved")
      } catch let error as StoreError { #expect(error.kind == .damaged) }
    }
  }
}
