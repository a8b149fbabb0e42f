import Archive
import Foundation
import Kernel
import Testing

/// Sparse files in each way that GNU tar writes them.
@Suite struct SparseTests {
  static let formats = [
    ["--format=gnu"], ["--format=posix", "--sparse-version=0.0"], ["--format=posix", "--sparse-version=0.1"],
    ["--format=posix", "--sparse-version=1.0"],
  ]

  /// - Parameter parts: 4096 bytes of data each, with a hole before it.
  private func packed(_ options: [String], parts: Int, size: Int) throws -> (archive: [UInt8], file: [UInt8]) {
    try withScratch { scratch in
      let file = scratch.appending(path: "holes")
      FileManager.default.createFile(atPath: file.path, contents: nil)
      let handle = try FileHandle(forWritingTo: file)
      for part in 0..<parts {
        try handle.seek(toOffset: UInt64((2 * part + 1) * 65_536))
        try handle.write(contentsOf: Data(repeating: UInt8(part % 250 + 1), count: 4096))
      }
      try handle.truncate(atOffset: UInt64(size))
      try handle.close()
      try Data("after".utf8).write(to: scratch.appending(path: "last"))
      let made = try Process.run(
        URL(filePath: "/usr/bin/env"),
        arguments: ["tar", "-C", scratch.path, "--sparse"] + options
          + ["-cf", scratch.appending(path: "a.tar").path, "holes", "last"])
      made.waitUntilExit()
      try #require(made.terminationStatus == 0)
      return ([UInt8](try Data(contentsOf: scratch.appending(path: "a.tar"))), [UInt8](try Data(contentsOf: file)))
    }
  }

  @Test(arguments: formats, [(0, 1 << 20), (1, 1 << 20), (5, 700_000), (300, 40_000_000)])
  func areReadAsTheFilesTheyWere(_ options: [String], _ shape: (parts: Int, size: Int)) throws {
    let (archive, original) = try packed(options, parts: shape.parts, size: shape.size)
    #expect(archive.count < original.count || shape.parts == 5)
    let found = try list(archive)
    #expect(found.map(\.entry.path) == ["holes", "last"])
    #expect(found.last?.contents == Array("after".utf8))
    let holes = try #require(found.first)
    #expect(holes.entry.size == original.count)
    let extents = try #require(holes.entry.sparse)
    #expect(extents.filter { $0.size > 0 }.count == shape.parts)
    var rebuilt = [UInt8](repeating: 0, count: holes.entry.size)
    var position = 0
    for extent in extents {
      rebuilt.replaceSubrange(
        extent.offset..<extent.offset + extent.size, with: holes.contents[position..<position + extent.size])
      position += extent.size
    }
    #expect(position == holes.contents.count)
    #expect(rebuilt == original)
  }

  /// An archive of one file with these PAX records and these contents.
  private func pax(_ records: [(String, String)], _ contents: [UInt8]) -> [UInt8] {
    var body: [UInt8] = []
    for (key, value) in records {
      let rest = " \(key)=\(value)\n"
      var length = rest.utf8.count + 1
      while "\(length)\(rest)".utf8.count != length { length = "\(length)\(rest)".utf8.count }
      body += "\(length)\(rest)".utf8
    }
    var header = TarEntry(path: "x", kind: .regular, mode: 0o644, size: body.count).headerBlocks()
    header[156] = UInt8(ascii: "x")
    let sum = header.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(header[$1])) }
    let digits = String(sum, radix: 8)
    header.replaceSubrange(148..<155, with: (String(repeating: "0", count: 6 - digits.count) + digits + "\0").utf8)
    let file = TarEntry(path: "f", kind: .regular, mode: 0o644, size: contents.count).headerBlocks()
    return header + body + [UInt8](repeating: 0, count: Tar.padding(after: body.count)) + file + contents
      + [UInt8](repeating: 0, count: Tar.padding(after: contents.count)) + Tar.end
  }

  @Test(arguments: [
    "0,4,2,4", "4,4,0,4", "0,8,9", "0,8,x,1", "0,4", "0,9223372036854775807", "9223372036854775807,8", "96,8", "-1,8",
    ",", "0,,8",
  ])
  func mapsThatDoNotFitAreRefused(_ map: String) throws {
    let eight = Array("12345678".utf8)
    let good = try list(
      pax([("GNU.sparse.map", "0,4,90,4"), ("GNU.sparse.size", "100"), ("GNU.sparse.name", "real")], eight))
    #expect(good.first?.entry.path == "real")
    #expect(good.first?.entry.sparse == [TarExtent(offset: 0, size: 4), TarExtent(offset: 90, size: 4)])
    #expect(throws: ArchiveError.self) {
      try list(pax([("GNU.sparse.map", map), ("GNU.sparse.size", "100")], eight))
    }
    #expect(throws: ArchiveError.self) { try list(pax([("GNU.sparse.map", "0,4,90,4")], eight)) }
  }

  @Test func mapsBeforeTheContentsAreBounded() throws {
    func archive(_ text: String, _ contents: String) -> [UInt8] {
      var bytes = Array(text.utf8)
      bytes += [UInt8](repeating: 0, count: Tar.padding(after: bytes.count))
      return pax(
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "100")],
        bytes + Array(contents.utf8))
    }
    #expect(try list(archive("2\n0\n4\n90\n4\n", "12345678")).first?.contents == Array("12345678".utf8))
    for text in ["2\n0\n4\n90\n", "99999999999999999999\n", "2\n0\n4\n90\n5\n", "a\n", "\n", "1048577\n", "-1\n", ""] {
      #expect(throws: ArchiveError.self, "\(text)") { try list(archive(text, "12345678")) }
    }
    var limits = TarLimits()
    limits.extents = 1
    #expect(throws: ArchiveError.self) { try list(archive("2\n0\n4\n90\n4\n", "12345678"), limits: limits) }
    limits = TarLimits()
    limits.totalSize = 99
    #expect(throws: ArchiveError.self) { try list(archive("2\n0\n4\n90\n4\n", "12345678"), limits: limits) }
    for (major, minor) in [("1", "1"), ("2", "0")] {
      #expect(throws: ArchiveError.self) {
        try list(pax([("GNU.sparse.major", major), ("GNU.sparse.minor", minor), ("GNU.sparse.realsize", "9")], []))
      }
    }
  }

  /// Damage of a map never leads outside of the file, and never stops the reader without an error.
  @Test(arguments: formats)
  func damageIsBounded(_ options: [String]) throws {
    let (archive, _) = try packed(options, parts: 30, size: 4_000_000)
    var state: UInt64 = 11
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var maps = 0
    for _ in 0..<2000 {
      var damaged = archive
      for _ in 0...random(3) { damaged[random(4096)] = UInt8(random(256)) }
      // The checksums of the first headers, so that the damage is looked at.
      for block in 0..<4 where random(4) > 0 {
        let start = block * 512
        let sum = (start..<start + 512).reduce(0) {
          $0 + ((148..<156).contains($1 - start) ? 32 : Int(damaged[$1]))
        }
        let digits = String(sum, radix: 8)
        damaged.replaceSubrange(
          start + 148..<start + 155, with: (String(repeating: "0", count: 6 - digits.count) + digits + "\0").utf8)
      }
      guard let found = try? list(damaged) else { continue }
      for case let extents? in found.map(\.entry.sparse) {
        maps += 1
        #expect(zip(extents, extents.dropFirst()).allSatisfy { $0.offset + $0.size <= $1.offset })
      }
    }
    #expect(maps > 0, "no map was read at all")
  }
}
