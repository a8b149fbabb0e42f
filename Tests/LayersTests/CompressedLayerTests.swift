import Archive
import Blobs
import Compression
import Foundation
import Hashing
import ImageSpec
import Kernel
import Layers
import Synchronization
import Testing

/// A blob in the store from the standard output of a shell script.
func blob(_ script: String, _ type: MediaType, in store: ImageStore) throws -> ContentDescriptor {
  try withScratch(inMemory: true) { scratch in
    try sh("{ \(script); } > \(scratch)/out")
    return try store.blobs.put(try readFile(scratch.appending("out"), limit: 1 << 28), mediaType: type)
  }
}

/// Threads that work on layers and come from the one that marked itself: other tests of this process have theirs at the same time.
func layerThreads() throws -> [String] {
  let mark = try readText(Path("/proc/\(try LayerThreads.own)/timerslack_ns"))
  return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { thread -> String? in
    // One that ended meanwhile has neither.
    guard (try? readText(Path("/proc/\(thread)/timerslack_ns"))) == mark,
      let name = try? readText(Path("/proc/self/task/\(thread)/comm"))
    else { return nil }
    return name.trimmingCharacters(in: .newlines)
  }.filter { ["skiff-inflate", "skiff-hash", "skiff-write", "skiff-disk", "skiff-blob", "skiff-layer"].contains($0) }
}

enum LayerThreads {
  private static let marks = Mutex(UInt64(50_001))
  fileprivate static var own: Substring {
    get throws { try readSymbolicLink("/proc/thread-self").string.split(separator: "/").last ?? "" }
  }

  /// Gives this thread a timer slack that no other has; a thread inherits its maker's (prctl(2), PR_SET_TIMERSLACK). The next test
  /// on this thread takes another.
  static func mark() throws {
    let mark = marks.withLock { mark in
      mark += 1
      return mark
    }
    let file = try open(Path("/proc/\(try own)/timerslack_ns"), .writeOnly)
    try file.borrowed.write("\(mark)")
  }
}

