package import Kernel

/// `/etc/ld.so.cache`: which file a library's name stands for (glibc's elf/cache.c and sysdeps/generic/dl-cache.h).
///
/// The format of glibc 2.2 and up is read, alone or behind the older table that some distributions still put in front,
/// with the extension of glibc 2.33 that names glibc-hwcaps directories.
package struct LibraryCache: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    /// The name that is asked for: `libc.so.6`.
    package var name: Path
    package var path: Path
    /// The machine and the C library that the file is for (`Architecture.cacheFlags`).
    package var flags: UInt32
    /// The glibc-hwcaps directory the file lies in: `x86-64-v3`.
    package var capability: String?

    package init(name: Path, path: Path, flags: UInt32, capability: String? = nil) {
      self.name = name
      self.path = path
      self.flags = flags
      self.capability = capability
    }
  }

  package var entries: [Entry]
  package init(entries: [Entry]) { self.entries = entries }

  /// The file that the dynamic linker would take for `name`: that of the best capability, else the plain one.
  package func lookup(_ name: Path, for architecture: Architecture, capabilities: [String]) -> Path? {
    guard let flags = architecture.cacheFlags else { return nil }
    var plain: Path?
    var best: (rank: Int, path: Path)?
    for entry in entries where entry.flags == flags && entry.name == name {
      guard let capability = entry.capability else {
        plain = plain ?? entry.path
        continue
      }
      guard let rank = capabilities.firstIndex(of: capability), rank < best?.rank ?? .max else { continue }
      best = (rank, entry.path)
    }
    return best?.path ?? plain
  }
}

// MARK: - Reading

extension LibraryCache {
  static let magic = Array("glibc-ld.so.cache1.1".utf8)
  static let oldMagic = Array("ld.so-1.7.0".utf8)
  static let headerSize = 48
  static let entrySize = 24
  static let extensionMagic: UInt32 = 0xeaa4_2174
  /// Bit 62 of an entry's hwcap: the low half is an index into the names of glibc-hwcaps directories.
  static let isExtension: UInt64 = 1 << 62

  /// Entries for other machines or with the capability bits of before glibc 2.33 are kept out: nothing here asks for them.
  package init(parsing file: [UInt8]) throws(ELFError) {
    let table = try Self.newTable(in: file)
    let flags = table.count > 28 ? table[table.startIndex + 28] & 3 : 0
    // 0: written before glibc 2.33, in the byte order of its machine; 2: little-endian.
    guard flags == 0 || flags == 2 else { throw .unsupported("a library cache of the other byte order") }
    let view = ByteView(bytes: table, isBigEndian: false)
    let count = Int(try view.u32(20))
    guard count <= (table.count - Self.headerSize) / Self.entrySize else { throw .truncated("library cache") }
    let capabilities = try Self.capabilityNames(view)
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    for index in 0..<count {
      let at = Self.headerSize + index * Self.entrySize
      let hwcap = try view.u64(at + 16)
      var capability: String?
      if hwcap & Self.isExtension != 0 {
        let name = Int(truncatingIfNeeded: hwcap & 0xffff_ffff)
        guard name < capabilities.count else { continue }
        capability = capabilities[name]
      } else if hwcap != 0 {
        continue
      }
      entries.append(
        Entry(
          name: try Self.string(in: table, at: try view.u32(at + 4)),
          path: try Self.string(in: table, at: try view.u32(at + 8)), flags: try view.u32(at), capability: capability))
    }
    self.entries = entries
  }

  /// The new table starts the file, or follows the old one at the next multiple of eight.
  private static func newTable(in file: [UInt8]) throws(ELFError) -> ArraySlice<UInt8> {
    if file.starts(with: magic) { return file[...] }
    guard file.starts(with: oldMagic) else { throw .malformed("not a library cache") }
    let count = Int(try ByteView(bytes: file[...], isBigEndian: false).u32(12))
    let end = (16 + count * 12 + 7) & ~7
    guard end < file.count, file[end...].starts(with: magic) else {
      throw .unsupported("a library cache from before glibc 2.2")
    }
    return file[end...]
  }

  private static func string(in table: ArraySlice<UInt8>, at offset: UInt32) throws(ELFError) -> Path {
    guard Int(offset) < table.count else { throw .truncated("name in the library cache") }
    let rest = table[(table.startIndex + Int(offset))...]
    let name = rest.prefix(4097).prefix { $0 != 0 }
    guard name.count <= 4096, name.count < rest.count else {
      throw .malformed("a name in the library cache has no end")
    }
    return Path(bytes: name) ?? ""
  }

