/// A reader of ELF files and of the dynamic linker's cache. It reads; it never executes.
///
/// Pure: it gets bytes, and every offset and count in them is hostile until it was checked against the length.

package import Kernel

/// Why a file cannot be read as an ELF object (elf(5)) or as a linker's cache.
package enum ELFError: Error, Hashable, Sendable {
  /// The first four bytes are not `\x7fELF`.
  case notELF
  /// The named part lies, wholly or in part, behind the end of the file.
  case truncated(String)
  /// The named part contradicts itself or the specification, or is larger than the kernel or the linker would take.
  case malformed(String)
  /// A class, byte order or version that no Linux machine has.
  case unsupported(String)
  /// The bytes could not be had at all.
  case unreadable(Fault)
}

extension ELFError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notELF: "not an ELF file"
    case .truncated(let part): "truncated ELF file: it ends before its \(part) does"
    case .malformed(let part): "malformed ELF file: \(part)"
    case .unsupported(let what): "unsupported ELF file: \(what)"
    case .unreadable(let fault): "\(fault.errno)"
    }
  }
}
