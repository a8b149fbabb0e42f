import Archive
import Foundation
import Kernel
import Testing

@Suite struct TarReaderTests {
  /// A tree with one of everything, packed by GNU tar in each format that it writes.
  @Test(arguments: ["v7", "oldgnu", "gnu", "ustar", "posix"])
  func readsWhatGnuTarWrites(_ format: String) throws {
    try withScratch { scratch in
      let tree = scratch.appending(path: "tree")
      let long = String(repeating: "n", count: 60)
      let made = try run(
        "sh", "-ec",
        """
        mkdir -p tree/dir/\(long)/\(long) && cd tree
        printf hello > file && chmod 4711 file && ln file hard && ln -s file link
        mkfifo pipe && head -c 1500 /dev/zero > dir/zeros
        [ \(format) = v7 ] || : > dir/\(long)/\(long)/deep
        [ \(format) != posix ] || touch -d @1600000000.25 file
        [ \(format) = posix ] || touch -d @1600000000 file
        """, in: scratch)
      #expect(made.status == 0, "\(made.output)")
      let packed = try run(
        "tar", "--format=\(format)", "--sort=name", "-C", tree.path, "-cf", scratch.appending(path: "a.tar").path, ".")
      #expect(packed.status == 0 || format == "v7", "\(packed.output)")
      let entries = try list([UInt8](Data(contentsOf: scratch.appending(path: "a.tar"))))
      let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.entry.path.string, $0) })
      let file = try #require(byName["./file"])
      #expect(file.contents == Array("hello".utf8))
      #expect(file.entry.mode == 0o4711)
      #expect(
        file.entry.modified == Timestamp(seconds: 1_600_000_000, nanoseconds: format == "posix" ? 250_000_000 : 0))
      #expect(byName["./hard"]?.entry.kind == .hardLink(target: "./file"))
      #expect(byName["./link"]?.entry.kind == .symbolicLink(target: "file"))
      #expect(byName["./dir/zeros"]?.contents == [UInt8](repeating: 0, count: 1500))
      #expect(byName["./dir/"]?.entry.kind == .directory)
      if format != "v7" {
        #expect(byName["./pipe"]?.entry.kind == .fifo)
        #expect(byName["./dir/\(long)/\(long)/deep"]?.entry.kind == .regular)
      }
    }
  }

  @Test func readsNumbersOfBase256() throws {
    try withScratch { scratch in
      try Data("x".utf8).write(to: scratch.appending(path: "f"))
      let result = try run(
        "tar", "--format=gnu", "--owner=:3000000", "--group=:4294967290", "--mtime=@-86400", "-cf", "a.tar", "f",
        in: scratch)
      #expect(result.status == 0, "\(result.output)")
      let entry = try #require(try list([UInt8](Data(contentsOf: scratch.appending(path: "a.tar")))).first).entry
      #expect(entry.owner == 3_000_000)
      #expect(entry.group == 4_294_967_290)
      #expect(entry.modified == Timestamp(seconds: -86_400, nanoseconds: 0))
    }
  }

  private let file = TarEntry(path: "f", kind: .regular, mode: 0o644, size: 3)

  /// A header with one field changed and its checksum made right again.
  private func header(_ entry: TarEntry, _ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var block = entry.headerBlocks()
    change(&block)
    for index in 148..<156 { block[index] = 32 }
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    block.replaceSubrange(148..<155, with: (String(repeating: "0", count: 6 - sum.count) + sum + "\0").utf8)
    return block
  }

  private func pax(_ records: String) -> [UInt8] {
    let body = Array(records.utf8)
    let block = header(TarEntry(path: "x", kind: .regular, mode: 0, size: body.count)) { $0[156] = UInt8(ascii: "x") }
    return block + body + [UInt8](repeating: 0, count: Tar.padding(after: body.count))
  }

  @Test func damagedHeadersAreRefused() {
    let good = archive([(file, [1, 2, 3])])
    for change: (inout [UInt8]) -> Void in [
      { $0[0] ^= 1 }, { $0[148] = 57 }, { $0[200] = 1 }, { $0.removeFirst() }, { $0[156] = 0 },
    ] {
      var bytes = good
      change(&bytes)
      #expect(throws: ArchiveError.self) { try list(bytes) }
    }
    #expect(throws: ArchiveError.self) { try list([UInt8](repeating: 65, count: 1024)) }
  }

  @Test func fieldsThatAreNoNumbersAreRefused() {
    for (offset, bytes) in [(100, "9"), (124, "-1"), (124, "8"), (108, "x"), (136, "z")] {
      let block = header(file) { $0.replaceSubrange(offset..<offset + bytes.utf8.count, with: bytes.utf8) }
      #expect(throws: ArchiveError.self, "\(offset)") { try list(block) }
    }
    // A negative size, and one beyond 64 bits, in base 256.
    for (first, rest) in [(0xff, 0xff), (0x80, 0xff)] as [(UInt8, UInt8)] {
      let block = header(file) { $0.replaceSubrange(124..<136, with: [first] + [UInt8](repeating: rest, count: 11)) }
      #expect(throws: ArchiveError.self) { try list(block) }
    }
  }

  @Test(arguments: ["S", "V", "M", "D", "Z", "\u{1}"])
  func unknownTypesAreRefused(_ type: String) {
    #expect(throws: ArchiveError.self) { try list(header(file) { $0[156] = type.utf8.first! }) }
  }

  @Test(arguments: [
    "x", "0 \n", "5 a=b", "6 a=b\nx", "99 a=b\n", "7 =ab\n\n", "5 ab\n", "-6 a=b\n", " 6 a=b\n", "6  a=b\n",
    "99999999 a=b\n",
    "12 size=-12\n", "10 uid=x\n", "27 size=99999999999999999999\n", "14 mtime=1.2.3\n", "11 mtime=\u{7f}\n",
    "13 path=a\u{0}b\n", "22 GNU.sparse.major=1\n", "24 SCHILY.xattr.a\u{0}b=cde\n", "17 SCHILY.xattr.=\n",
  ])
  func brokenPaxRecordsAreRefused(_ records: String) {
    #expect(throws: ArchiveError.self) {
      try list(pax(records) + header(file) { _ in } + [UInt8](repeating: 1, count: 512))
    }
  }

  @Test func aLaterPaxRecordCountsAndAnEmptyOneTakesBack() throws {
    let records = "11 path=ab\n11 path=cd\n11 uid=123\n7 uid=\n28 SCHILY.xattr.user.x=1234\n"
    let entry = try #require(try list(pax(records) + header(file) { _ in } + [UInt8](repeating: 1, count: 512)).first)
      .entry
    #expect(entry.path == "cd")
    #expect(entry.owner == 0)
    #expect(entry.attributes == [ExtendedAttribute(name: "user.x", value: Array("1234".utf8))])
  }

  @Test func theSizeFieldOfWhatHasNoContentsIsIgnored() throws {
    for kind in [TarEntry.Kind.directory, .fifo, .symbolicLink(target: "x"), .hardLink(target: "x")] {
      let block = header(TarEntry(path: "d", kind: kind, mode: 0o755)) {
        $0.replaceSubrange(124..<135, with: "00000001000".utf8)
      }
      #expect(try list(block + archive([(file, [1, 2, 3])])).map(\.entry.size) == [0, 3])
    }
  }

  @Test func limitsHold() throws {
    var limits = TarLimits()
    limits.entries = 2
    #expect(throws: ArchiveError.self) {
      try list(archive([(file, [1, 2, 3]), (file, [1, 2, 3]), (file, [1, 2, 3])]), limits: limits)
    }
    limits = TarLimits()
    limits.totalSize = 5
    #expect(throws: ArchiveError.self) { try list(archive([(file, [1, 2, 3]), (file, [1, 2, 3])]), limits: limits) }
    // Sizes that no sum can hold, as base 256 and as PAX write them.
    let most = header(file) {
      $0.replaceSubrange(124..<136, with: [0x80, 0, 0, 0, 0x7f] + [UInt8](repeating: 0xff, count: 7))
    }
    for huge in [most, pax("28 size=9223372036854775807\n") + header(file) { _ in }] {
      #expect(throws: ArchiveError.self) { try list(archive([(file, [1, 2, 3])]).dropLast(1024) + huge) }
    }
    limits = TarLimits()
    limits.metadataLength = 100
    let long = TarEntry(path: Path(String(repeating: "é", count: 100)), kind: .regular, mode: 0o600)
    #expect(throws: ArchiveError.self) { try list(archive([(long, [])]), limits: limits) }
    let tooLong = TarEntry(path: Path(String(repeating: "a/", count: 2100)), kind: .directory, mode: 0o700)
    #expect(throws: ArchiveError.self) { try list(archive([(tooLong, [])])) }
    let linkTooLong = TarEntry(path: "l", kind: .symbolicLink(target: tooLong.path), mode: 0o777)
    #expect(throws: ArchiveError.self) { try list(archive([(linkTooLong, [])])) }
    let many = (0...256).map { ExtendedAttribute(name: "user.\($0)", value: []) }
    #expect(throws: ArchiveError.self) {
      try list(archive([(TarEntry(path: "x", kind: .regular, mode: 0, attributes: many), [])]))
    }
  }

  @Test func emptyNamesAndTargetsAreRefused() {
    #expect(throws: ArchiveError.self) { try list(header(file) { $0[0] = 0 }) }
    let link = TarEntry(path: "l", kind: .symbolicLink(target: ""), mode: 0o777)
    #expect(throws: ArchiveError.self) { try list(archive([(link, [])])) }
  }

  @Test func nothingBehindTheEndIsRead() throws {
    #expect(try list(archive([(file, [1, 2, 3])]) + [UInt8](repeating: 65, count: 700)).count == 1)
    let single = file.headerBlocks() + [UInt8](repeating: 0, count: 1024) + file.headerBlocks()
    #expect(throws: ArchiveError.self) { try list(single) }
  }

  /// Broken archives end in an error or in entries within the limits, never in a trap.
  @Test func mutationsDoNoHarm() throws {
    let seed = archive(TarWriterTests.entries.map { ($0, [UInt8](repeating: 120, count: $0.size)) })
    var state: UInt64 = 7
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    var accepted = 0
    for _ in 0..<3000 {
      var bytes = seed
      let block = random(bytes.count / 512) * 512
      for _ in 0...random(4) { bytes[block + random(512)] = UInt8(random(256)) }
      if random(2) == 0 {
        // Make the checksum right, so that the fields behind it are reached.
        for index in 148..<156 { bytes[block + index] = 32 }
        let sum = String(bytes[block..<block + 512].reduce(0) { $0 + Int($1) }, radix: 8)
        bytes.replaceSubrange(
          block + 148..<block + 155, with: (String(repeating: "0", count: max(0, 6 - sum.count)) + sum + "\0").utf8)
      }
      if random(8) == 0 { bytes.removeLast(random(bytes.count)) }
      if let entries = try? list(bytes) {
        accepted += 1
        #expect(entries.allSatisfy { !$0.entry.path.isEmpty && $0.entry.size == $0.contents.count })
      }
    }
    #expect(accepted > 100)
  }
}

@Suite struct WhiteoutTests {
  @Test func namesMeanWhatTheSpecificationSays() throws {
    #expect(try Whiteout(name: "passwd") == nil)
    #expect(try Whiteout(name: ".wh") == nil)
    #expect(try Whiteout(name: ".wh.passwd") == .removes("passwd"))
    #expect(try Whiteout(name: ".wh..hidden") == .removes(".hidden"))
    #expect(try Whiteout(name: ".wh....") == .removes("..."))
    #expect(try Whiteout(name: ".wh..wh..opq") == .opaque)
    #expect(Whiteout.removes("a").name == ".wh.a")
    #expect(Whiteout.opaque.name == ".wh..wh..opq")
  }

  @Test(arguments: [".wh.", ".wh..", ".wh...", ".wh..wh.", ".wh..wh.plnk", ".wh..wh.aufs", ".wh.a/b"])
  func hostileNamesAreRefused(_ name: String) {
    #expect(throws: ArchiveError.self) { try Whiteout(name: Path(name)) }
  }
}
