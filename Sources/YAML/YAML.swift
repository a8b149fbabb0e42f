/// YAML as programs and people write descriptions in it, as a JSON value: block and flow collections, every kind of scalar, one
/// document. It may know JSON's values; it may not know what is described.
///
/// What could make little text into much, or into something else than data, is refused by name: anchors, aliases, tags,
/// directives, keys that are collections. So a document takes no more memory than its text says, and nothing in it is
/// looked at twice. A library would be taken before this: Yams 6.2 links Foundation, and with it 45 MB (measured), and Fedora
/// and Rocky have no static libyaml, which a static program needs (libyaml.spec, "remove static libraries").
package import JSON

/// Why a text is refused, and on which line.
package struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
  package var line: Int
  package var reason: String
  package var description: String { "line \(line): \(reason)" }
}

extension JSONValue {
  /// - Parameter numbers: the keys whose values, or lists of values, are whole numbers. Every other scalar is the text that it
  ///   is, whatever it looks like: who reads knows the schema, and `0.5` may be a version, `on` a name. `~` and `null` are null.
  package init(yaml bytes: [UInt8], numbers: Set<String> = []) throws(YAMLError) {
    var reader = try YAMLReader(bytes, numbers)
    self = try reader.document()
  }
}

/// Where a reader is: a line, of which what was read is gone.
struct YAMLReader {
  struct Line {
    var number: Int
    /// The column of the first byte that is left of it.
    var indent: Int
    var text: ArraySlice<UInt8>
    var isBlank: Bool { text.first.map { $0 == UInt8(ascii: "#") } ?? true }
  }

  let numbers: Set<String>
  var lines: [Line] = []
  var position = 0
  static let deepest = 64

  init(_ bytes: [UInt8], _ numbers: Set<String>) throws(YAMLError) {
    self.numbers = numbers
    guard String(validating: bytes, as: UTF8.self) != nil else { throw YAMLError(line: 1, reason: "it is no UTF-8") }
    var rest = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    // The last line's end begins no other one.
    if rest.last == 0x0a { rest = rest.dropLast() }
    for text in rest.split(separator: 0x0a, omittingEmptySubsequences: false) {
      let number = lines.count + 1
      let text = text.last == 0x0d ? text.dropLast() : text
      if text.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7f }) {
        throw YAMLError(line: number, reason: "a control character")
      }
      let rest = text.drop { $0 == 0x20 }
      lines.append(Line(number: number, indent: rest.startIndex - text.startIndex, text: rest))
    }
  }

  // MARK: - Lines

  var line: Line? { position < lines.count ? lines[position] : nil }

  func error(_ reason: String) -> YAMLError {
    YAMLError(line: lines.isEmpty ? 1 : lines[min(position, lines.count - 1)].number, reason: reason)
  }

  /// The next line that says something; nil at the end of the document.
  mutating func nextLine() throws(YAMLError) -> Line? {
    while let line {
      if !line.isBlank {
        if line.text.first == 0x09 { throw error("a tab where spaces indent") }
        return isMarker(line) ? nil : line
      }
      position += 1
    }
    return nil
  }

  /// `---` or `...`
  func isMarker(_ line: Line) -> Bool {
    guard line.indent == 0, line.text.starts(with: "---".utf8) || line.text.starts(with: "...".utf8) else {
      return false
    }
    return line.text.count == 3 || isSpace(line.text[line.text.startIndex + 3])
  }

  mutating func document() throws(YAMLError) -> JSONValue {
    while let line, line.isBlank { position += 1 }
    if let line, isMarker(line) {
      guard line.text.starts(with: "---".utf8), isEnd(line.text.dropFirst(3)) else {
        throw error("nothing may follow a line's --- here")
      }
      position += 1
    }
    guard try nextLine() != nil else { throw error("it is empty") }
    let value = try node(above: -1, key: "", depth: 0)
    if let line = try nextLine() { throw error("\(line.indent) spaces lead nowhere") }
    while let line {
      if !line.isBlank, !line.text.starts(with: "...".utf8) { throw error("another document") }
      position += 1
    }
    return value
  }

  // MARK: - Bytes

  func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Nothing more, or a comment, which has a space before it.
  func isEnd(_ text: ArraySlice<UInt8>) -> Bool {
    let rest = text.drop { isSpace($0) }
    return rest.isEmpty || rest.first == UInt8(ascii: "#") && rest.startIndex > text.startIndex
  }

  func string(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

  /// What no plain scalar begins with, and what is not done here.
  func refuse(_ first: UInt8?) throws(YAMLError) {
    switch first {
    case UInt8(ascii: "&"): throw error("anchors are not read")
    case UInt8(ascii: "*"): throw error("aliases are not read")
    case UInt8(ascii: "!"): throw error("tags are not read")
    case UInt8(ascii: "%"): throw error("directives are not read")
    case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ","):
      throw error("no value begins like this")
    default: break
    }
  }

  /// A scalar without quotes.
  func plain(_ text: String, _ key: String) throws(YAMLError) -> JSONValue {
    if ["", "~", "null", "Null", "NULL"].contains(text) { return .null }
    guard numbers.contains(key) else { return .string(text) }
    // YAML 1.1 has octal numbers as C does, 1.2 as Swift does.
    let (digits, radix) =
      switch text.prefix(2) {
      case "0x": (text.dropFirst(2), 16)
      case "0o": (text.dropFirst(2), 8)
      case let start where start.count == 2 && start.hasPrefix("0"): (text.dropFirst(1), 8)
      default: (text[...], 10)
      }
    guard let number = Int64(digits, radix: radix) else { throw error("\(key) is no whole number") }
    return .number(.integer(number))
  }
}