@Suite(.enabled(if: isRoot, needsRoot), .serialized) struct CompressedLayerTests {
  private static let fill = """
    mkdir -p a/b; printf hello > a/b/hello; ln a/b/hello same; ln -s a/b link; seq 200000 > numbers
    head -c 3000000 /dev/urandom > random; : > empty; mkfifo pipe; touch -d @1000000000.123456789 a/b/hello a .
    """

  private func withTree(_ body: (ImageStore, Path, Digest) throws -> Void) throws {
    try LayerThreads.mark()
    try withScratch(inMemory: true) { scratch in
      try sh(
        "mkdir \(scratch)/tree; cd \(scratch)/tree; \(Self.fill); tar --format=posix --sort=name --pax-option=delete=atime,delete=ctime -cf ../tree.tar ."
      )
      let digest = SHA256.digest(of: try readFile(scratch.appending("tree.tar"), limit: 1 << 28))
      try body(try ImageStore(root: scratch.appending("state")), scratch, digest)
    }
  }

  @Test(arguments: [
    ("cat", MediaType.ociLayer), ("gzip -c", .ociLayerGzip), ("zstd -qc", .ociLayerZstd), ("gzip -c", .dockerLayerGzip),
    // Types that lie are common in registries; the bytes count.
    ("zstd -qc", .ociLayerGzip), ("cat", .dockerLayerGzip), ("gzip -c", .dockerLayer),
  ])
  func everyCompressionGivesTheSameTree(_ program: String, _ type: MediaType) throws {
    guard program != "zstd -qc" || FileManager.default.isExecutableFile(atPath: "/usr/bin/zstd") else {
      try Test.cancel("no zstd here")
    }
    try withTree { store, scratch, diffID in
      let layer = try blob("\(program) < \(scratch)/tree.tar", type, in: store)
      try store.layers.unpack(layer, diffID: diffID, from: store.blobs)
      #expect(try listing(store.layers.path(of: diffID)) == listing(scratch.appending("tree")))
      #expect(try layerThreads() == [])
    }
  }

  /// Of more than 64 MB: the disk begins with it while more comes.
  @Test func aLargeLayerIsWrittenOutMeanwhile() throws {
    try LayerThreads.mark()
    try withScratch { scratch in
      try sh(
        "mkdir \(scratch)/tree; cd \(scratch)/tree; for n in 1 2 3 4 5; do yes $n | head -c 40000000 > $n; done; tar --format=posix --pax-option=delete=atime,delete=ctime -cf ../tree.tar ."
      )
      let store = try ImageStore(root: scratch.appending("state"))
      let sum = try sh("sha256sum < \(scratch)/tree.tar | cut -c 1-64").trimmingCharacters(in: .newlines)
      let diffID = try #require(Digest(hex: sum))
      let layer = try blob("gzip -1c < \(scratch)/tree.tar", .ociLayerGzip, in: store)
      try store.layers.unpack(layer, diffID: diffID, from: store.blobs)
      #expect(try listing(store.layers.path(of: diffID)) == listing(scratch.appending("tree")))
      try sh("diff -r \(scratch)/tree \(store.layers.path(of: diffID))")
      // The same, cut behind what is on the disk already.
      let cut = try blob("head -c 150000000 \(scratch)/tree.tar | gzip -1c", .ociLayerGzip, in: store)
      let other = try #require(Digest(hex: String(repeating: "1", count: 64)))
      #expect(throws: StoreError.self) { try store.layers.unpack(cut, diffID: other, from: store.blobs) }
      #expect(try layerThreads() == [])
      #expect(!exists(store.layers.path(of: other)))
    }
  }

  @Test func aLayerMayBeManyMembers() throws {
    try withTree { store, scratch, diffID in
      let layer = try blob(
        "head -c 1000000 \(scratch)/tree.tar | gzip -c; tail -c +1000001 \(scratch)/tree.tar | gzip -c", .ociLayerGzip,
        in: store)
      try store.layers.unpack(layer, diffID: diffID, from: store.blobs)
      #expect(try listing(store.layers.path(of: diffID)) == listing(scratch.appending("tree")))
    }
  }

  /// Whatever is wrong with it: an error that says so, no thread, no file.
  @Test(arguments: [
    ("head -c 1000000", "too early"), ("cat - /etc/passwd", "behind the gzip data"),
    ("{ head -c 900000; head -c 100 >/dev/null; cat; }", "damaged"),
    ("zcat | head -c 100000 | gzip -c", "middle of an entry"),
    ("zcat | { cat; printf x; } | gzip -c", "another digest"),
    ("{ zcat | head -c 1024; head -c 600 /dev/zero | tr '\\0' x; } | gzip -c", "checksum"),
  ])
  func aBadLayerLeavesNothing(_ damage: String, _ words: String) throws {
    try withTree { store, scratch, diffID in
      let layer = try blob("gzip -c < \(scratch)/tree.tar | \(damage)", .ociLayerGzip, in: store)
      let error = #expect(throws: StoreError.self) {
        try store.layers.unpack(layer, diffID: diffID, from: store.blobs)
      }
      #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
      #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
      #expect(!store.layers.contains(diffID))
      #expect(try layerThreads() == [])
    }
  }

  @Test func aBombEndsWithWhatItIs() throws {
    try withTree { _, scratch, _ in
      var options = UnpackOptions()
      options.decompression.ratioGrace = 10 << 20
      let store = try ImageStore(root: scratch.appending("careful"), options: options)
      let bomb = try blob(
        "python3 -c 'import sys,tarfile; t=tarfile.open(fileobj=sys.stdout.buffer,mode=\"w|gz\"); i=tarfile.TarInfo(\"zeros\"); i.size=60<<20; t.addfile(i,open(\"/dev/zero\",\"rb\")); t.close()'",
        .ociLayerGzip, in: store)
      let error = #expect(throws: StoreError.self) {
        try store.layers.unpack(bomb, diffID: bomb.digest, from: store.blobs)
      }
      #expect(error?.message.contains("it is a bomb") == true, "\(error?.message ?? "")")
      options = UnpackOptions()
      options.tar.totalSize = 50 << 20
      let other = try ImageStore(root: scratch.appending("careful"), options: options)
      let declared = #expect(throws: StoreError.self) {
        try other.layers.unpack(bomb, diffID: bomb.digest, from: other.blobs)
      }
      #expect(declared?.message.contains("contents of more than") == true, "\(declared?.message ?? "")")
      #expect(try entries(of: scratch.appending("careful/layers/.work")).isEmpty)
    }
  }

  @Test func manyLayersAtOnceAreAllThere() throws {
    try LayerThreads.mark()
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var wanted: [(layer: ContentDescriptor, diffID: Digest)] = []
      for index in 0..<12 {
        let tar = archive((directory("d"), ""), (file("d/\(index)"), String(repeating: "\(index)", count: 300_000)))
        let layer = try store.blobs.put(tar, mediaType: .ociLayer)
        wanted.append((layer, layer.digest))
      }
      try store.layers.unpack(wanted, from: store.blobs)
      for (index, (_, diffID)) in wanted.enumerated() {
        #expect(
          try readText(store.layers.path(of: diffID).appending("d/\(index)"), limit: 1 << 20).hasPrefix("\(index)"))
      }
      #expect(try layerThreads() == [])
      // One that is bad fails the whole, and says which.
      let bad = try store.blobs.put(Array("no tar".utf8), mediaType: .ociLayer)
      for (_, diffID) in wanted { try store.layers.remove(diffID) }
      #expect(throws: StoreError.self) {
        try store.layers.unpack(wanted + [(bad, bad.digest)], from: store.blobs)
      }
      #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
      #expect(try layerThreads() == [])
    }
  }
}
