internal import Kernel

/// What PAX and GNU headers said about the entry that follows them.
struct PendingMetadata: Sendable {
  var path: Path?
  var link: Path?
  var size: Int?
  var owner: UInt32?
  var group: UInt32?
  var modified: Timestamp?
  var attributes: [ExtendedAttribute] = []
  var sparse = PaxSparse()

  /// Records of `length key=value\n` (pax(1), "pax Extended Header"). The length is the frame: a value may hold newlines.
  mutating func readPax(_ bytes: ArraySlice<UInt8>, limits: TarLimits) throws(ArchiveError) {
    var rest = bytes
    while !rest.isEmpty {
      let digits = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }
      guard !digits.isEmpty, digits.count <= 7, let length = Int(String(decoding: digits, as: UTF8.self)),
        length > digits.count + 2, length <= rest.count, rest[digits.endIndex] == UInt8(ascii: " "),
        rest[rest.startIndex + length - 1] == 0x0a
      else { throw ArchiveError("a PAX record without a proper frame") }
      let record = rest[(digits.endIndex + 1)..<(rest.startIndex + length - 1)]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")), equals > record.startIndex else {
        throw ArchiveError("a PAX record without a key")
      }
      try take(key: String(decoding: record[..<equals], as: UTF8.self), record[(equals + 1)...], limits)
      rest = rest.dropFirst(length)
    }
    attributes.sort { $0.name.bytes.lexicographicallyPrecedes($1.name.bytes) }
  }

  private mutating func take(key: String, _ value: ArraySlice<UInt8>, _ limits: TarLimits) throws(ArchiveError) {
    let xattr = "SCHILY.xattr."
    switch key {
    // An empty value takes an earlier one back.
    case "path": path = value.isEmpty ? nil : try name(value, key)
    case "linkpath": link = value.isEmpty ? nil : try name(value, key)
    case "size": size = value.isEmpty ? nil : try number(value, key)
    case "uid": owner = value.isEmpty ? nil : try number(value, key)
    case "gid": group = value.isEmpty ? nil : try number(value, key)
    case "mtime": modified = value.isEmpty ? nil : try time(value)
    case _ where key.hasPrefix(xattr): try take(attribute: Array(key.utf8.dropFirst(xattr.utf8.count)), value, limits)
    case "SCHILY.acl.access": try take(list: value, "system.posix_acl_access", limits)
    case "SCHILY.acl.default": try take(list: value, "system.posix_acl_default", limits)
    case "GNU.sparse.name": sparse.path = value.isEmpty ? nil : try name(value, key)
    case "GNU.sparse.size", "GNU.sparse.realsize": sparse.size = try number(value, key)
    case "GNU.sparse.major": sparse.major = try number(value, key)
    case "GNU.sparse.minor": sparse.minor = try number(value, key)
    // 0.0 has a record for every number, 0.1 one list of all.
    case "GNU.sparse.offset", "GNU.sparse.numbytes": try sparse.add(try number(value, key), limits)
    case "GNU.sparse.map":
      for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: value.isEmpty) {
        try sparse.add(try number(part, key), limits)
      }
    // atime, ctime, uname, comment, …: a layer keeps none of them.
    default: break
    }
  }

  /// The kernel's own bytes in the same header say the same, and more exactly.
  private mutating func take(list text: ArraySlice<UInt8>, _ name: Path, _ limits: TarLimits) throws(ArchiveError) {
    guard !attributes.contains(where: { $0.name == name }), let list = AccessControlList(text: text) else { return }
    try take(attribute: Array(name.bytes), list.attributeValue[...], limits)
  }

  private mutating func take(attribute name: [UInt8], _ value: ArraySlice<UInt8>, _ limits: TarLimits)
    throws(ArchiveError)
  {
    // XATTR_NAME_MAX and XATTR_SIZE_MAX of the kernel.
    guard let name = Path(bytes: name), !name.isEmpty, name.bytes.count <= 255, value.count <= 65_536 else {
      throw ArchiveError("an extended attribute that no file system can keep", entry: path)
    }
    attributes.removeAll { $0.name == name }
    guard attributes.count < limits.attributes else {
      throw ArchiveError("more than \(limits.attributes) extended attributes", entry: path)
    }
    attributes.append(ExtendedAttribute(name: name, value: Array(value)))
  }

  private func name(_ value: ArraySlice<UInt8>, _ key: String) throws(ArchiveError) -> Path {
    guard let name = Path(bytes: value) else { throw ArchiveError("a NUL character in \(key)") }
    return name
  }

  private func number<Value: FixedWidthInteger>(_ value: ArraySlice<UInt8>, _ key: String) throws(ArchiveError) -> Value
  {
    guard value.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = Value(String(decoding: value, as: UTF8.self))
    else { throw ArchiveError("PAX \(key) is out of range") }
    return number
  }

  /// A signed decimal number of seconds; digits beyond nanoseconds are cut off.
  private func time(_ value: ArraySlice<UInt8>) throws(ArchiveError) -> Timestamp {
    let isNegative = value.first == UInt8(ascii: "-")
    let parts = (isNegative ? value.dropFirst() : value).split(
      separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first, whole.count <= 18,
      let seconds = Int64(String(decoding: whole, as: UTF8.self)),
      parts.allSatisfy({ $0.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } })
    else { throw ArchiveError("PAX mtime is no time") }
    var nanoseconds: UInt32 = 0
    var scale: UInt32 = 100_000_000
    for digit in parts.count == 2 ? parts[1].prefix(9) : [] {
      nanoseconds += UInt32(digit - 0x30) * scale
      scale /= 10
    }
    guard isNegative else { return Timestamp(seconds: seconds, nanoseconds: nanoseconds) }
    return nanoseconds == 0
      ? Timestamp(seconds: -seconds, nanoseconds: 0)
      : Timestamp(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }
}

/// GNU's sparse files in PAX headers, formats 0.0, 0.1 and 1.0.
struct PaxSparse: Sendable {
  /// The true name; the header's is for those who know nothing of all this.
  var path: Path?
  /// Of the whole file, holes included.
  var size: Int?
  var major = 0
  var minor = 0
  private(set) var map: SparseMap?

  mutating func add(_ number: Int, _ limits: TarLimits) throws(ArchiveError) {
    var changed = map ?? SparseMap()
    map = nil
    try changed.add(number, limits)
    map = changed
  }
}
