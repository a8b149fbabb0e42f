import Archive
import Foundation
import Kernel
import Testing

private let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789)
private let long =
  String(repeating: "d", count: 90) + "/" + String(repeating: "e", count: 90) + "/" + String(repeating: "f", count: 90)

@Suite struct TarWriterTests {
  static let entries: [TarEntry] = [
    TarEntry(path: "etc", kind: .directory, mode: 0o755),
    TarEntry(path: "etc/passwd", kind: .regular, mode: 0o4644, owner: 1000, group: 1001, modified: time, size: 5),
    TarEntry(path: "é", kind: .regular, mode: 0o600, size: 0),
    TarEntry(path: Path(long), kind: .regular, mode: 0o600, size: 513),
    TarEntry(path: Path(String(repeating: "a", count: 100)), kind: .fifo, mode: 0o600),
    TarEntry(
      path: Path(String(repeating: "a", count: 155) + "/" + String(repeating: "b", count: 100)), kind: .fifo,
      mode: 0o600),
    TarEntry(
      path: Path(String(repeating: "a", count: 156) + "/" + String(repeating: "b", count: 99)), kind: .fifo, mode: 0o600
    ),
    TarEntry(path: "link", kind: .symbolicLink(target: "../etc/passwd"), mode: 0o777),
    TarEntry(path: "longlink", kind: .symbolicLink(target: Path(long)), mode: 0o777),
    TarEntry(path: "hard", kind: .hardLink(target: "etc/passwd"), mode: 0o644),
    TarEntry(path: "null", kind: .characterDevice(DeviceNumber(major: 1, minor: 3)), mode: 0o666),
    TarEntry(path: "loop", kind: .blockDevice(DeviceNumber(major: 7, minor: 1000)), mode: 0o660),
    TarEntry(path: "big-ids", kind: .regular, mode: 0o600, owner: 4_294_967_294, group: 2_097_152),
    TarEntry(path: "old", kind: .regular, mode: 0o600, modified: Timestamp(seconds: -2, nanoseconds: 500_000_000)),
    TarEntry(path: "older", kind: .regular, mode: 0o600, modified: Timestamp(seconds: -5, nanoseconds: 0)),
    TarEntry(path: "later", kind: .regular, mode: 0o600, modified: Timestamp(seconds: 1 << 34, nanoseconds: 1)),
    TarEntry(
      path: "tagged", kind: .regular, mode: 0o600,
      attributes: [
        ExtendedAttribute(name: "security.capability", value: [1, 0, 0, 2, 0, 10, 61, 255]),
        ExtendedAttribute(name: "user.a", value: []), ExtendedAttribute(name: "user.b", value: Array("x\n=y".utf8)),
      ]),
  ]

  private var bytes: [UInt8] { archive(Self.entries.map { ($0, [UInt8](repeating: 120, count: $0.size)) }) }

  @Test func whatIsWrittenReadsBackAlike() throws {
    let read = try list(bytes)
    #expect(read.map(\.entry.path) == Self.entries.map { $0.kind == .directory ? Path("\($0.path)/") : $0.path })
    for (read, written) in zip(read, Self.entries) where written.kind != .directory { #expect(read.entry == written) }
    #expect(bytes.count % Tar.blockSize == 0)
  }

  @Test func theSizeOfEightGigabytesAndMoreIsKept() throws {
    let entry = TarEntry(path: "huge", kind: .regular, mode: 0o600, size: 1 << 33)
    var reader = TarReader()
    let blocks = entry.headerBlocks()
    #expect(blocks.count == 3 * Tar.blockSize)
    #expect(try reader.read(header: blocks[..<512]) == .metadata(length: 19))
    try reader.read(metadata: blocks[512..<(512 + 19)])
    #expect(try reader.read(header: blocks[1024...]) == .entry(entry))
  }

  @Test func plainEntriesNeedNoPax() {
    for entry in Self.entries where ["etc", "link", "hard", "null", "loop"].contains(entry.path.string) {
      #expect(entry.headerBlocks().count == Tar.blockSize, "\(entry.path)")
    }
  }

  /// The record's length counts its own digits: the values around a power of ten are where that goes wrong.
  @Test func recordsOfEveryLengthHold() throws {
    for length in Array(75...110) + Array(970...1010) {
      let attribute = ExtendedAttribute(name: "user.x", value: [UInt8](repeating: 65, count: length))
      let entry = TarEntry(path: "x", kind: .regular, mode: 0o600, attributes: [attribute])
      #expect(try list(archive([(entry, [])])).map(\.entry) == [entry])
    }
  }

  /// GNU tar's eyes see the same.
  @Test func gnuTarReadsIt() throws {
    try withScratch { scratch in
      let file = scratch.appending(path: "a.tar")
      try Data(bytes).write(to: file)
      let listing = try run(
        "env", "TZ=UTC", "LC_ALL=C.UTF-8", "tar", "--full-time", "--numeric-owner", "-tvf", file.path)
      #expect(listing.status == 0, "\(listing.output)")
      let lines = listing.output.split(separator: "\n").map(String.init)
      #expect(lines.count == Self.entries.count)
      for (line, end) in [
        (1, "etc/passwd"), (3, long), (8, "longlink -> \(long)"), (9, "hard link to etc/passwd"),
      ] { #expect(lines[line].hasSuffix(end), "\(lines[line])") }
      #expect(lines[1].hasPrefix("-rwSr--r-- 1000/1001"))
      #expect(lines[1].contains("2023-11-14 22:13:20.123456789"))
      #expect(lines[10].contains("1,3"))
      #expect(lines[12].contains("4294967294/2097152"))
      // Its listing rounds times before 1970 the wrong way; what it extracts is right.
      #expect(try run("tar", "-xf", file.path, "old", "older", in: scratch).status == 0)
      for name in ["old", "older"] {
        let modified = try status(of: Path(scratch.appending(path: name).path)).modified
        #expect(modified == Self.entries.first { $0.path.string == name }?.modified)
      }
    }
  }
}
