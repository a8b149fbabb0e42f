internal import Kernel

// The same entry is the same bytes on every machine and at every time: that is what a layer's digest stands on.

extension TarEntry {
  /// The blocks that stand before the contents: a ustar header (POSIX.1-1988), with a PAX header (POSIX.1-2001) before it
  /// when something does not fit: long or non-ASCII names, large numbers, fractions of a second, extended attributes.
  package func headerBlocks() -> [UInt8] {
    var header = [UInt8](repeating: 0, count: Tar.blockSize)
    var records = PaxRecords()
    put(name: archivePath, into: &header, &records)
    switch kind {
    case .symbolicLink(let target), .hardLink(let target): put(link: target, into: &header, &records)
    case .characterDevice(let device), .blockDevice(let device):
      header.putOctal(UInt64(device.major), at: 329, width: 8)
      header.putOctal(UInt64(device.minor), at: 337, width: 8)
    case .regular, .directory, .fifo: break
    }
    header.putOctal(UInt64(mode.rawValue & 0o7777), at: 100, width: 8)
    put(number: UInt64(owner), key: "uid", at: 108, width: 8, into: &header, &records)
    put(number: UInt64(group), key: "gid", at: 116, width: 8, into: &header, &records)
    let contents = kind == .regular ? UInt64(size) : 0
    put(number: contents, key: "size", at: 124, width: 12, into: &header, &records)
    putTime(into: &header, &records)
    for attribute in attributes {
      records.add("SCHILY.xattr.".utf8 + Array(attribute.name.bytes), attribute.value)
    }
    header.finish(type: typeFlag)
    return records.isEmpty ? header : paxBlocks(records) + header
  }

  /// A directory's name ends in a slash, as every tar writes it.
  private var archivePath: [UInt8] {
    var name = Array(path.bytes)
    if kind == .directory, name.last != UInt8(ascii: "/") { name.append(UInt8(ascii: "/")) }
    return name
  }

  private var typeFlag: UInt8 {
    switch kind {
    case .regular: UInt8(ascii: "0")
    case .hardLink: UInt8(ascii: "1")
    case .symbolicLink: UInt8(ascii: "2")
    case .characterDevice: UInt8(ascii: "3")
    case .blockDevice: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }

  private func put(name: [UInt8], into header: inout [UInt8], _ records: inout PaxRecords) {
    let isASCII = name.allSatisfy { $0 < 0x80 }
    if isASCII, name.count <= 100 {
      header.put(name, at: 0)
    } else if isASCII, let slash = Self.prefixLength(of: name) {
      header.put(name[..<slash], at: 345)
      header.put(name[(slash + 1)...], at: 0)
    } else {
      records.add(Array("path".utf8), name)
      header.put(Self.asciiHead(of: name), at: 0)
    }
  }

  /// Where a slash parts the name into a prefix of at most 155 bytes and a rest of at most 100.
  private static func prefixLength(of name: [UInt8]) -> Int? {
    guard name.count <= 256 else { return nil }
    // The slash that a directory's name ends in leaves no name behind it.
    return name.indices.dropLast().last { name[$0] == UInt8(ascii: "/") && $0 <= 155 && $0 > 0 }
      .flatMap { name.count - $0 - 1 <= 100 ? $0 : nil }
  }

  private func put(link target: Path, into header: inout [UInt8], _ records: inout PaxRecords) {
    let bytes = Array(target.bytes)
    if bytes.count <= 100, bytes.allSatisfy({ $0 < 0x80 }) {
      header.put(bytes, at: 157)
    } else {
      records.add(Array("linkpath".utf8), bytes)
      header.put(Self.asciiHead(of: bytes), at: 157)
    }
  }

  /// What a reader without PAX sees.
  private static func asciiHead(of name: [UInt8]) -> ArraySlice<UInt8> {
    name.map { $0 < 0x80 ? $0 : UInt8(ascii: "?") }.prefix(100)
  }

  private func put(
    number: UInt64, key: String, at offset: Int, width: Int, into header: inout [UInt8], _ records: inout PaxRecords
  ) {
    if number < 1 << (3 * UInt64(width - 1)) {
      header.putOctal(number, at: offset, width: width)
    } else {
      records.add(Array(key.utf8), Array(String(number).utf8))
      header.putOctal(0, at: offset, width: width)
    }
  }

  private func putTime(into header: inout [UInt8], _ records: inout PaxRecords) {
    let fits = modified.seconds >= 0 && modified.seconds < 1 << 33
    header.putOctal(fits ? UInt64(modified.seconds) : 0, at: 136, width: 12)
    if !fits || modified.nanoseconds != 0 {
      records.add(Array("mtime".utf8), Array(Self.decimal(modified).utf8))
    }
  }

  /// `-1.5` is half a second before the second -1: PAX writes one signed decimal number, a Timestamp counts its nanoseconds
  /// upward from the second below.
  static func decimal(_ time: Timestamp) -> String {
    if time.nanoseconds == 0 { return String(time.seconds) }
    let isNegative = time.seconds < 0
    let seconds = isNegative ? -(time.seconds + 1) : time.seconds
    var fraction = String(isNegative ? 1_000_000_000 - time.nanoseconds : time.nanoseconds)
    fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
    while fraction.last == "0" { fraction.removeLast() }
    return "\(isNegative ? "-" : "")\(seconds).\(fraction)"
  }

  private func paxBlocks(_ records: PaxRecords) -> [UInt8] {
    let body = records.bytes
    var header = [UInt8](repeating: 0, count: Tar.blockSize)
    let name = "PaxHeaders.0/".utf8 + Self.asciiHead(of: Array(path.name.utf8))
    header.put(name.prefix(100), at: 0)
    for offset in [100, 108, 116] { header.putOctal(0, at: offset, width: 8) }
    header.putOctal(UInt64(body.count), at: 124, width: 12)
    header.putOctal(0, at: 136, width: 12)
    header.finish(type: UInt8(ascii: "x"))
    return header + body + [UInt8](repeating: 0, count: Tar.padding(after: body.count))
  }
}

/// `length key=value\n`, where the length counts itself, sorted by key.
private struct PaxRecords {
  private var records: [(key: [UInt8], value: [UInt8])] = []

  var isEmpty: Bool { records.isEmpty }

  mutating func add(_ key: [UInt8], _ value: [UInt8]) { records.append((key, value)) }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for (key, value) in records.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let rest = key.count + value.count + 3  // a space, an equals sign, a newline
      var length = rest + String(rest).utf8.count
      if String(length).utf8.count + rest != length { length = rest + String(length).utf8.count }
      bytes += "\(length) ".utf8
      bytes += key
      bytes.append(UInt8(ascii: "="))
      bytes += value
      bytes.append(0x0a)
    }
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ bytes: some Collection<UInt8>, at offset: Int) {
    replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  /// Digits with leading zeros and a NUL.
  fileprivate mutating func putOctal(_ number: UInt64, at offset: Int, width: Int) {
    let digits = String(number, radix: 8)
    put((String(repeating: "0", count: Swift.max(0, width - 1 - digits.utf8.count)) + digits).utf8, at: offset)
  }

  fileprivate mutating func finish(type: UInt8) {
    self[156] = type
    put("ustar\u{0}00".utf8, at: 257)
    // The checksum counts its own field as spaces.
    put(repeatElement(UInt8(ascii: " "), count: 8), at: 148)
    let sum = reduce(0) { $0 + UInt64($1) }
    putOctal(sum, at: 148, width: 7)
    self[154] = 0
  }
}
