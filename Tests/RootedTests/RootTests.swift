import Foundation
import Kernel
import Testing

@testable import Rooted

/// A root with a victim beside it. `outside` holds what must never be reached.
private struct Trees {
  let root: Path
  let outside: Path

  init(in directory: Path) throws {
    root = directory.appending("root")
    outside = directory.appending("outside")
    for path in ["root/etc", "root/a/b/c", "outside/b/c", "outside/etc"] {
      try makeDirectories(directory.appending(path), mode: 0o755)
    }
    for path in ["root/etc/passwd", "root/a/b/c/file", "root/file"] {
      try replaceFile(directory.appending(path), with: Array("inside".utf8), durable: false)
    }
    for path in ["outside/b/c/file", "outside/file", "outside/etc/passwd", "file"] {
      try replaceFile(directory.appending(path), with: Array("outside".utf8), durable: false)
    }
  }

  func link(_ name: String, _ target: Path) throws { try makeSymbolicLink(root.appending(name), to: target) }
}

@Suite struct RootTests {
  static let resolvers: [Root.Resolver] = [.kernel, .walk]

  private func contents(_ root: borrowing Root, _ path: Path) throws -> String {
    let file = try root.open(path, .readOnly)
    return String(decoding: try file.borrowed.readAll(), as: UTF8.self)
  }

