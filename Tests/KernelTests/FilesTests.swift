import Foundation
import Kernel
import Testing

@Suite struct FilesTests {
  @Test func openat2KeepsInside() throws {
    try withTemporaryDirectory { directory in
      try makeDirectories(directory.appending("root/sub"), mode: 0o755)
      try replaceFile(directory.appending("outside"), with: [1], durable: false)
      try replaceFile(directory.appending("root/inside"), with: [2], durable: false)
      for (name, target) in [
        ("absolute", "/inside"), ("climb", "../../../../inside"), ("out", "../../outside"), ("magic", "/proc/self/exe"),
        ("loop", "loop"),
      ] { try makeSymbolicLink(directory.appending("root/sub/\(name)"), to: Path(target)) }
      let root = try open(directory.appending("root"), [.path, .directory])
      func answer(_ path: Path, _ resolve: ResolveFlags, _ flags: OpenFlags = .readOnly) throws -> Errno? {
        try errno { _ = try open(path, flags, at: root.borrowed, resolve: resolve) }
      }
      for name: Path in ["sub/absolute", "sub/climb", "/inside", "../inside", "sub/../../../inside"] {
        let file = try open(name, .readOnly, at: root.borrowed, resolve: .inRoot)
        #expect(try file.borrowed.readAll() == [2], "\(name)")
      }
      #expect(try answer("sub/out", .inRoot) == .noSuchFile)
      #expect(try answer("sub/absolute", .noSymlinks) == .tooManyLinks)
      #expect(try answer("sub/loop", .inRoot) == .tooManyLinks)
      for name: Path in ["../outside", "sub/out", "sub/absolute", "/inside"] {
        #expect(try answer(name, .beneath) == .crossDevice, "\(name)")
      }
      let proc = try open("/proc", [.path, .directory])
      #expect(
        try errno { _ = try open("self/exe", .readOnly, at: proc.borrowed, resolve: .noMagicLinks) } == .tooManyLinks)
      let top = try open("/", [.path, .directory])
      #expect(try errno { _ = try open("proc/self", .path, at: top.borrowed, resolve: .noCrossDevice) } == .crossDevice)
      // The mode counts where a file is made, and must be zero elsewhere (EINVAL).
      let made = try open("made", [.writeOnly, .create, .exclusive], mode: 0o640, at: root.borrowed, resolve: .inRoot)
      #expect(try status(of: made.borrowed).mode.rawValue & 0o717 == 0o600)
      #expect(try answer("made", .inRoot, [.writeOnly, .create, .exclusive]) == .exists)
      _ = try open("made", .readOnly, mode: 0o777, at: root.borrowed, resolve: .inRoot)
    }
  }

  @Test func aDirectoryIsReadWhole() throws {
    try withTemporaryDirectory { directory in
      // More than one buffer of getdents64(2), names of the greatest length, and what is no text.
      var expected: Set<Path> = []
      for number in 0..<600 {
        var name = Array("\(number)-".utf8)
        name += [UInt8](repeating: number % 2 == 0 ? 0xff : 0x61, count: 255 - name.count)
        let path = try #require(Path(bytes: name))
        try makeNode(directory.appending(path), kind: .regular, mode: 0o600)
        expected.insert(path)
      }
      for name: Path in ["...", " ", "\n", "-"] {
        try makeDirectory(directory.appending(name), mode: 0o700)
        expected.insert(name)
      }
      let open = try open(directory, [.readOnly, .directory])
      for _ in 0..<2 {
        let found = try entries(of: open.borrowed)
        #expect(found.count == expected.count && Set(found.map(\.name)) == expected)
        #expect(found.allSatisfy { $0.kind == ($0.name.bytes.count == 255 ? .regular : .directory) })
      }
      #expect(try errno { _ = try entries(of: directory.appending("-/none")) } == .noSuchFile)
    }
  }

  /// None of them is waited for, followed or read further than was allowed.
  @Test(.timeLimit(.minutes(1))) func aRegularFileIsReadAndNothingElse() throws {
    try withTemporaryDirectory { directory in
      try replaceFile(directory.appending("file"), with: [1, 2, 3])
      try makeNode(directory.appending("fifo"), kind: .fifo, mode: 0o600)
      try makeSymbolicLink(directory.appending("link"), to: "file")
      #expect(try readRegularFile(directory.appending("file"), limit: 3) == [1, 2, 3])
      for (name, expected) in [
        ("fifo", Errno.invalid), (".", .invalid), ("link", .tooManyLinks), ("none", .noSuchFile),
      ] {
        #expect(try errno { _ = try readRegularFile(directory.appending(Path(name))) } == expected, "\(name)")
      }
      #expect(try errno { _ = try readRegularFile("/dev/zero") } == .invalid)
      #expect(try errno { _ = try readRegularFile(directory.appending("file"), limit: 2) } == .fileTooLarge)
    }
  }

  @Test func aTreeIsRemovedHoweverDeepAndNothingElse() throws {
    try withTemporaryDirectory { directory in
      let outside = directory.appending("outside")
      try makeDirectories(outside.appending("kept"), mode: 0o755)
      let tree = directory.appending("tree")
      try makeDirectory(tree, mode: 0o755)
      // Deeper than it goes down at once, as a container may make it.
      var place = try open(tree, [.readOnly, .directory])
      for level in 0..<500 {
        try makeDirectory("d", mode: 0o700, at: place.borrowed)
        if level % 100 == 0 {
          try makeSymbolicLink("link", to: outside, at: place.borrowed)
          try makeNode("fifo", kind: .fifo, mode: 0o600, at: place.borrowed)
          try makeDirectory("wide", mode: 0o700, at: place.borrowed)
        }
        place = try open("d", [.readOnly, .directory, .noFollow], at: place.borrowed)
      }
      try makeSymbolicLink(directory.appending("way"), to: outside)
      try removeTree(tree)
      #expect(!exists(tree))
      // A link is removed, not what it leads to; and what is not there is as good as removed.
      try removeTree(directory.appending("way"))
      try removeTree(directory.appending("none"))
      #expect(exists(outside.appending("kept")) && !exists(directory.appending("way"), followLinks: false))
    }
  }

  @Test func aTreeIsRemovedWhileSomebodyFillsIt() throws {
    try withTemporaryDirectory { directory in
      let tree = directory.appending("tree")
      try makeDirectories(tree.appending("a/b/c"), mode: 0o755)
      try makeDirectory(directory.appending("outside"), mode: 0o755)
      try makeNode(directory.appending("outside/kept"), kind: .regular, mode: 0o600)
      let outside = directory.appending("outside")
      whileRepeating {
        // A directory that is a link to elsewhere at the next moment.
        try? makeDirectory(tree.appending("a"), mode: 0o755)
        try? makeSymbolicLink(tree.appending("l"), to: outside)
        try? rename(tree.appending("a"), to: tree.appending("l"), .exchange)
      } _: {
        for _ in 0..<300 { try? removeTree(tree.appending("a")) }
      }
      #expect(exists(outside.appending("kept")))
    }
  }

  @Test func aFileIsReplacedInOneStep() throws {
    try withTemporaryDirectory { directory in
      let file = directory.appending("f")
      let victim = directory.appending("victim")
      try replaceFile(victim, with: [1], mode: 0o644)
      try makeSymbolicLink(file, to: "victim")
      // The link gives way; what it led to stays.
      try replaceFile(file, with: [2, 3], mode: 0o640)
      #expect(try status(of: file, followLinks: false).kind == .regular)
      #expect(try readFile(file) == [2, 3] && readFile(victim) == [1])
      let result = try whileRepeating {
        try? replaceFile(file, with: [UInt8](repeating: 7, count: 5000), durable: false)
        try? replaceFile(file, with: [], durable: false)
      } _: {
        try Set((0..<500).map { _ in try readFile(file).count })
      }
      #expect(result.isSubset(of: [0, 2, 5000]))
      #expect(try Set(entries(of: directory).map(\.name)) == ["f", "victim"])
      #expect(try errno { try replaceFile(directory.appending("none/f"), with: []) } == .noSuchFile)
    }
  }

  @Test func locksBelongToTheOpenFile() throws {
    try withTemporaryDirectory { directory in
      let path = directory.appending("lock")
      let one = try open(path, [.readWrite, .create], mode: 0o600)
      let other = try open(path, .readOnly)
      try one.borrowed.lock(.exclusive)
      #expect(try !other.borrowed.tryLock(.shared))
      let copy = try one.duplicate()
      try one.close()
      // Its copy holds it still, as a supervisor does that inherited it.
      #expect(try !other.borrowed.tryLock(.exclusive))
      try copy.close()
      #expect(try other.borrowed.tryLock(.exclusive))
    }
  }
}
