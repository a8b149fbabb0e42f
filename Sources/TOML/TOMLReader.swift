/// A value of a TOML document (toml.io, version 1.0).
package enum TOMLValue: Hashable, Sendable {
  case string(String)
  case boolean(Bool)
  /// Numbers and times, as they stand there: nothing that is read here has any.
  case other(String)
  case array([TOMLValue])
  case table([String: TOMLValue])
  /// `[[name]]`
  case tables([[String: TOMLValue]])
}

/// Where and why a document is refused.
package struct TOMLError: Error, Hashable, Sendable, CustomStringConvertible {
  package var line: Int
  package var reason: String
  package var description: String { "line \(line): \(reason)" }
}

/// Reads a document. It is written by the machine's keeper, and bounded all the same.
package struct TOMLReader {
  private let bytes: [UInt8]
  private var position = 0
  private var root: [String: TOMLValue] = [:]
  private static let maximumDepth = 32

  package static func read(_ bytes: [UInt8]) throws(TOMLError) -> [String: TOMLValue] {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw TOMLError(line: 1, reason: "it is not UTF-8") }
    var reader = TOMLReader(bytes: bytes)
    return try reader.document()
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func error(_ reason: String) -> TOMLError {
    TOMLError(line: 1 + bytes[..<min(position, bytes.count)].count { $0 == 0x0a }, reason: reason)
  }

  // MARK: Lines

  private mutating func document() throws(TOMLError) -> [String: TOMLValue] {
    var header: [String] = []
    while true {
      skipSpaceAndComments()
      guard let byte = peek() else { return root }
      if byte == UInt8(ascii: "[") {
        position += 1
        let isArray = take("[")
        header = try keys()
        guard take("]"), !isArray || take("]") else { throw error("a [ without its ]") }
        try open(header[...], isArray: isArray, in: &root)
      } else {
        let path = header + (try keys())
        guard take("=") else { throw error("a name without = and a value") }
        try set(try value(depth: 0), path[...], in: &root)
      }
      skipBlanks()
      guard peek() == nil || peek() == 0x0a || peek() == UInt8(ascii: "#") || starts("\r\n") else {
        throw error("something more on the line")
      }
    }
  }

  /// `a.b."c d"`
  private mutating func keys() throws(TOMLError) -> [String] {
    var keys: [String] = []
    repeat {
      skipBlanks()
      if peek() == UInt8(ascii: "\"") || peek() == UInt8(ascii: "'") {
        keys.append(try string())
      } else {
        let start = position
        while let byte = peek(), Self.isBare(byte) { position += 1 }
        guard position > start else { throw error("a name was expected") }
        keys.append(String(decoding: bytes[start..<position], as: UTF8.self))
      }
      skipBlanks()
      guard keys.count <= Self.maximumDepth else { throw error("too many names in each other") }
    } while take(".")
    return keys
  }

  private static func isBare(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a || byte >= 0x30 && byte <= 0x39 || byte == 0x5f || byte == 0x2d
  }

  // MARK: Tables

  /// Runs `body` on the table of a name; on the last one, where the name has several.
  private func descend(
    _ key: String, in table: inout [String: TOMLValue],
    _ body: (inout [String: TOMLValue]) throws(TOMLError) -> Void
  ) throws(TOMLError) {
    switch table[key] {
    case nil:
      var inner: [String: TOMLValue] = [:]
      try body(&inner)
      table[key] = .table(inner)
    case .table(var inner):
      try body(&inner)
      table[key] = .table(inner)
    case .tables(var list):
      try body(&list[list.count - 1])
      table[key] = .tables(list)
    default: throw error("\(key) is a value and a table")
    }
  }

  private func set(
    _ value: TOMLValue, _ path: ArraySlice<String>, in table: inout [String: TOMLValue]
  ) throws(TOMLError) {
    guard let key = path.first else { return }
    if path.count > 1 {
      return try descend(key, in: &table) { (inner) throws(TOMLError) in try set(value, path.dropFirst(), in: &inner) }
    }
    guard table[key] == nil else { throw error("\(key) is there twice") }
    table[key] = value
  }

  private func open(
    _ path: ArraySlice<String>, isArray: Bool, in table: inout [String: TOMLValue]
  ) throws(TOMLError) {
    guard let key = path.first else { return }
    if path.count > 1 {
      return try descend(key, in: &table) { (inner) throws(TOMLError) in
        try open(path.dropFirst(), isArray: isArray, in: &inner)
      }
    }
    switch (table[key], isArray) {
    case (nil, true): table[key] = .tables([[:]])
    case (.tables(let list), true): table[key] = .tables(list + [[:]])
    case (nil, false): table[key] = .table([:])
    case (.table, false): break
    default: throw error("\(key) is there twice, as two kinds of things")
    }
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
    guard depth < Self.maximumDepth else { throw error("too many values in each other") }
    skipBlanks()
    switch peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
    case UInt8(ascii: "["):
      position += 1
      return .array(try array(depth))
    case UInt8(ascii: "{"):
      position += 1
      return .table(try inlineTable(depth))
    default:
      let start = position
      while let byte = peek(), byte > 0x20, !",]}#".utf8.contains(byte) { position += 1 }
      let word = String(decoding: bytes[start..<position], as: UTF8.self)
      if word == "true" || word == "false" { return .boolean(word == "true") }
      guard let first = word.utf8.first, first >= 0x30 && first <= 0x39 || "+-in".utf8.contains(first) else {
        throw error("a value was expected")
      }
      return .other(word)
    }
  }

  private mutating func array(_ depth: Int) throws(TOMLError) -> [TOMLValue] {
    var values: [TOMLValue] = []
    while true {
      skipSpaceAndComments()
      if take("]") { return values }
      values.append(try value(depth: depth + 1))
      skipSpaceAndComments()
      guard take(",") || peek() == UInt8(ascii: "]") else { throw error("a list without its ]") }
    }
  }

  private mutating func inlineTable(_ depth: Int) throws(TOMLError) -> [String: TOMLValue] {
    var table: [String: TOMLValue] = [:]
    skipBlanks()
    if take("}") { return table }
    repeat {
      let path = try keys()
      guard take("=") else { throw error("a name without = and a value") }
      try set(try value(depth: depth + 1), path[...], in: &table)
      skipBlanks()
    } while take(",")
    guard take("}") else { throw error("a { without its }") }
    return table
  }

  private mutating func string() throws(TOMLError) -> String {
    let isLiteral = peek() == UInt8(ascii: "'")
    let quote = isLiteral ? "'" : "\""
    let isLong = starts(quote + quote + quote)
    position += isLong ? 3 : 1
    if isLong {
      _ = take("\r")
      _ = take("\n")
    }
    var text: [UInt8] = []
    while let byte = peek() {
      if isLong ? starts(quote + quote + quote) : take(quote) {
        if isLong {
          position += 3
          // Two quotes more may end the text itself.
          for _ in 0..<2 where take(quote) { text += Array(quote.utf8) }
        }
        return String(decoding: text, as: UTF8.self)
      }
      guard byte >= 0x20 || byte == 0x09 || isLong && (byte == 0x0a || byte == 0x0d) else { break }
      position += 1
      if byte == UInt8(ascii: "\\"), !isLiteral { try escape(into: &text, isLong) } else { text.append(byte) }
    }
    throw error("a text without its end")
  }

  private mutating func escape(into text: inout [UInt8], _ isLong: Bool) throws(TOMLError) {
    guard let byte = peek() else { throw error("a text without its end") }
    position += 1
    switch byte {
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "n"): text.append(0x0a)
    case UInt8(ascii: "f"): text.append(0x0c)
    case UInt8(ascii: "r"): text.append(0x0d)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(byte)
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let count = byte == UInt8(ascii: "u") ? 4 : 8
      guard position + count <= bytes.count,
        let value = UInt32(String(decoding: bytes[position..<position + count], as: UTF8.self), radix: 16),
        let scalar = Unicode.Scalar(value)
      else { throw error("an escape that is no character") }
      position += count
      text += Array(String(Character(scalar)).utf8)
    case 0x20, 0x09, 0x0a, 0x0d:
      // A line that goes on below.
      guard isLong else { throw error("an escape that is none") }
      while let next = peek(), next == 0x20 || next == 0x09 || next == 0x0a || next == 0x0d { position += 1 }
    default: throw error("an escape that is none")
    }
  }

  // MARK: Bytes

  private func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

  private mutating func take(_ text: String) -> Bool {
    guard starts(text) else { return false }
    position += text.utf8.count
    return true
  }

  private mutating func skipBlanks() { while let byte = peek(), byte == 0x20 || byte == 0x09 { position += 1 } }

  private mutating func skipSpaceAndComments() {
    while let byte = peek() {
      if byte == UInt8(ascii: "#") {
        while let next = peek(), next != 0x0a { position += 1 }
      } else if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d {
        position += 1
      } else {
        return
      }
    }
  }
}
