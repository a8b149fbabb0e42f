/// The ELF header (elf(5)).
struct ELFHeader {
  var architecture: Architecture
  var kind: ELFObject.Kind
  var segmentOffset: UInt64
  var segmentSize: Int
  var segmentCount: Int

  init(_ reader: inout WindowedReader) throws(ELFError) {
    guard reader.size >= 4, Array(try reader.bytes(4, at: 0, "header")) == [0x7f, 0x45, 0x4c, 0x46] else {
      throw .notELF
    }
    let identification = Array(try reader.bytes(16, at: 0, "header"))
    let is64Bit: Bool
    switch identification[4] {
    case 1: is64Bit = false
    case 2: is64Bit = true
    default: throw .unsupported("class \(identification[4])")
    }
    guard identification[5] == 1 || identification[5] == 2 else {
      throw .unsupported("byte order \(identification[5])")
    }
    guard identification[6] == 1 else { throw .unsupported("version \(identification[6])") }
    let isBigEndian = identification[5] == 2
    let view = ByteView(
      bytes: try reader.bytes(is64Bit ? 64 : 52, at: 0, "header"), isBigEndian: isBigEndian)
    architecture = Architecture(machine: try view.u16(18), is64Bit: is64Bit, isBigEndian: isBigEndian)
    switch try view.u16(16) {
    case 2: kind = .executable
    case 3: kind = .shared
    default: kind = .other
    }
    segmentOffset = is64Bit ? try view.u64(32) : UInt64(try view.u32(28))
    segmentSize = Int(try view.u16(is64Bit ? 54 : 42))
    segmentCount = Int(try view.u16(is64Bit ? 56 : 44))
  }

  /// The program headers. The kernel takes at most 64 KiB of them (fs/binfmt_elf.c).
  func segments(_ reader: inout WindowedReader) throws(ELFError) -> [ProgramHeader] {
    if segmentCount == 0 { return [] }
    let is64Bit = architecture.is64Bit
    guard segmentSize == (is64Bit ? 56 : 32) else { throw .malformed("program headers of \(segmentSize) bytes") }
    guard segmentCount * segmentSize <= 65_536 else { throw .malformed("\(segmentCount) program headers") }
    let bytes = try reader.bytes(segmentCount * segmentSize, at: segmentOffset, "program headers")
    let view = ByteView(bytes: bytes, isBigEndian: architecture.isBigEndian)
    var segments: [ProgramHeader] = []
    segments.reserveCapacity(segmentCount)
    for index in 0..<segmentCount {
      let at = index * segmentSize
      segments.append(
        is64Bit
          ? ProgramHeader(
            type: try view.u32(at), offset: try view.u64(at + 8), address: try view.u64(at + 16),
            fileSize: try view.u64(at + 32))
          : ProgramHeader(
            type: try view.u32(at), offset: UInt64(try view.u32(at + 4)), address: UInt64(try view.u32(at + 8)),
            fileSize: UInt64(try view.u32(at + 16))))
    }
    return segments
  }
}

/// One program header: a part of the file and where it goes in memory.
struct ProgramHeader {
  var type: UInt32
  var offset: UInt64
  var address: UInt64
  var fileSize: UInt64

  static let load: UInt32 = 1
  static let dynamic: UInt32 = 2
  static let interpreter: UInt32 = 3
}

extension [ProgramHeader] {
  /// Where in the file the byte lies that is loaded at `address`.
  func fileOffset(ofAddress address: UInt64) -> UInt64? {
    for segment in self where segment.type == ProgramHeader.load {
      guard address >= segment.address, address - segment.address < segment.fileSize else { continue }
      let (offset, overflow) = segment.offset.addingReportingOverflow(address - segment.address)
      return overflow ? nil : offset
    }
    return nil
  }
}

/// The entries of PT_DYNAMIC that say what else must be loaded; strings are still offsets into the string table.
struct DynamicSection {
  var needed: [UInt64] = []
  var soname: UInt64?
  var rpath: UInt64?
  var runpath: UInt64?
  var stringTable: UInt64?
  var stringTableSize: UInt64?
  var flags1: UInt64 = 0

  var namesStrings: Bool { !needed.isEmpty || soname != nil || rpath != nil || runpath != nil }

  /// More than any linker writes: the largest programs need a few hundred libraries.
  static let largest = 1 << 20
  static let mostNeeded = 4096

  init(_ segment: ProgramHeader, of header: ELFHeader, _ reader: inout WindowedReader) throws(ELFError) {
    guard segment.fileSize <= UInt64(Self.largest) else {
      throw .malformed("a dynamic section of \(segment.fileSize) bytes")
    }
    let width = header.architecture.is64Bit ? 8 : 4
    let bytes = try reader.bytes(Int(segment.fileSize), at: segment.offset, "dynamic section")
    let view = ByteView(bytes: bytes, isBigEndian: header.architecture.isBigEndian)
    for at in stride(from: 0, through: bytes.count - 2 * width, by: 2 * width) {
      let tag = try view.number(at: at, width: width)
      let value = try view.number(at: at + width, width: width)
      switch tag {
      case 0: return
      case 1:
        guard needed.count < Self.mostNeeded else { throw .malformed("more than \(Self.mostNeeded) needed libraries") }
        needed.append(value)
      case 5: stringTable = value
      case 10: stringTableSize = value
      case 14: soname = value
      case 15: rpath = value
      case 29: runpath = value
      case 0x6fff_fffb: flags1 = value
      default: break
      }
    }
  }
}
