import Archive
import Blobs
import Compression
import Foundation
import Hashing
import ImageSpec
import Kernel
import Layers
import Testing

@Suite(.enabled(if: isRoot, needsRoot), .serialized) struct IntakeTests {
  private static let sample = archive(
    (directory("d"), ""), (file("d/f"), String(repeating: "contents ", count: 100_000)), (link("l", to: "d/f"), ""))

  /// Through gzip(1), which makes a large enough head start for a reader to fall behind.
  private func compressed() throws -> [UInt8] {
    try withScratch(inMemory: true) { scratch in
      try replaceFile(scratch.appending("tar"), with: Self.sample)
      try sh("gzip -c \(scratch)/tar > \(scratch)/tar.gz")
      return try readFile(scratch.appending("tar.gz"))
    }
  }

  private func take(
    _ bytes: [UInt8], _ expected: LayerExpectation = LayerExpectation(), piece: Int = 10_000, into store: ImageStore
  ) throws -> TakenLayer {
    var intake = try LayerIntake(into: store, expecting: expected)
    for start in stride(from: 0, to: bytes.count, by: piece) {
      try intake.write(bytes[start..<min(start + piece, bytes.count)])
    }
    return try intake.finish()
  }

  /// Everything below the store's directory, blobs and trees and what is on its way to be one.
  private func contents(_ state: Path) throws -> String {
    try sh(
      "cd \(state); find . -mindepth 1 \\( -path './images/*' -o -path './layers/*' -o -path './l/*' \\) ! -name '*.lock' | LC_ALL=C sort"
    )
  }

  @Test(arguments: [1 << 20, 4096, 777])
  func aLayerIsBlobAndTreeAtOnce(_ piece: Int) throws {
    try LayerThreads.mark()
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let bytes = try compressed()
      let diffID = SHA256.digest(of: Self.sample)
      let taken = try take(bytes, piece: piece, into: store)
      #expect(taken.diffID == diffID)
      #expect(
        taken.blob
          == ContentDescriptor(mediaType: .ociLayerGzip, digest: SHA256.digest(of: bytes), size: Int64(bytes.count)))
      #expect(try store.blobs.read(taken.blob) == bytes)
      #expect(try readText(store.layers.path(of: diffID).appending("d/f")).hasPrefix("contents contents"))
      // Again, as it was said to be: nothing changes.
      let before = try contents(scratch.appending("state"))
      var described = taken.blob
      described.mediaType = .dockerLayerGzip
      let again = try take(bytes, LayerExpectation(blob: described, diffID: diffID), into: store)
      #expect(again.blob == described)
      #expect(try contents(scratch.appending("state")) == before)
      #expect(try take(Self.sample, into: store).blob.mediaType == .ociLayer)
      #expect(try layerThreads() == [])
    }
  }

  @Test func whatIsNotWhatItWasSaidToBeIsNotTaken() throws {
    try LayerThreads.mark()
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let before = try contents(scratch.appending("state"))
      let bytes = try compressed()
      let other = SHA256.digest(of: [1])
      func expectation(_ digest: Digest, _ size: Int, _ type: MediaType = .ociLayerGzip) -> LayerExpectation {
        LayerExpectation(blob: ContentDescriptor(mediaType: type, digest: digest, size: Int64(size)))
      }
      let own = SHA256.digest(of: bytes)
      for expected in [
        expectation(other, bytes.count), expectation(own, bytes.count - 1), expectation(own, bytes.count + 1),
        expectation(own, bytes.count, .ociConfig), LayerExpectation(diffID: other),
      ] {
        #expect(throws: StoreError.self) { try take(bytes, expected, into: store) }
        #expect(try contents(scratch.appending("state")) == before)
      }
      #expect(throws: StoreError.self) { try take(Array(bytes.dropLast(9)), into: store) }
      #expect(try contents(scratch.appending("state")) == before)
      #expect(try layerThreads() == [])
    }
  }

  @Test func aDroppedIntakeLeavesNothing() throws {
    try LayerThreads.mark()
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let before = try contents(scratch.appending("state"))
      for count in [0, 1, 5000, 400_000] {
        do {
          var intake = try LayerIntake(into: store)
          try intake.write(Self.sample[..<count])
          // A blob that is more than a buffer has one of its own.
          let threads = count > 1 << 18 ? 5 : 4
          // Each names itself when it begins.
          for _ in 0..<500 where try layerThreads().count < threads { usleep(10_000) }
          #expect(try layerThreads().count == threads)
        }
        #expect(try layerThreads() == [])
        #expect(try contents(scratch.appending("state")) == before)
      }
    }
  }

  /// Whoever pushes is told while there is more to come, and not only at the end.
  @Test func aFailureIsSeenWhileBytesStillCome() throws {
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var intake = try LayerIntake(into: store)
      let bad = [UInt8](repeating: 7, count: 1 << 16)
      let error = #expect(throws: StoreError.self) {
        for _ in 0..<1000 { try intake.write(bad[...]) }
      }
      #expect(error?.message.contains("not a tar archive") == true, "\(error?.message ?? "")")
    }
  }

  /// A file system of four megabytes for the store: it fills in the middle of the layer.
  @Test func aFullDiskLeavesTheStoreAsItWas() throws {
    try withScratch(inMemory: true) { scratch in
      let state = scratch.appending("state")
      try sh("mkdir \(state); mount -t tmpfs -o size=4m none \(state)")
      defer { _ = try? sh("umount -l \(state)") }
      let store = try ImageStore(root: state)
      _ = try take(Self.sample, into: store)
      let before = try contents(state)
      let big = archive((directory("d"), ""), (file("d/f"), String(repeating: "0123456789abcdef", count: 400_000)))
      for attempt in 0..<2 {
        let bytes =
          attempt == 0
          ? big
          : try withScratch(inMemory: true) { scratch in
            try replaceFile(scratch.appending("tar"), with: big)
            try sh("gzip -c \(scratch)/tar > \(scratch)/tar.gz")
            return try readFile(scratch.appending("tar.gz"))
          }
        let error = #expect(throws: StoreError.self) { try take(bytes, into: store) }
        #expect(error?.fault?.errno == .noSpace, "\(error?.message ?? "")")
        #expect(try contents(state) == before)
        #expect(try layerThreads() == [])
      }
    }
  }

  /// As kill -9 would end it, between any two steps of putting a layer in place: the next command finds no half of one.
  @Test(arguments: 0...5)
  func aKilledIntakeLeavesNothingThatLooksLikeALayer(_ step: Int) async throws {
    let scratch = Path("/dev/shm/sl-kill-\(UUID().uuidString.prefix(8))")
    try makeDirectory(scratch, mode: 0o700)
    defer { try? removeTree(scratch) }
    try replaceFile(scratch.appending("step"), with: Array("\(step)".utf8))
    try replaceFile(Path("/dev/shm/sl-kill-current"), with: Array(scratch.bytes))
    defer { try? removeFile("/dev/shm/sl-kill-current") }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      let scratch = try readText("/dev/shm/sl-kill-current")
      setenv("SKIFF_KILL_AT", "layer:\(try readText(Path("\(scratch)/step")))", 1)
      let store = try ImageStore(root: Path("\(scratch)/state"))
      var intake = try LayerIntake(into: store)
      try intake.write(IntakeTests.sample[...])
      _ = try intake.finish()
    }
    let store = try ImageStore(root: scratch.appending("state"))
    store.heal()
    #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
    #expect(try entries(of: scratch.appending("state/images/ingest")).isEmpty)
    let diffID = SHA256.digest(of: Self.sample)
    // The tree is whole or not there, and so is the blob; the tree is first.
    #expect(store.layers.contains(diffID) == (step >= 2))
    #expect(store.blobs.contains(diffID) == (step == 5))
    if step >= 2 {
      #expect(try readFile(store.layers.path(of: diffID).appending("d/f")).count == 900_000)
    }
    // And taken again, it is as if nothing had happened.
    let taken = try take(Self.sample, LayerExpectation(diffID: diffID), into: store)
    #expect(try store.blobs.read(taken.blob) == Self.sample)
    #expect(store.layers.lowerdirs(of: [diffID]).map(\.string) == ["\(scratch)/state/l/\(diffID.hex.prefix(8))"])
  }
}

