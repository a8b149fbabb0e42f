package import Kernel

/// What the kernel and the dynamic linker read of a program or a library before they run it.
package struct ELFObject: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// ET_EXEC: a program at fixed addresses.
    case executable
    /// ET_DYN: a library, or a program that may lie anywhere (PIE).
    case shared
    /// ET_REL, ET_CORE and what else nobody can start.
    case other
  }

  package var architecture: Architecture
  package var kind: Kind
  /// PT_INTERP: the dynamic linker that starts the program. A static program and most libraries have none.
  package var interpreter: Path?
  /// DT_SONAME: the name that others ask for it by.
  package var soname: Path?
  /// DT_NEEDED, in order.
  package var needed: [Path] = []
  /// DT_RPATH and DT_RUNPATH as they stand in the file: unexpanded, separated by colons.
  package var rpath: Path?
  package var runpath: Path?
  /// DF_1_NODEFLIB: the default directories are not searched on its behalf.
  package var ignoresDefaultDirectories = false
  /// DF_1_PIE, or a shared object that names an interpreter: a program rather than a library.
  package var isProgram = false
  package var isDynamic = false

  package init(architecture: Architecture, kind: Kind) {
    self.architecture = architecture
    self.kind = kind
  }
}

extension ELFObject {
  /// Reads the headers, the interpreter and the dynamic section: a few hundred bytes of a file of any size.
  package init(reading source: ByteSource) throws(ELFError) {
    var reader = try WindowedReader(source)
    let header = try ELFHeader(&reader)
    self.init(architecture: header.architecture, kind: header.kind)
    let segments = try header.segments(&reader)
    if let segment = segments.first(where: { $0.type == ProgramHeader.interpreter }) {
      interpreter = try Self.interpreter(segment, &reader)
    }
    if let segment = segments.first(where: { $0.type == ProgramHeader.dynamic }) {
      isDynamic = true
      let section = try DynamicSection(segment, of: header, &reader)
      try take(section, segments, &reader)
    }
    isProgram = isProgram || kind == .executable || interpreter != nil
  }

  /// The kernel refuses a name of more than PATH_MAX bytes or without a NUL at its end (fs/binfmt_elf.c).
  private static func interpreter(_ segment: ProgramHeader, _ reader: inout WindowedReader) throws(ELFError) -> Path {
    guard (2...4096).contains(segment.fileSize) else { throw .malformed("the interpreter's name has a bad length") }
    let bytes = try reader.bytes(Int(segment.fileSize), at: segment.offset, "interpreter's name")
    guard bytes.last == 0 else { throw .malformed("the interpreter's name does not end") }
    return Path(bytes: bytes.prefix { $0 != 0 }) ?? ""
  }

  private mutating func take(
    _ section: DynamicSection, _ segments: [ProgramHeader], _ reader: inout WindowedReader
  ) throws(ELFError) {
    ignoresDefaultDirectories = section.flags1 & 0x800 != 0
    isProgram = section.flags1 & 0x0800_0000 != 0
    guard section.namesStrings else { return }
    guard let address = section.stringTable else { throw .malformed("the dynamic section has no string table") }
    guard let table = segments.fileOffset(ofAddress: address) else {
      throw .malformed("the string table is in no segment")
    }
    func string(_ index: UInt64, limit: Int, _ part: String) throws(ELFError) -> Path {
      let (offset, overflow) = table.addingReportingOverflow(index)
      // Without DT_STRSZ the end of the file is the bound.
      guard !overflow, index < section.stringTableSize ?? .max else { throw .truncated(part) }
      return try reader.string(at: offset, limit: limit, part)
    }
    for index in section.needed { needed.append(try string(index, limit: 4096, "name of a needed library")) }
    if let index = section.soname { soname = try string(index, limit: 4096, "library's own name") }
    // A search path may be a long list (Nix and Guix write one directory for each library).
    if let index = section.rpath { rpath = try string(index, limit: 65_536, "search path") }
    if let index = section.runpath { runpath = try string(index, limit: 65_536, "search path") }
  }
}
