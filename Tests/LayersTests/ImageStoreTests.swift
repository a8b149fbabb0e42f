import Archive
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

@Suite(.enabled(if: isRoot, needsRoot)) struct ImageStoreTests {
  private func withStore(_ body: (ImageStore, Path) throws -> Void) throws {
    try withScratch { scratch in try body(try ImageStore(root: scratch.appending("state")), scratch) }
  }

  private func changes(_ image: Image, _ upper: Path) throws -> [String] {
    try overlayChanges(upper: upper, lowers: image.lowerdirs).map { "\($0.kind.rawValue) \($0.path)" }
  }

  @Test func imagesAreFoundByNameAndIdentifier() throws {
    try withStore { store, scratch in
      let made = try image("printf hi > hi", named: "tools:1", in: store, scratch)
      #expect(made.tags == ["tools:1"])
      try store.tag(made, as: Reference("localhost/team/tools"))
      let again = try store.resolve("tools:1")
      #expect(again.tags == ["localhost/team/tools:latest", "tools:1"])
      for name in [
        "docker.io/library/tools:1", made.id.description, made.id.hex, made.id.short, made.manifestDigest.description,
        "localhost/team/tools", "tools@\(made.manifestDigest)",
      ] { #expect(try store.resolve(name).id == made.id, "\(name)") }
      #expect(try store.images() == [again])
      for name in [
        "tools", "other", "sha256:" + String(repeating: "0", count: 64), "Bad", "../x",
        "tools@sha256:" + String(repeating: "0", count: 64),
      ] {
        #expect(throws: StoreError.self, "\(name)") { try store.resolve(name) }
      }
      do throws(StoreError) { _ = try store.resolve("tools") } catch {
        #expect(error.kind == .notFound)
        #expect(error.message == "no such image: tools:latest")
        #expect(error.hint?.contains("tools:1") == true)
      }
      // The layout is one that others read: index, manifest and config agree.
      #expect(try readText(scratch.appending("state/images/oci-layout")) == #"{"imageLayoutVersion":"1.0.0"}"#)
      #expect(try readText(made.lowerdirs[0].appending("hi")) == "hi")
    }
  }

  @Test func aNameMovesToTheNewerImage() throws {
    try withStore { store, scratch in
      let old = try image("printf 1 > f", named: "x", in: store, scratch)
      let new = try image("printf 2 > f", named: "x", in: store, scratch)
      #expect(try store.resolve("x").id == new.id)
      #expect(try store.resolve(old.id.short).tags == [])
      #expect(try store.images().map(\.tags) == [["x:latest"], []])
    }
  }

  @Test func removingFollowsWhoNeedsWhat() throws {
    try withStore { store, scratch in
      let base = try image("printf 1 > f", named: "base", in: store, scratch)
      let upper = scratch.appending("upper")
      try sh("mkdir \(upper); printf 2 > \(upper)/g")
      let child = try store.commit(Commit(base: base, upper: upper), reference: Reference("child"))
      #expect(child.manifest.layers.count == 2)
      try store.tag(base, as: Reference("second"))
      let nobody: (Digest) throws(StoreError) -> [ImageUser] = { _ in [] }
      let running: (Digest) throws(StoreError) -> [ImageUser] = { _ in [ImageUser(container: "web", isRunning: true)] }
      let stopped: (Digest) throws(StoreError) -> [ImageUser] = { _ in [ImageUser(container: "web", isRunning: false)] }
      #expect(throws: StoreError.self) { try store.remove("nothing", force: true, users: nobody) }
      #expect(throws: StoreError.self) { try store.remove(base.id.short, force: false, users: nobody) }
      #expect(try store.remove("second", force: false, users: running) == [.untagged("second:latest")])
      #expect(throws: StoreError.self) { try store.remove("base", force: false, users: stopped) }
      #expect(throws: StoreError.self) { try store.remove("base", force: true, users: running) }
      #expect(try store.remove("base", force: true, users: stopped) == [.untagged("base:latest")])
      #expect(try store.resolve(base.id.short).tags == [])
      #expect(throws: StoreError.self) { try store.remove(base.id.short, force: true, users: stopped) }
      // The child still needs the layer, so only the base's own manifest and config go.
      let removed = try store.remove(base.id.short, force: false, users: nobody)
      #expect(Set(removed) == [.deleted(base.id), .deleted(base.manifestDigest)])
      #expect(store.layers.contains(base.config.diffIDs[0]))
      #expect(try readText(try store.resolve("child").lowerdirs[1].appending("f")) == "1")
      _ = try store.remove("child", force: false, users: nobody)
      #expect(try store.blobs.digests() == [])
      #expect(try store.layers.digests() == [])
      #expect(try entries(of: scratch.appending("state/l")).isEmpty)
    }
  }

  @Test func whatACrashLeftUnnamedGoesWithTheNextRemoval() throws {
    try withStore { store, scratch in
      _ = try image("printf 1 > f", named: "x", in: store, scratch)
      let kept = try image("printf 2 > f", named: "kept", in: store, scratch)
      _ = try store.blobs.put(Array("orphan".utf8), mediaType: .ociLayer)
      _ = try store.remove("x", force: false) { (_) throws(StoreError) in [] }
      #expect(Set(try store.blobs.digests()) == [kept.id, kept.manifestDigest, kept.manifest.layers[0].digest])
    }
  }

  private static let base = """
    mkdir -p etc/conf.d usr/bin var/lib/db gone same; printf a > etc/a; printf b > etc/b; printf c > etc/conf.d/c
    printf t > usr/bin/tool; chmod 755 usr/bin/tool; ln -s tool usr/bin/alias; printf 1 > var/lib/db/1; printf 2 > var/lib/db/2
    printf g > gone/g; printf s > same/s; printf f > becomes-dir; mkdir becomes-file; printf x > becomes-file/x; printf m > modes
    """

  @Test func diffSaysWhatDockerWouldSay() throws {
    try withStore { store, scratch in
      let made = try image(Self.base, named: "x", in: store, scratch)
      let (upper, _) = try change(
        made, scratch,
        """
        printf A > etc/a; rm etc/b; mkdir -p opt/new; printf n > opt/new/file; rm -r gone; chmod 600 modes
        rm -r var/lib/db; mkdir var/lib/db; printf 3 > var/lib/db/3; rm becomes-dir; mkdir becomes-dir; : > becomes-dir/y
        rm -r becomes-file; : > becomes-file; ln -sf other usr/bin/alias; touch -c -r same/s same/s; chmod 755 .
        """)
      #expect(
        try changes(made, upper) == [
          "C /becomes-dir", "A /becomes-dir/y", "C /becomes-file", "C /etc", "C /etc/a", "D /etc/b", "D /gone",
          "C /modes", "A /opt",
          "A /opt/new", "A /opt/new/file", "C /usr", "C /usr/bin", "C /usr/bin/alias", "C /var", "C /var/lib",
          "C /var/lib/db",
          "D /var/lib/db/1", "D /var/lib/db/2", "A /var/lib/db/3",
        ])
    }
  }

  /// What a container sees, and what a container of the image committed from it sees, is the same.
  @Test func aCommitIsWhatTheContainerSaw() throws {
    try withStore { store, scratch in
      let made = try image(Self.base, named: "x", in: store, scratch)
      let (upper, merged) = try change(
        made, scratch,
        """
        printf A > etc/a; rm etc/b; rm -r var/lib/db; mkdir var/lib/db; printf 3 > var/lib/db/3; rm -r gone; mknod n c 1 3; mkfifo p
        rm becomes-dir; mkdir becomes-dir; : > becomes-dir/y; rm -r becomes-file; : > becomes-file; ln etc/a etc/hard; chown 7:8 modes
        chmod 4711 usr/bin/tool; mkdir -m 1777 tmp; mkdir -p same/deeper; chmod 0700 .
        """)
      var request = Commit(base: made, upper: upper)
      request.comment = "kept"
      request.author = "me"
      request.config.cmd = ["/usr/bin/tool"]
      let committed = try store.commit(request, reference: Reference("y"))
      #expect(committed.config.history.map(\.comment) == [nil, "kept"])
      #expect(committed.config.config.cmd == ["/usr/bin/tool"])
      #expect(committed.lowerdirs.count == 2)
      #expect(try change(committed, scratch, "true").merged == merged)
      // Once more on top, with the layer rebuilt from its blob.
      try store.layers.remove(committed.config.diffIDs[1])
      let (second, secondMerged) = try change(
        try store.resolve("y"), scratch, "mkdir etc/b; rm -r becomes-dir; printf z > var/lib/db/1")
      #expect(
        try changes(committed, second) == [
          "D /becomes-dir", "C /etc", "A /etc/b", "C /var", "C /var/lib", "C /var/lib/db", "A /var/lib/db/1",
        ])
      let third = try store.commit(Commit(base: committed, upper: second), reference: Reference("z"))
      let thirdMerged = try change(third, scratch, "true").merged
      #expect(Set(thirdMerged.split(separator: "\n")).symmetricDifference(secondMerged.split(separator: "\n")) == [])
    }
  }

  @Test func aCommitWithoutChangesAddsNoLayer() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      let (upper, _) = try change(made, scratch, "cat f")
      let committed = try store.commit(Commit(base: made, upper: upper), reference: nil)
      #expect(committed.config.diffIDs == made.config.diffIDs)
      #expect(committed.config.history.last?.emptyLayer == true)
      #expect(committed.tags == [])
    }
  }

  @Test func whatIsDamagedAndHasNoNameGoesByItsDigest() throws {
    try withStore { store, scratch in
      let old = try image("printf 1 > f", named: "x", in: store, scratch)
      let new = try image("printf 2 > f", named: "x", in: store, scratch)
      try replaceFile(store.blobs.path(of: old.id), with: Array("{}".utf8))
      var leftOut: [String] = []
      #expect(try store.images { name, _ in leftOut.append(name) }.map(\.id) == [new.id])
      #expect(leftOut == [old.manifestDigest.description])
      _ = try store.remove(leftOut[0], force: true) { (_) throws(StoreError) in [] }
      #expect(Set(try store.blobs.digests()) == [new.id, new.manifestDigest, new.manifest.layers[0].digest])
    }
  }

  /// The steps of a history are counted against the layers, so a base that tells of none gets empty ones.
  @Test func aHistoryTellsOfEveryLayer() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      var silent = made
      silent.config.history = []
      let (upper, _) = try change(made, scratch, "printf 2 > f")
      var request = Commit(base: silent, upper: upper)
      request.createdBy = "printf"
      let committed = try store.commit(request, reference: nil)
      #expect(committed.config.history.map(\.createdBy) == [nil, "printf"])
      #expect(committed.config.history.count == committed.config.diffIDs.count)
    }
  }

  /// The unpacked layers are a cache: without them an image is what it was.
  @Test func whatWasUnpackedIsUnpackedAgain() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      for lost in [["layers"], ["l"], ["layers", "l"]] {
        for name in lost { try removeTree(scratch.appending("state/\(name)")) }
        let again = try ImageStore(root: scratch.appending("state")).resolve("x")
        #expect(again == made)
        #expect(try readText(again.lowerdirs[0].appending("f")) == "1")
      }
    }
  }

  /// What stands in the place of a blob is not waited for and not followed.
  @Test func aBlobIsAFile() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      let blob = store.blobs.path(of: made.manifest.layers[0].digest)
      try store.layers.remove(made.config.diffIDs[0])
      for script in ["mkfifo \(blob)", "ln -s /etc/passwd \(blob)", "mkdir \(blob)"] {
        try sh("rm -rf \(blob); \(script)")
        #expect(throws: StoreError.self, "\(script)") { try store.resolve("x") }
      }
    }
  }

  @Test func oneHundredLayersMount() throws {
    try withScratch(inMemory: true) { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var current = try image("printf 0 > f; printf 0 > n0", named: "deep", in: store, scratch)
      for layer in 1..<100 {
        let upper = scratch.appending("u\(layer)")
        try makeDirectory(upper, mode: 0o755)
        try replaceFile(upper.appending("f"), with: Array("\(layer)".utf8), durable: false)
        try replaceFile(upper.appending("n\(layer)"), with: Array("\(layer)".utf8), durable: false)
        current = try store.commit(Commit(base: current, upper: upper), reference: Reference("deep"))
      }
      #expect(current.lowerdirs.count == 100)
      #expect(Set(current.lowerdirs).count == 100)
      let merged = try change(current, scratch, "[ $(cat f) = 99 ]; for i in $(seq 0 99); do [ $(cat n$i) = $i ]; done")
        .merged
      #expect(merged.split(separator: "\n").filter { $0.hasPrefix("./n") }.count == 100)
      // The options of mount(2) are one page; below /var/lib/skiff the same names are shorter than here.
      let real = current.lowerdirs.map { "/var/lib/skiff/l/\($0.name)" }.joined(separator: ":")
      #expect(real.utf8.count < 2700)
    }
  }

  @Test func theSameLayerTwiceIsMountedOnce() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      let layer = made.config.diffIDs[0]
      #expect(store.layers.lowerdirs(of: [layer, layer]) == made.lowerdirs)
      #expect(try entries(of: store.layers.lowerdirs(of: [])[0]).isEmpty)
    }
  }

  @Test func whatTheStoreCannotReadIsExplained() throws {
    try withStore { store, scratch in
      let made = try image("printf 1 > f", named: "x", in: store, scratch)
      try replaceFile(store.blobs.path(of: made.id), with: Array("{}".utf8))
      #expect(try store.images().isEmpty)
      do throws(StoreError) {
        _ = try store.resolve("x")
        Issue.record("a damaged config was read")
      } catch { #expect(error.kind == .damaged) }
      // It can be got rid of, and others beside it too.
      let kept = try image("printf 2 > f", named: "kept", in: store, scratch)
      _ = try image("printf 3 > f", named: "other", in: store, scratch)
      _ = try store.remove("other", force: false) { (_) throws(StoreError) in [] }
      #expect(store.blobs.contains(made.manifest.layers[0].digest))
      #expect(throws: StoreError.self) { try store.remove("x", force: false) { (_) throws(StoreError) in [] } }
      #expect(throws: StoreError.self) {
        try store.remove("x", force: true) { (_) throws(StoreError) in [ImageUser(container: "c", isRunning: false)] }
      }
      _ = try store.remove("x", force: true) { (_) throws(StoreError) in [] }
      #expect(Set(try store.blobs.digests()) == [kept.id, kept.manifestDigest, kept.manifest.layers[0].digest])
      try replaceFile(scratch.appending("state/images/index.json"), with: Array("[]".utf8))
      #expect(throws: StoreError.self) { try store.images() }
    }
  }
}
