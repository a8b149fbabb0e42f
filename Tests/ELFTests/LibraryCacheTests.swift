import ELF
import Foundation
import Kernel
import Testing

@Suite struct LibraryCacheTests {
  static func run(_ command: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [command] + arguments
    process.environment = ["LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  /// What `ldconfig -p` prints of a cache: `libz.so.1 => /lib/libz.so.1`.
  static func listed(_ cache: String) throws -> Set<String> {
    let lines = try run("ldconfig", "-C", cache, "-p").split(separator: "\n").dropFirst()
    return Set(
      lines.compactMap { line -> String? in
        guard let arrow = line.range(of: " => "), let name = line.split(separator: " ").first else { return nil }
        return name.trimmingCharacters(in: .whitespaces) + " => " + line[arrow.upperBound...]
      })
  }

  @Test func readsTheHostsCacheAsLdconfigDoes() throws {
    let cache = try LibraryCache(parsing: readFile("/etc/ld.so.cache"))
    let listed = try Self.listed("/etc/ld.so.cache")
    #expect(listed.count > 20)
    #expect(Set(cache.entries.map { "\($0.name) => \($0.path)" }) == listed)
  }

  @Test func ldconfigReadsWhatWeWrite() throws {
    let entries = ["libc.so.6", "libc.so.10", "libz.so", "liba-2.so", "liba-10.so", "libstdc++.so.6"].map {
      LibraryCache.Entry(name: Path($0), path: Path("/usr/lib/\($0)"), flags: Architecture.amd64.cacheFlags ?? 0)
    }
    let fast = LibraryCache.Entry(
      name: "libz.so", path: "/usr/lib/glibc-hwcaps/x86-64-v3/libz.so", flags: 0x0303, capability: "x86-64-v3")
    let cache = LibraryCache(entries: entries + [fast])
    let file = FileManager.default.temporaryDirectory.appending(path: "skiff-cache-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(cache.encoded()).write(to: file)
    #expect(try Self.listed(file.path) == Set(cache.entries.map { "\($0.name) => \($0.path)" }))
    let back = try LibraryCache(parsing: cache.encoded())
    #expect(Set(back.entries) == Set(cache.entries))
    #expect(back.encoded() == cache.encoded())
  }

  @Test func choosesTheBestCapability() {
    let plain = LibraryCache.Entry(name: "libz.so", path: "/lib/libz.so", flags: 0x0303)
    let others = ["x86-64-v2", "x86-64-v3", "x86-64-v4"].map { (level: String) in
      LibraryCache.Entry(name: "libz.so", path: Path("/lib/\(level)/libz.so"), flags: 0x0303, capability: level)
    }
    let old = LibraryCache.Entry(name: "libz.so", path: "/lib32/libz.so", flags: 0x0003)
    let cache = LibraryCache(entries: [old] + others + [plain])
    #expect(cache.lookup("libz.so", for: .amd64, capabilities: ["x86-64-v3", "x86-64-v2"]) == "/lib/x86-64-v3/libz.so")
    #expect(cache.lookup("libz.so", for: .amd64, capabilities: []) == "/lib/libz.so")
    #expect(cache.lookup("libz.so", for: .i386, capabilities: ["x86-64-v3"]) == "/lib32/libz.so")
    #expect(cache.lookup("libz.so", for: .arm64, capabilities: []) == nil)
    #expect(cache.lookup("liby.so", for: .amd64, capabilities: []) == nil)
  }

  /// Two caches in one file, as ldconfig wrote them before glibc 2.32.
  @Test func readsACacheBehindTheOldTable() throws {
    let new = LibraryCache(entries: [.init(name: "libc.so.6", path: "/lib/libc.so.6", flags: 0x0303)])
    var file = Array("ld.so-1.7.0".utf8) + [0] + [1, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
    while file.count % 8 != 0 { file.append(0) }
    #expect(try LibraryCache(parsing: file + new.encoded()).entries == new.entries)
    #expect(throws: ELFError.self) { try LibraryCache(parsing: file) }
  }

  @Test func refusesWhatItCannotTrust() {
    let good = LibraryCache(entries: [.init(name: "a", path: "/a", flags: 0x0303)]).encoded()
    #expect(throws: ELFError.malformed("not a library cache")) { try LibraryCache(parsing: []) }
    var many = good
    many[23] = 0x7f
    #expect(throws: ELFError.truncated("library cache")) { try LibraryCache(parsing: many) }
    var far = good
    far[48 + 7] = 0x7f
    #expect(throws: ELFError.truncated("name in the library cache")) { try LibraryCache(parsing: far) }
    #expect(throws: ELFError.malformed("a name in the library cache has no end")) {
      try LibraryCache(parsing: Array(good.dropLast()))
    }
    var foreign = good
    foreign[28] = 3
    #expect(throws: ELFError.self) { try LibraryCache(parsing: foreign) }
  }
}
