package import Kernel

/// One word of a POSIX shell that means exactly these bytes, whatever they are.
package struct ShellWord: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ path: Path) { self.init(bytes: path.bytes) }
  package init(_ text: String) { self.init(bytes: Array(text.utf8)) }

  /// Plain words stay as they are, others go in single quotes. A byte that a terminal would act on, or that is not UTF-8, is
  /// written as an octal escape of printf(1), so that a hostile name can neither run nor repaint the screen of the reader.
  package init(bytes: some Collection<UInt8>) {
    let isPlain = !bytes.isEmpty && bytes.allSatisfy { Self.plain.contains($0) }
    if isPlain {
      description = String(decoding: bytes, as: UTF8.self)
      return
    }
    var pieces: [String] = []
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let (piece, count) = Self.piece(rest)
      pieces.append(piece)
      rest = rest.dropFirst(count)
    }
    description = pieces.isEmpty ? "''" : pieces.joined()
  }

  /// `"$root"/etc/hosts`: a path inside the container's root before it is `/`.
  package static func inRoot(_ path: Path) -> String {
    let parts = path.lexicallyNormal.components.filter { $0.string != ".." }
    return parts.isEmpty ? "\"$root\"" : "\"$root\"" + parts.map { "/" + ShellWord($0).description }.joined()
  }

  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.:@%+,=-".utf8)

  /// The longest run at the start that one form of quoting holds, and how many bytes it took.
  private static func piece(_ bytes: ArraySlice<UInt8>) -> (text: String, count: Int) {
    var quoted = ""
    var count = 0
    while let (scalar, width) = scalar(bytes.dropFirst(count)) {
      if scalar == "'" {
        quoted += "'\\''"
      } else {
        quoted.unicodeScalars.append(scalar)
      }
      count += width
    }
    if count > 0 { return ("'\(quoted)'", count) }
    var escapes = ""
    while let byte = bytes.dropFirst(count).first, scalar(bytes.dropFirst(count)) == nil {
      let digits = String(byte, radix: 8)
      escapes += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
      count += 1
    }
    return ("\"$(printf '\(escapes)')\"", count)
  }

  /// The printable character that the bytes start with. A newline counts as one: inside $(…) the last ones would be lost.
  private static func scalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, width: Int)? {
    guard let first = bytes.first else { return nil }
    let width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    guard let text = String(validating: bytes.prefix(width), as: UTF8.self), let scalar = text.unicodeScalars.first,
      text.unicodeScalars.count == 1
    else { return nil }
    if scalar == "\n" { return (scalar, 1) }
    return Trace.clean(text) == text ? (scalar, width) : nil
  }
}

/// Words joined into a command.
func command(_ words: String...) -> String { words.filter { !$0.isEmpty }.joined(separator: " ") }