/// In processes of their own: a mask belongs to all threads, and other tests make files meanwhile.
@Suite struct FileModeMaskTests {
  private static func mask() -> FileMode {
    let mask = setFileModeMask(0o022)
    setFileModeMask(mask)
    return mask
  }

  @Test func isTheProcesssAgainWhenTheLastIsDone() async {
    await #expect(processExitsWith: .success) {
      setFileModeMask(0o027)
      try FileModeMask.suspended(isolates: false) { () throws(StoreError) in
        try FileModeMask.suspended(isolates: false) { () throws(StoreError) in
          precondition(FileModeMaskTests.mask() == [])
        }
        precondition(FileModeMaskTests.mask() == [])
      }
      precondition(FileModeMaskTests.mask() == 0o027)
      do throws(StoreError) {
        try FileModeMask.suspended(isolates: false) { () throws(StoreError) in
          throw StoreError(.host, "on purpose")
        }
        preconditionFailure("the error was lost")
      } catch { precondition(FileModeMaskTests.mask() == 0o027) }
    }
  }

  @Test func isTheThreadsOwnWhereItCanBe() async {
    await #expect(processExitsWith: .success) {
      setFileModeMask(0o027)
      let inside = Monitor<FileMode?>(nil)
      let thread = try Thread("skiff-mask") {
        try? FileModeMask.suspended { () throws(StoreError) in
          inside.update { $0 = FileModeMaskTests.mask() }
        }
      }
      thread.join()
      precondition(inside.update { $0 } == .some([]))
      precondition(FileModeMaskTests.mask() == 0o027)
    }
  }
}
