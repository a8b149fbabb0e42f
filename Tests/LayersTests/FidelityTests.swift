import Archive
import Blobs
import Foundation
import ImageSpec
import Kernel
import Layers
import Testing

/// What a layer keeps of a file besides its contents, beside GNU tar, which is asked to keep everything.
@Suite(.enabled(if: isRoot, needsRoot)) struct FidelityTests {
  private func compare(_ fill: String, _ options: String) throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      try sh(
        """
        mkdir \(scratch)/tree \(scratch)/gnu; cd \(scratch)/tree; \(fill)
        tar \(options) --sort=name -cf ../a.tar .
        tar --xattrs --xattrs-include='*' -C ../gnu -xpf ../a.tar
        """)
      let tree = try unpack(try readFile(scratch.appending("a.tar"), limit: 1 << 26), in: store)
      #expect(try listing(tree) == listing(scratch.appending("gnu")))
      #expect(try listing(tree) == listing(scratch.appending("tree")))
    }
  }

  @Test(arguments: ["--format=posix --xattrs --xattrs-include='*'", "--format=gnu", "--format=oldgnu"])
  func everythingOfARootFileSystemIsKept(_ options: String) throws {
    let isPosix = options.hasPrefix("--format=posix")
    try compare(
      """
      mkdir -p bin a/b c/d deep/$(printf 'n%.0s' $(seq 100))/$(printf 'm%.0s' $(seq 100)); printf x > bin/su
      chown 1:2 bin/su; chmod 6755 bin/su; printf y > a/b/one; ln a/b/one c/d/two; ln a/b/one three; ln -s ../a c/up
      mkfifo -m 620 pipe; mknod null c 1 3; chmod 666 null; mknod disk b 7 300; chown 7:8 disk; printf z > secret; chmod 0 secret
      mkdir -m 0 closed; : > closed/inside; chown -h 5:6 c/up; mkdir -m 2775 group; chown 0:50 group; : > group/file; mkdir group/sub
      touch $(printf 'd%.0s' $(seq 120)); : > deep/$(printf 'n%.0s' $(seq 100))/$(printf 'm%.0s' $(seq 100))/f
      printf l > a/long; ln -s $(printf 't/%.0s' $(seq 80))end a/far
      \(isPosix ? "setfattr -n user.note -v v a/b/one; setfattr -n user.note -v w a; setcap cap_net_raw+ep bin/su 2>/dev/null || setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 bin/su; setfattr -n trusted.mine -v t three" : ":")
      find . -depth -exec touch -h -d '2011-12-13 14:15:16\(isPosix ? ".123456789" : "")' {} +
      """, options)
  }

  @Test(arguments: SparseFormats.all) func holesStayHoles(_ format: String) throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      try sh(
        """
        mkdir \(scratch)/tree; cd \(scratch)/tree; truncate -s 40M holes
        for at in 1 9 20 39; do printf data | dd of=holes bs=1M seek=$at conv=notrunc status=none; done
        truncate -s 10M hole; printf end > last; tar --sparse \(format) --sort=name -cf ../a.tar .
        """)
      let tree = try unpack(try readFile(scratch.appending("a.tar"), limit: 1 << 26), in: store)
      try sh(
        "cd \(tree); cmp holes \(scratch)/tree/holes; cmp hole \(scratch)/tree/hole; cmp last \(scratch)/tree/last")
      #expect(Int(try sh("du -k \(tree)/holes | cut -f1").trimmingCharacters(in: .newlines)).map { $0 < 1000 } == true)
      #expect(try sh("du -k \(tree)/hole | cut -f1").trimmingCharacters(in: .newlines) == "0")
    }
  }

  enum SparseFormats {
    static let all = [
      "--format=gnu", "--format=posix --sparse-version=0.0", "--format=posix --sparse-version=0.1",
      "--format=posix --sparse-version=1.0",
    ]
  }

  /// As umoci and docker write them: the kernel's own bytes, as an attribute.
  @Test func accessControlListsAreThoseOfTheArchive() throws {
    func list(_ group: UInt16) -> [UInt8] {
      // posix_acl_xattr_header and five entries: owner, one more user, group, mask, others (linux/posix_acl_xattr.h).
      let entries: [(tag: UInt16, bits: UInt16, id: UInt32)] = [
        (1, 7, .max), (2, 6, 1234), (4, group, .max), (0x10, 7, .max), (0x20, 0, .max),
      ]
      var bytes: [UInt8] = [2, 0, 0, 0]
      for entry in entries {
        for part in [entry.tag, entry.bits] { bytes += [UInt8(part & 255), UInt8(part >> 8)] }
        for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: entry.id >> shift)) }
      }
      return bytes
    }
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var parent = directory("d", mode: 0o770)
      parent.attributes = ["access", "default"].map {
        ExtendedAttribute(name: Path("system.posix_acl_\($0)"), value: list(5))
      }
      var inner = file("d/own", mode: 0o770)
      inner.attributes = [ExtendedAttribute(name: "system.posix_acl_access", value: list(4))]
      let tree = try unpack(
        archive((parent, ""), (inner, "x"), (file("d/plain", mode: 0o640), "y"), (directory("d/sub"), "")), in: store)
      func lists(_ path: Path) throws -> [String: [UInt8]] {
        let opened = try open(tree.appending(path), [.readOnly])
        var found: [String: [UInt8]] = [:]
        for name in try extendedAttributeNames(of: opened.borrowed) {
          found[name.string] = try extendedAttribute(name, of: opened.borrowed)
        }
        return found
      }
      #expect(try lists("d") == ["system.posix_acl_access": list(5), "system.posix_acl_default": list(5)])
      #expect(try lists("d/own") == ["system.posix_acl_access": list(4)])
      // Not inherited while unpacking: the archive says all that there is.
      #expect(try lists("d/plain") == [:])
      #expect(try lists("d/sub") == [:])
      #expect(try status(of: tree.appending("d/plain")).mode == 0o640)
      // And a layer that is packed of it has them again.
      let blob = try store.layers.pack(tree: tree, into: store.blobs)
      try store.layers.remove(blob.digest)
      try store.layers.unpack(blob, diffID: blob.digest, from: store.blobs)
      let opened = try open(store.layers.path(of: blob.digest).appending("d"), [.readOnly])
      #expect(try extendedAttribute("system.posix_acl_default", of: opened.borrowed) == list(5))
    }
  }

  /// As GNU tar writes them with --acls: in words.
  @Test func accessControlListsOfTarAreThoseOfTheTree() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      // Users 4000000 and group 4000001, whom no machine knows by a name.
      let list =
        "0x0200000001000600ffffffff0200060000093d0004000400ffffffff0800050001093d00"
        + "10000700ffffffff20000000ffffffff"
      try sh(
        """
        cd \(scratch); mkdir tree tree/d; echo x > tree/f
        setfattr -n system.posix_acl_access -v \(list) tree/f; setfattr -n system.posix_acl_default -v \(list) tree/d
        tar --acls --format=posix -C tree -cf a.tar d f
        """)
      let bytes = try readFile(scratch.appending("a.tar"))
      #expect(String(decoding: bytes, as: UTF8.self).contains("SCHILY.acl.access"))
      let tree = try unpack(bytes, in: store)
      let attributes = "getfattr --absolute-names -d -m system -e hex d f"
      #expect(try sh("cd \(tree); \(attributes)") == sh("cd \(scratch)/tree; \(attributes)"))
      #expect(try sh("cd \(tree); \(attributes)").contains(list))
    }
  }

  /// What the directory of the store has for new files is not the layer's.
  @Test func nothingIsInheritedFromTheStore() throws {
    try withScratch { scratch in
      try sh(
        "mkdir \(scratch)/state; chgrp 50 \(scratch)/state; chmod 2775 \(scratch)/state; setfacl -d -m u:99:rwx \(scratch)/state 2>/dev/null || :"
      )
      let store = try ImageStore(root: scratch.appending("state"))
      let tree = try unpack(archive((file("f"), "x"), (directory("d"), ""), (file("d/g"), "y")), in: store)
      #expect(try sh("cd \(tree); stat -c '%n %a %u:%g' . f d d/g") == ". 755 0:0\nf 644 0:0\nd 755 0:0\nd/g 644 0:0\n")
    }
  }

  @Test func whatCameLaterCounts() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var old = directory("a/b", mode: 0o700)
      old.owner = 77
      let tree = try unpack(
        archive(
          // A directory of which two entries speak.
          (directory("twice", mode: 0o700), ""), (directory("./twice/", mode: 0o711), ""),
          // One that a link takes the place of: what it was to become is not what the link leads to.
          (directory("c", mode: 0o755), ""), (directory("c/b", mode: 0o750), ""), (directory("a"), ""), (old, ""),
          (file("a/b/gone"), "x"), (link("a", to: "c"), ""), (file("a/b/new"), "through the link"),
          // And one that was a file first.
          (file("swap"), "file"), (directory("swap", mode: 0o701), ""), (file("swap/in"), "x"),
          (hardLink("swap/hard", to: "a/b/new"), "")), in: store)
      #expect(
        try sh("cd \(tree); stat -c '%n %a %u' twice c c/b swap; readlink a; cat c/b/new; ls c/b; stat -c %h swap/hard")
          == "twice 711 0\nc 755 0\nc/b 750 0\nswap 701 0\nc\nthrough the linknew\n2\n")
    }
  }

  /// More directories than are kept open, visited again and again.
  @Test func directoriesMayComeInAnyOrder() throws {
    try withScratch { scratch in
      let store = try ImageStore(root: scratch.appending("state"))
      var bytes: [UInt8] = []
      for round in 0..<3 {
        for index in 0..<200 {
          var entry = file(Path("d\(index)/e/f\(round)"))
          entry.size = 1
          bytes += entry.headerBlocks() + [UInt8(ascii: "x")] + [UInt8](repeating: 0, count: 511)
        }
      }
      let tree = try unpack(bytes + Tar.end, in: store)
      #expect(try sh("find \(tree) -type f | wc -l") == "600\n")
    }
  }
}
