package import Kernel

/// The tokens that the dynamic linker replaces in DT_NEEDED, DT_RPATH and DT_RUNPATH (ld.so(8), "dynamic string tokens").
package struct DynamicStrings: Hashable, Sendable {
  /// The directory of the object that the string stands in, as it was found.
  package var origin: Path
  /// `lib/x86_64-linux-gnu`, `lib64` or `lib`.
  package var library: String
  /// AT_PLATFORM: `x86_64`.
  package var platform: String

  package init(origin: Path, library: String, platform: String) {
    self.origin = origin
    self.library = library
    self.platform = platform
  }

  /// `$ORIGIN/../lib` and `${ORIGIN}/../lib`, expanded. What merely starts like a token stays as it is.
  package func expand(_ text: ArraySlice<UInt8>) -> [UInt8] {
    let dollar = UInt8(ascii: "$")
    guard text.contains(dollar) else { return Array(text) }
    var out: [UInt8] = []
    var rest = text
    while let byte = rest.first {
      rest.removeFirst()
      if byte == dollar, let (value, length) = token(rest) {
        out.append(contentsOf: value)
        rest.removeFirst(length)
      } else {
        out.append(byte)
      }
    }
    return out
  }

  /// The value of the token that `rest` starts with, and how many bytes it takes.
  private func token(_ rest: ArraySlice<UInt8>) -> (value: ArraySlice<UInt8>, length: Int)? {
    let isCurly = rest.first == UInt8(ascii: "{")
    let body = isCurly ? rest.dropFirst() : rest
    let values = [
      ("ORIGIN", origin.bytes), ("LIB", Array(library.utf8)[...]), ("PLATFORM", Array(platform.utf8)[...]),
    ]
    for (name, value) in values where body.starts(with: name.utf8) {
      let next = body.dropFirst(name.utf8.count).first
      if isCurly {
        if next == UInt8(ascii: "}") { return (value, name.utf8.count + 2) }
      } else if !(next.map(Self.isIdentifier) ?? false) {
        return (value, name.utf8.count)
      }
    }
    return nil
  }

  private static func isIdentifier(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The absolute directories of a search path. An empty or relative one means the working directory of whoever starts
  /// the program, which nobody knows beforehand: those are left out.
  package func directories(_ path: Path?) -> [Path] {
    guard let path else { return [] }
    return path.bytes.split(separator: UInt8(ascii: ":")).compactMap { part in
      Path(bytes: expand(part)).flatMap { $0.isAbsolute ? $0 : nil }
    }
  }
}