  private static func capabilityNames(_ view: ByteView) throws(ELFError) -> [String] {
    let start = Int(try view.u32(32))
    guard start != 0 else { return [] }
    guard try view.u32(start) == extensionMagic else { return [] }
    let sections = Int(try view.u32(start + 4))
    guard sections <= 64 else { throw .malformed("a library cache with \(sections) extensions") }
    for index in 0..<sections {
      let at = start + 8 + index * 16
      // Tag 1: an array of offsets of strings.
      guard try view.u32(at) == 1 else { continue }
      let (offset, size) = (Int(try view.u32(at + 8)), Int(try view.u32(at + 12)))
      guard size <= 4096 else { throw .malformed("a library cache with \(size / 4) capabilities") }
      var names: [String] = []
      for item in stride(from: 0, to: size & ~3, by: 4) {
        names.append(try string(in: view.bytes, at: try view.u32(offset + item)).string)
      }
      return names
    }
    return []
  }
}

// MARK: - Writing

extension LibraryCache {
  /// The file as ldconfig(8) would write it.
  package func encoded() -> [UInt8] {
    let sorted = Set(entries).sorted(by: Self.precedes)
    let capabilities = Set(sorted.compactMap(\.capability)).sorted()
    var strings = StringTable(base: Self.headerSize + sorted.count * Self.entrySize)
    var table: [UInt8] = []
    for entry in sorted {
      table.append(littleEndian: UInt64(entry.flags), 4)
      table.append(littleEndian: UInt64(strings.offset(of: entry.name.bytes)), 4)
      table.append(littleEndian: UInt64(strings.offset(of: entry.path.bytes)), 4)
      table.append(littleEndian: 0, 4)
      let index = entry.capability.flatMap { capabilities.firstIndex(of: $0) }
      // Bits 32 to 41 would hold the ISA level of the file; zero claims none.
      table.append(littleEndian: index.map { Self.isExtension | UInt64($0) } ?? 0, 8)
    }
    let names = capabilities.map { strings.offset(of: Array($0.utf8)[...]) }
    let extensionOffset = capabilities.isEmpty ? 0 : (strings.base + strings.bytes.count + 3) & ~3

    var file = Self.magic
    file.append(littleEndian: UInt64(sorted.count), 4)
    file.append(littleEndian: UInt64(strings.bytes.count), 4)
    file.append(littleEndian: 2, 4)
    file.append(littleEndian: UInt64(extensionOffset), 4)
    file.append(contentsOf: repeatElement(0, count: Self.headerSize - file.count))
    file += table
    file += strings.bytes
    guard !capabilities.isEmpty else { return file }
    file.append(contentsOf: repeatElement(0, count: extensionOffset - file.count))
    file.append(littleEndian: UInt64(Self.extensionMagic), 4)
    file.append(littleEndian: 1, 4)
    // One section, right behind its own description.
    for number in [1, 0, UInt64(extensionOffset + 24), UInt64(4 * names.count)] { file.append(littleEndian: number, 4) }
    for name in names { file.append(littleEndian: UInt64(name), 4) }
    return file
  }

  /// The linker searches by halves and expects names in falling order, and of one name the capabilities first.
  private static func precedes(_ a: Entry, _ b: Entry) -> Bool {
    let order = compareNames(a.name.bytes, b.name.bytes)
    if order != 0 { return order > 0 }
    if a.flags != b.flags { return a.flags > b.flags }
    if (a.capability == nil) != (b.capability == nil) { return a.capability != nil }
    if a.capability != b.capability { return a.capability ?? "" > b.capability ?? "" }
    return a.path.bytes.lexicographicallyPrecedes(b.path.bytes)
  }

  /// `_dl_cache_libcmp`: runs of digits compare as numbers.
  static func compareNames(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int {
    func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
    var (a, b) = (a, b)
    func takeNumber(_ from: inout ArraySlice<UInt8>) -> Int {
      var value = 0
      while let byte = from.first, isDigit(byte) {
        value = value &* 10 &+ Int(byte - 48)
        from.removeFirst()
      }
      return value
    }
    while let first = a.first {
      let second = b.first ?? 0
      if isDigit(first) {
        guard isDigit(second) else { return 1 }
        let (x, y) = (takeNumber(&a), takeNumber(&b))
        if x != y { return x < y ? -1 : 1 }
      } else if isDigit(second) {
        return -1
      } else if first != second {
        return Int(first) - Int(second)
      } else {
        a.removeFirst()
        b.removeFirst()
      }
    }
    return b.isEmpty ? 0 : -1
  }
}

/// Strings that are stored once each, behind a table of known size.
private struct StringTable {
  let base: Int
  var bytes: [UInt8] = []
  private var known: [ArraySlice<UInt8>: Int] = [:]

  init(base: Int) { self.base = base }

  mutating func offset(of string: ArraySlice<UInt8>) -> Int {
    if let offset = known[string] { return offset }
    let offset = base + bytes.count
    bytes.append(contentsOf: string)
    bytes.append(0)
    known[string] = offset
    return offset
  }
}

extension [UInt8] {
  mutating func append(littleEndian value: UInt64, _ width: Int) {
    for index in 0..<width { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
  }
}
