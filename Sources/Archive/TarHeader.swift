internal import Kernel

/// The fields of one header block (POSIX.1-1988 ustar, and what GNU and others put in its place).
struct TarHeader {
  let typeFlag: UInt8
  let name: Path
  let size: Int
  private let mode: FileMode
  private let owner: UInt32
  private let group: UInt32
  private let modified: Int64
  private let link: Path
  private let device: DeviceNumber
  /// Of a header of type `S`, GNU's first format of sparse files.
  private(set) var sparse: OldSparseHeader?

  init(_ block: ArraySlice<UInt8>) throws(ArchiveError) {
    let block = Array(block)
    try Self.verifyChecksum(of: block)
    var name = Array(block[0..<100].prefix { $0 != 0 })
    // GNU's magic is "ustar  "; it has other things where ustar has the prefix.
    if block[257..<263].elementsEqual("ustar\u{0}".utf8) {
      let prefix = block[345..<500].prefix { $0 != 0 }
      if !prefix.isEmpty { name = Array(prefix) + [UInt8(ascii: "/")] + name }
    }
    let path = Path(bytes: name) ?? ""
    func number(_ range: Range<Int>, _ field: String) throws(ArchiveError) -> Int64 {
      guard let number = Self.number(block[range]) else { throw ArchiveError("\(field) is no number", entry: path) }
      return number
    }
    func identifier(_ range: Range<Int>, _ field: String) throws(ArchiveError) -> UInt32 {
      guard let number = UInt32(exactly: try number(range, field)) else {
        throw ArchiveError("\(field) is out of range", entry: path)
      }
      return number
    }
    self.name = path
    typeFlag = block[156]
    mode = FileMode(rawValue: UInt32(truncatingIfNeeded: try number(100..<108, "mode")) & 0o7777)
    owner = try identifier(108..<116, "owner")
    group = try identifier(116..<124, "group")
    guard let size = Int(exactly: try number(124..<136, "size")), size >= 0 else {
      throw ArchiveError("size is out of range", entry: path)
    }
    self.size = size
    modified = try number(136..<148, "time")
    link = Path(bytes: block[157..<257].prefix { $0 != 0 }) ?? ""
    if typeFlag == UInt8(ascii: "3") || typeFlag == UInt8(ascii: "4") {
      device = DeviceNumber(
        major: try identifier(329..<337, "device number"), minor: try identifier(337..<345, "device number"))
    } else {
      device = DeviceNumber(major: 0, minor: 0)
    }
    if typeFlag == UInt8(ascii: "S") {
      guard block[257..<265].elementsEqual("ustar  \u{0}".utf8), let size = Int(exactly: try number(483..<495, "size"))
      else { throw ArchiveError("a sparse file in a format that is not known", entry: path) }
      sparse = OldSparseHeader(size: size, extents: block[386..<482], isContinued: block[482] != 0)
    }
  }

  /// Bytes are summed unsigned by the standard and signed by some old programs; both are accepted, as everywhere.
  private static func verifyChecksum(of block: [UInt8]) throws(ArchiveError) {
    var unsigned: Int64 = 8 * 32
    var signed: Int64 = 8 * 32
    for index in block.indices where index < 148 || index >= 156 {
      unsigned += Int64(block[index])
      signed += Int64(Int8(bitPattern: block[index]))
    }
    guard let stated = number(block[148..<156]), stated == unsigned || stated == signed else {
      throw ArchiveError("this is not a tar archive, or it is damaged: a header's checksum is wrong")
    }
  }

  /// Octal digits between spaces and NULs; or, with the top bit set, a big-endian two's complement number (GNU).
  static func number(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      var value: Int64 = first & 0x40 != 0 ? -1 : 0
      for (index, byte) in field.enumerated() {
        let bits = index == 0 ? (value < 0 ? byte | 0x80 : byte & 0x7f) : byte
        let (shifted, overflow) = value.multipliedReportingOverflow(by: 256)
        if overflow { return nil }
        value = shifted | Int64(bits)
      }
      return value
    }
    let digits = field.drop { $0 == 0x20 || $0 == 0 }.prefix { $0 != 0x20 && $0 != 0 }
    var value: Int64 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x37, value < 1 << 59 else { return nil }
      value = value << 3 | Int64(digit - 0x30)
    }
    return value
  }

  /// The entry, with what the headers before it said instead of what fits here.
  func entry(with metadata: PendingMetadata) throws(ArchiveError) -> TarEntry {
    let path = metadata.path ?? name
    guard !path.isEmpty else { throw ArchiveError("an entry without a name") }
    var entry = TarEntry(
      path: path, kind: .regular, mode: mode, owner: metadata.owner ?? owner, group: metadata.group ?? group,
      modified: metadata.modified ?? Timestamp(seconds: modified, nanoseconds: 0), size: 0,
      attributes: metadata.attributes)
    let target = metadata.link ?? link
    switch typeFlag {
    case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
      // Before 1988 a directory was a file whose name ends in a slash.
      if typeFlag == 0, path.bytes.last == UInt8(ascii: "/") {
        entry.kind = .directory
      } else {
        entry.size = metadata.size ?? size
      }
    // What follows has no contents, whatever its size field says.
    case UInt8(ascii: "1"): entry.kind = .hardLink(target: target)
    case UInt8(ascii: "2"): entry.kind = .symbolicLink(target: target)
    case UInt8(ascii: "3"): entry.kind = .characterDevice(device)
    case UInt8(ascii: "4"): entry.kind = .blockDevice(device)
    case UInt8(ascii: "5"): entry.kind = .directory
    case UInt8(ascii: "6"): entry.kind = .fifo
    case UInt8(ascii: "S"): entry.size = metadata.size ?? size
    default:
      let type = typeFlag > 0x20 && typeFlag < 0x7f ? "'\(Character(Unicode.Scalar(typeFlag)))'" : "\(typeFlag)"
      throw ArchiveError("unknown type \(type)", entry: path)
    }
    // Nothing is made in a file, and the kernel refuses it there.
    if entry.kind != .directory { entry.attributes.removeAll { $0.name == "system.posix_acl_default" } }
    return entry
  }
}

/// What stands behind the ordinary fields of a header of type `S`.
struct OldSparseHeader {
  /// Of the whole file, holes included.
  let size: Int
  /// Four offsets and sizes of twelve bytes each, like those of the blocks that may follow.
  let extents: ArraySlice<UInt8>
  let isContinued: Bool

  /// - Throws: for what is no number. The first offset or size that is empty ends the list.
  static func read(_ fields: ArraySlice<UInt8>, into map: inout SparseMap, _ limits: TarLimits) throws(ArchiveError) {
    for start in stride(from: fields.startIndex, to: fields.endIndex, by: 24) {
      if fields[start] == 0 || fields[start + 12] == 0 { return }
      for field in [start, start + 12] {
        guard let number = TarHeader.number(fields[field..<field + 12]), let value = Int(exactly: number) else {
          throw ArchiveError("a sparse file whose map is not made of numbers")
        }
        try map.add(value, limits)
      }
    }
  }
}