  @Test("links and .. stay inside", arguments: resolvers)
  func staysInside(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("absolute", "/etc/passwd")
      try trees.link("host", trees.outside)
      try trees.link("climb", "../../../../../../../../../../file")
      try trees.link("a/up", "../../../../outside")
      try trees.link("self", "self")
      let root = try Root(at: trees.root, resolver: resolver)
      #expect(try contents(root, "/absolute") == "inside")
      #expect(try contents(root, "climb") == "inside")
      #expect(try contents(root, "../../../../../../file") == "inside")
      #expect(try contents(root, "a/b/c/../../../../../../../etc/passwd") == "inside")
      for (path, errno) in [
        ("host/file", Errno.noSuchFile), ("a/up/file", .noSuchFile), ("self", .tooManyLinks), ("", .noSuchFile),
        ("file/", .notDirectory), ("file/..", .notDirectory), ("file/.", .notDirectory),
      ] as [(Path, Errno)] {
        let fault = #expect(throws: Fault.self, "\(path)") { _ = try root.open(path, .readOnly) }
        #expect(fault?.errno == errno, "\(path)")
      }
    }
  }

  @Test("forty links are followed, one more is not", arguments: resolvers)
  func linkLimit(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("link1", "file")
      for number in 2...41 { try trees.link("link\(number)", Path("link\(number - 1)")) }
      let root = try Root(at: trees.root, resolver: resolver)
      #expect(try contents(root, "link40") == "inside")
      let fault = #expect(throws: Fault.self) { _ = try root.open("link41", .readOnly) }
      #expect(fault?.errno == .tooManyLinks)
    }
  }

  @Test("magic links are refused", arguments: resolvers)
  func magicLinks(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      let file = try Kernel.open(trees.outside.appending("file"), .readOnly)
      let proc = try Root(at: "/proc", resolver: resolver)
      for path in ["self/root", "self/cwd", "self/exe", "self/fd/\(file.rawValue)", "self/ns/mnt"] as [Path] {
        let fault = #expect(throws: Fault.self, "\(path)") { _ = try proc.open(path, .readOnly) }
        #expect(fault?.errno == .tooManyLinks, "\(path)")
        // The link itself may be looked at.
        #expect(try proc.status(of: path, followLinks: false).kind == .symbolicLink)
      }
      #expect(try !contents(proc, "mounts").isEmpty)
    }
  }

  @Test("files are created inside, through dangling links too", arguments: resolvers)
  func creates(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("etc/resolv.conf", "../run/systemd/resolve/stub.conf")
      try trees.link("out", Path("\(trees.outside)/made/by/us"))
      try trees.link("etc/mtab", "/proc/mounts")
      let root = try Root(at: trees.root, resolver: resolver)
      _ = try root.createFile("/etc/resolv.conf")
      #expect(try status(of: trees.root.appending("run/systemd/resolve/stub.conf")).kind == .regular)
      _ = try root.makeDirectories("out/deep", mode: 0o700)
      #expect(!exists(trees.outside.appending("made")))
      #expect(exists(trees.root.appending(trees.outside).appending("made/by/us/deep")))
      _ = try root.makeDirectories("x/../../../y//z/.", mode: 0o755)
      #expect(exists(trees.root.appending("y/z")))
      #expect(!exists(directory.appending("y")))
      let fault = #expect(throws: Fault.self) { _ = try root.makeDirectories("file/below") }
      #expect(fault?.errno == .notDirectory)
      // What is there stays as it is.
      let again = try root.createFile("file")
      #expect(try status(of: again.borrowed).size == 6)
    }
  }

  @Test("/proc, /sys and /dev must be real directories", arguments: resolvers)
  func realDirectories(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("proc", "etc")
      try trees.link("dev", trees.outside)
      try trees.link("link", "a")
      let root = try Root(at: trees.root, resolver: resolver)
      for path in ["/proc", "dev", "dev/shm", "link/b", "file"] as [Path] {
        let fault = #expect(throws: Fault.self, "\(path)") { _ = try root.openDirectoryNoFollow(path, making: 0o755) }
        #expect(fault?.errno == .tooManyLinks || fault?.errno == .notDirectory, "\(path)")
        #expect(fault?.hint?.contains("real directory") == true)
      }
      _ = try root.openDirectoryNoFollow("sys/fs/cgroup", making: 0o755)
      #expect(exists(trees.root.appending("sys/fs/cgroup")))
      #expect(!exists(trees.outside.appending("shm")))
      let fault = #expect(throws: Fault.self) { _ = try root.openDirectoryNoFollow("none") }
      #expect(fault?.errno == .noSuchFile)
    }
  }

  @Test("the last name of a parent is not followed", arguments: resolvers)
  func parents(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("a/link", trees.outside)
      try trees.link("jump", "/a")
      let root = try Root(at: trees.root, resolver: resolver)
      let place = try root.openParent(of: "/jump/../a/link")
      #expect(place.name == "link")
      try removeFile(place.name, at: place.directory.borrowed)
      #expect(!exists(trees.root.appending("a/link"), followLinks: false))
      #expect(exists(trees.outside.appending("file")))
      for path in ["/", "..", "a/..", "", "."] as [Path] {
        let fault = #expect(throws: Fault.self, "\(path)") { _ = try root.openParent(of: path) }
        #expect(fault?.errno == .invalid)
      }
      let made = try root.openParent(of: "new/dir/node", making: 0o755)
      #expect(try status(of: made.directory.borrowed).inode == status(of: trees.root.appending("new/dir")).inode)
    }
  }

  /// Whatever happens to the names meanwhile, 10,000 opens reach the inside or fail.
  @Test("a racer that swaps directories for links gets nothing", arguments: resolvers)
  func racer(_ resolver: Root.Resolver) throws {
    try withTemporaryDirectory { directory in
      let trees = try Trees(in: directory)
      try trees.link("a/link", trees.outside.appending("b"))
      try trees.link("a/climb", "../../../../../../../../../../../../tmp/")
      let (a, outside) = (trees.root.appending("a"), trees.outside)
      let root = try Root(at: trees.root, resolver: resolver)
      var reached = 0
      try whileRepeating({
        try? rename(a.appending("b"), to: a.appending("link"), .exchange)
        try? rename(a.appending("b"), to: a.appending("climb"), .exchange)
        // The directory that the walk may stand in leaves the root, so that its .. is the host's.
        try? rename(a.appending("b"), to: outside.appending("moved"))
        try? rename(outside.appending("moved"), to: a.appending("b"))
      }) { () throws in
        for _ in 0..<10_000 {
          for path in ["a/b/c/file", "a/b/c/../../../file", "a/link/c/../../../../file"] as [Path] {
            guard let file = try? root.open(path, .readOnly) else { continue }
            reached += 1
            #expect(try file.borrowed.readAll() == Array("inside".utf8))
          }
        }
        // Once `a/b` is made anew the one that left cannot come back, so this comes last.
        for number in 0..<1000 { _ = try? root.makeDirectories(Path("a/b/made/\(number)")) }
      }
      // Without a single success the race would prove nothing.
      #expect(reached > 100)
      #expect(!exists(outside.appending("b/made")))
      #expect(!exists("/tmp/made"))
    }
  }

  @Test("both resolvers agree on random trees", arguments: [1, 2, 3, 4, 5] as [UInt64])
  func agreement(_ seed: UInt64) throws {
    try withTemporaryDirectory { directory in
      var random = SeededGenerator(seed: seed)
      let names = ["a", "b", "c", "d"]
      func path(_ length: Int) -> String {
        var text = Bool.random(using: &random) ? "/" : ""
        for index in 0..<length {
          let choice = Int.random(in: 0..<8, using: &random)
          text +=
            (index == 0 ? "" : "/") + (choice < 5 ? names.randomElement(using: &random)! : choice < 7 ? ".." : ".")
        }
        return text + (Int.random(in: 0..<6, using: &random) == 0 ? "/" : "")
      }
      for _ in 0..<120 {
        let parent = directory.appending(
          (0..<Int.random(in: 1...3, using: &random)).map { _ in
            names.randomElement(using: &random)!
          }.joined(separator: "/"))
        switch Int.random(in: 0..<3, using: &random) {
        case 0: try? makeDirectory(parent, mode: 0o755)
        case 1: try? makeSymbolicLink(parent, to: Path(path(Int.random(in: 1...4, using: &random))))
        default: _ = try? open(parent, [.create, .exclusive, .writeOnly], mode: 0o644)
        }
      }
      let kernel = try Root(at: directory)
      let walk = try Root(at: directory, resolver: .walk)
      let flags: [OpenFlags] = [
        .readOnly, .path, [.path, .noFollow], [.path, .directory], .directory, .noFollow, [.noFollow, .directory],
      ]
      var found = 0
      for _ in 0..<1000 {
        let path = Path(path(Int.random(in: 1...6, using: &random)))
        for flags in flags {
          let (a, b) = (outcome(kernel, path, flags), outcome(walk, path, flags))
          #expect(a == b, "\(path) with \(flags.rawValue)")
          if case .inode = a { found += 1 }
        }
      }
      #expect(found > 200)
    }
  }

  private enum Outcome: Equatable {
    case inode(UInt64)
    case failed(Errno)
  }

  private func outcome(_ root: borrowing Root, _ path: Path, _ flags: OpenFlags) -> Outcome {
    do throws(Fault) {
      let file = try root.open(path, flags)
      return .inode(try status(of: file.borrowed).inode)
    } catch { return .failed(error.errno) }
  }
}
