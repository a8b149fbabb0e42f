import Archive
import Blobs
import Foundation
import Kernel
import Testing

@testable import Archives

/// Files that come out of a hostile tar or tree, into a directory that others change.
@Suite(.enabled(if: isRoot, needsRoot)) struct CopyingTests {
  private let all = CopyRules(keepsPrivileges: true)

  private func withFolders(_ body: (_ from: Path, _ to: Path, _ outside: Path) throws -> Void) throws {
    let folder = Path(FileManager.default.temporaryDirectory.path).appending("cp-\(UUID().uuidString.prefix(8))")
    defer { try? removeTree(folder) }
    let (from, to, outside) = (folder.appending("from"), folder.appending("to"), folder.appending("outside"))
    for path in [from, to, outside] { try makeDirectories(path, mode: 0o755) }
    try replaceFile(outside.appending("file"), with: Array("safe".utf8), durable: false)
    try body(from, to, outside)
  }

  private func directory(_ path: Path) throws -> Descriptor { try open(path, [.path, .directory]) }

  /// The tar as `cp -` reads it, into the directory.
  private func unpack(_ bytes: [UInt8], into target: Path) throws {
    let file = target.parent.appending("tar")
    try replaceFile(file, with: bytes, durable: false)
    let input = try open(file, .readOnly)
    var source = try TarSource(input.borrowed, for: "test")
    var sink = TreeSink(try directory(target), all, CopyMeter())
    try source.copy(into: &sink)
  }

  @Test func aTreeArrivesAsItIs() throws {
    try withFolders { (from, to, _) throws in
      try makeDirectories(from.appending("a/b"), mode: 0o755)
      try replaceFile(from.appending("a/one"), with: [UInt8](repeating: 7, count: 300_000), durable: false)
      try makeHardLink(from: from.appending("a/one"), to: from.appending("a/b/same"))
      try makeSymbolicLink(from.appending("a/link"), to: "/no/such")
      try makeNode(from.appending("a/fifo"), kind: .fifo, mode: 0o600)
      try setMode(of: from.appending("a/b"), to: 0o2711)
      try setOwner(of: from.appending("a/one"), user: 12, group: 34)
      try setModified(of: from.appending("a/b"), to: Timestamp(seconds: 1_000_000_000, nanoseconds: 5))
      var source = TreeSource(try directory(from.appending("a")))
      var sink = TreeSink(try directory(to), all, CopyMeter())
      try source.copy(as: "new", into: &sink)
      let new = to.appending("new")
      #expect(try readFile(new.appending("one")).count == 300_000)
      #expect(try status(of: new.appending("b/same")).inode == status(of: new.appending("one")).inode)
      #expect(try readSymbolicLink(new.appending("link")) == "/no/such")
      #expect(try status(of: new.appending("fifo"), followLinks: false).kind == .fifo)
      let below = try status(of: new.appending("b"))
      #expect(below.mode == 0o2711 && below.modified == Timestamp(seconds: 1_000_000_000, nanoseconds: 5))
      #expect(try status(of: new.appending("one")).owner == 12 && status(of: new.appending("one")).group == 34)
    }
  }

  @Test func rightsStayBehindUnlessAskedFor() throws {
    try withFolders { (from, to, _) throws in
      try replaceFile(from.appending("su"), with: [1], durable: false)
      try setMode(of: from.appending("su"), to: 0o6755)
      try makeNode(
        from.appending("null"), kind: .characterDevice, mode: 0o666, device: DeviceNumber(major: 1, minor: 3))
      var source = TreeSource(try directory(from))
      var sink = TreeSink(
        try directory(to), CopyRules(keepsPrivileges: false) { _, _ in (77, 88) }, CopyMeter())
      try source.copy(as: ".", into: &sink)
      #expect(sink.meter.skipped == 1 && !exists(to.appending("null"), followLinks: false))
      let file = try status(of: to.appending("su"))
      #expect(file.mode == 0o755 && file.owner == 77 && file.group == 88)
    }
  }

  @Test func aFileReplacesAFileAndNothingElse() throws {
    try withFolders { (from, to, outside) throws in
      try makeDirectories(to.appending("directory"), mode: 0o755)
      try makeSymbolicLink(to.appending("link"), to: outside.appending("file"))
      try makeSymbolicLink(to.appending("way"), to: outside)
      try unpack(tar([(file("link"), Array("mine".utf8))]), into: to)
      #expect(try readText(outside.appending("file")) == "safe" && readText(to.appending("link")) == "mine")
      let overDirectory = #expect(throws: StoreError.self) { try unpack(tar([(file("directory"), [1])]), into: to) }
      #expect(overDirectory?.message == "cannot overwrite directory \"directory\" with non-directory")
      let overLink = #expect(throws: StoreError.self) {
        try unpack(tar([(TarEntry(path: "way", kind: .directory, mode: 0o700), [])]), into: to)
      }
      #expect(overLink?.message == "cannot overwrite non-directory \"way\" with a directory")
    }
  }

  @Test(arguments: [
    [(file("../outside/file"), Array("bad".utf8))], [(file("a/../../outside/file"), Array("bad".utf8))],
    [
      (TarEntry(path: "l", kind: .symbolicLink(target: "../outside"), mode: 0o777), []),
      (file("l/file"), Array("bad".utf8)),
    ],
    [
      (TarEntry(path: "h", kind: .hardLink(target: "../outside/file"), mode: 0o644), []),
      (file("h"), Array("bad".utf8)),
    ],
    [
      (TarEntry(path: "l", kind: .symbolicLink(target: "../outside"), mode: 0o777), []),
      (TarEntry(path: "h", kind: .hardLink(target: "l/file"), mode: 0o666), []),
    ],
    [(file("."), Array("bad".utf8))],
    [(TarEntry(path: "/", kind: .symbolicLink(target: "x"), mode: 0o777), [])],
  ]) func aHostileTarChangesNothingOutside(_ hostile: [(TarEntry, [UInt8])]) throws {
    try withFolders { (_, to, outside) throws in
      // Refused, or made inside.
      try? unpack(tar(hostile), into: to)
      #expect(try readText(outside.appending("file")) == "safe")
      #expect(try status(of: outside.appending("file")).linkCount == 1 && entries(of: outside).count == 1)
    }
  }

  @Test func whatIsNoTarOrEndsTooSoonIsRefused() throws {
    try withFolders { (_, to, _) throws in
      let whole = tar([(file("one"), [UInt8](repeating: 1, count: 2000))])
      for (bytes, words) in [
        ([UInt8](repeating: 0x55, count: 2048), "this is not a tar archive"),
        (Array(whole.prefix(1500)), "the archive ends in the middle of a file"),
      ] {
        let error = #expect(throws: StoreError.self) { try unpack(bytes, into: to) }
        #expect(error?.message == words)
      }
    }
  }
}
