import Archive
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

@Suite(.enabled(if: isRoot, needsRoot)) struct PackingTests {
  /// One of everything that a root file system has.
  private static let everything = """
    mkdir -p bin etc/deep/er 'sp ace'; printf hello > bin/hello; chmod 4755 bin/hello; ln bin/hello bin/same
    ln -s /bin/hello abs; ln -s ../nowhere etc/dangling; mkfifo pipe; mknod null c 1 3; mknod disk b 7 300
    chmod 1777 etc/deep; chown 1000:2000 etc/deep/er; head -c 70000 /dev/urandom > etc/random; : > etc/empty
    printf x > 'sp ace/\u{e9}'; printf y > "$(printf 'raw\\377name')"; chown -h 5:6 abs
    mkdir -p $(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90)); : > $(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90))/$(printf 'f%.0s' $(seq 120))
    setcap cap_net_raw+ep etc/random 2>/dev/null || setfattr -n user.note -v cap etc/random
    touch -d '2001-02-03 04:05:06.789' etc/empty; touch -h -d '1999-01-01' abs; touch -d '1960-01-01 00:00:00.5' etc/deep; chmod 0751 .
    """

  @Test func aTreeComesBackAsItWas() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let tree = scratch.appending("tree")
      try sh("mkdir \(tree); cd \(tree); \(Self.everything)")
      let before = try listing(tree)
      let image = try store.createImage(fromTree: tree, reference: Reference("all"), config: ImageConfig())
      // Kept by rename, so nothing was copied.
      #expect(!exists(tree))
      #expect(try listing(store.layers.path(of: image.config.diffIDs[0])) == before)
      // Rebuilt from the blob.
      try store.layers.remove(image.config.diffIDs[0])
      #expect(!store.layers.contains(image.config.diffIDs[0]))
      let again = try store.resolve("all")
      #expect(again.lowerdirs == image.lowerdirs)
      #expect(try listing(Path("\(again.lowerdirs[0])/")) == before)
      // And by GNU tar, which knows nothing of us.
      let blob = store.blobs.path(of: image.manifest.layers[0].digest)
      try sh("mkdir \(scratch)/gnu; tar --xattrs --xattrs-include='*' -C \(scratch)/gnu -xpf \(blob)")
      #expect(try listing(scratch.appending("gnu")) == before)
    }
  }

  @Test func theSameTreeIsTheSameDigest() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let script = "mkdir b a; : > b/2; : > b/1; : > c; touch -d @1000 b/2 b/1 c a b ."
      let one = try image(script, named: "one", in: store, scratch)
      let two = try image(
        "sleep 0.01; : > c; mkdir a b; : > b/1; : > b/2; touch -d @1000 b/1 b/2 a b c .", named: "two", in: store,
        scratch)
      #expect(one.config.diffIDs == two.config.diffIDs)
    }
  }

  @Test func whatCannotBeInALayerIsNamed() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      #expect(throws: StoreError.self) { try image("mkdir d; : > d/.wh.x", named: "x", in: store, scratch) }
      #expect(try store.images().isEmpty)
      #expect(try store.blobs.digests().isEmpty)
      // A socket is left out, as every tar leaves it out.
      let made = try image(
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'; : > f", named: "s", in: store, scratch)
      try store.layers.remove(made.config.diffIDs[0])
      #expect(try entries(of: Path("\(try store.resolve("s").lowerdirs[0])/")).map(\.name) == ["f"])
    }
  }

  @Test func aDamagedLayerIsRefused() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      let made = try image("printf 12345 > f", named: "x", in: store, scratch)
      try store.layers.remove(made.config.diffIDs[0])
      let blob = store.blobs.path(of: made.manifest.layers[0].digest)
      try sh("printf X | dd of=\(blob) bs=1 seek=1030 conv=notrunc status=none")
      #expect(throws: StoreError.self) { try store.resolve("x") }
      #expect(!store.layers.contains(made.config.diffIDs[0]))
      try sh("truncate -s 1024 \(blob)")
      #expect(throws: StoreError.self) { try store.resolve("x") }
      #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
    }
  }

  @Test func whatAKilledUnpackerLeftIsTakenAway() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      try sh("mkdir -p \(scratch)/state/layers/.work/1.2.3/tree/a; : > \(scratch)/state/layers/.work/1.2.3/tree/a/b")
      store.heal()
      #expect(try entries(of: scratch.appending("state/layers/.work")).isEmpty)
    }
  }

  /// A container may nest deeper than there are descriptors.
  @Test func deepTreesAreRemoved() throws {
    try withScratch { scratch in
      let tree = scratch.appending("deep")
      try sh(
        "python3 -c 'import os\nos.mkdir(\"\(tree)\"); os.chdir(\"\(tree)\")\nfor i in range(3000):\n  os.mkdir(\"dddddddd\"); open(\"f\", \"w\").close(); os.chdir(\"dddddddd\")'"
      )
      try removeTree(tree)
      #expect(!exists(tree))
    }
  }
}
