internal import JSON

/// Reads byte by byte what may go on over several lines: texts in quotes, and collections in brackets.
struct Cursor {
  var reader: YAMLReader
  /// Of the line that the reader is on.
  private(set) var rest: ArraySlice<UInt8>

  init(_ reader: YAMLReader, onLine text: ArraySlice<UInt8>) {
    self.reader = reader
    rest = text
  }

  /// To the next line that is not empty; how many were.
  private mutating func goOn() throws(YAMLError) -> Int {
    var count = 0
    while true {
      reader.position += 1
      // Indented as one likes: what ends it is its quote or bracket (so libyaml, and people who close one below its key).
      guard let line = reader.line, !reader.isMarker(line) else {
        throw reader.error("a quote or bracket has no end")
      }
      rest = line.text.drop { reader.isSpace($0) }
      if !rest.isEmpty { return count }
      count += 1
    }
  }

  /// Spaces, comments and ends of lines between the parts of a collection.
  private mutating func skip() throws(YAMLError) {
    while true {
      let start = rest.startIndex
      rest = rest.drop { reader.isSpace($0) }
      let isComment = rest.first == UInt8(ascii: "#") && (rest.startIndex > start || isAtStart)
      guard rest.isEmpty || isComment else { return }
      _ = try goOn()
    }
  }

  private var isAtStart: Bool { reader.line.map { $0.text.startIndex == rest.startIndex } ?? false }

  mutating func value(key: String, depth: Int) throws(YAMLError) -> JSONValue {
    guard depth < YAMLReader.deepest else { throw reader.error("it is nested too deeply") }
    switch rest.first {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try quoted())
    case UInt8(ascii: "["):
      return .array(
        try collection(until: UInt8(ascii: "]")) { (cursor) throws(YAMLError) in
          try cursor.value(key: key, depth: depth + 1)
        })
    case UInt8(ascii: "{"):
      var object = JSONObject()
      _ = try collection(until: UInt8(ascii: "}")) { (cursor) throws(YAMLError) in
        let (name, value) = try cursor.member(depth: depth + 1)
        guard object[name] == nil else { throw cursor.reader.error("the key \"\(name)\" is there twice") }
        object[name] = value
      }
      return .object(object)
    default: return try reader.plain(plain(), key)
    }
  }

  private mutating func collection<Part>(
    until end: UInt8, _ part: (inout Cursor) throws(YAMLError) -> Part
  ) throws(YAMLError) -> [Part] {
    rest = rest.dropFirst()
    var parts: [Part] = []
    try skip()
    while rest.first != end {
      parts.append(try part(&self))
      try skip()
      if rest.first == UInt8(ascii: ",") {
        rest = rest.dropFirst()
        try skip()
      } else if rest.first != end {
        throw reader.error("a comma or the end of a bracket was expected")
      }
    }
    rest = rest.dropFirst()
    return parts
  }

  private mutating func member(depth: Int) throws(YAMLError) -> (String, JSONValue) {
    let isQuoted = rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "'")
    let name = isQuoted ? try quoted() : try plain()
    try skip()
    guard rest.first == UInt8(ascii: ":") else { return (name, .null) }
    rest = rest.dropFirst()
    try skip()
    if rest.first == UInt8(ascii: ",") || rest.first == UInt8(ascii: "}") { return (name, .null) }
    return (name, try value(key: name, depth: depth))
  }

  /// Up to what ends it inside of brackets.
  private mutating func plain() throws(YAMLError) -> String {
    try reader.refuse(rest.first)
    let next = rest.count > 1 ? rest[rest.startIndex + 1] : 0x20
    let isAlone = reader.isSpace(next) || isFlowMark(next)
    if let first = rest.first, "|>#?".utf8.contains(first) || isAlone && "-:".utf8.contains(first) {
      throw reader.error("no value begins like this")
    }
    var found = ""
    while true {
      var end = rest.startIndex
      while end < rest.endIndex {
        let next = end + 1 < rest.endIndex ? rest[end + 1] : 0x20
        if isFlowMark(rest[end]) || rest[end] == UInt8(ascii: ":") && (reader.isSpace(next) || isFlowMark(next)) {
          break
        }
        if rest[end] == UInt8(ascii: "#"), end > rest.startIndex, reader.isSpace(rest[end - 1]) { break }
        end += 1
      }
      var last = end
      while last > rest.startIndex, reader.isSpace(rest[last - 1]) { last -= 1 }
      found += reader.string(rest[rest.startIndex..<last])
      rest = rest[end...]
      guard rest.isEmpty else { return found }
      let breaks = try goOn()
      if isFlowMark(rest[rest.startIndex]) || rest.first == UInt8(ascii: "#") || rest.first == UInt8(ascii: ":") {
        return found
      }
      found += breaks == 0 ? " " : String(repeating: "\n", count: breaks)
    }
  }

  private func isFlowMark(_ byte: UInt8) -> Bool { ",[]{}".utf8.contains(byte) }

  // MARK: - Quotes

  mutating func quoted() throws(YAMLError) -> String {
    let isDouble = rest.first == UInt8(ascii: "\"")
    rest = rest.dropFirst()
    var found: [UInt8] = []
    // Behind this nothing is taken off where a line ends: it was escaped.
    var kept = 0
    while true {
      guard let byte = rest.first else {
        while found.count > kept, let last = found.last, reader.isSpace(last) { found.removeLast() }
        let breaks = try goOn()
        found += breaks == 0 ? [0x20] : [UInt8](repeating: 0x0a, count: breaks)
        kept = found.count
        continue
      }
      rest = rest.dropFirst()
      switch byte {
      case UInt8(ascii: "'") where !isDouble:
        guard rest.first == byte else { return reader.string(found) }
        rest = rest.dropFirst()
        found.append(byte)
      case UInt8(ascii: "\"") where isDouble: return reader.string(found)
      case UInt8(ascii: "\\") where isDouble:
        if rest.isEmpty {
          found += [UInt8](repeating: 0x0a, count: try goOn())
        } else {
          found += try escaped()
        }
        kept = found.count
      default: found.append(byte)
      }
    }
  }

  private mutating func escaped() throws(YAMLError) -> [UInt8] {
    let byte = rest.removeFirst()
    let simple: [Character: UInt32] = [
      "0": 0, "a": 7, "b": 8, "t": 9, "\t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "e": 27, " ": 32, "\"": 34, "/": 47,
      "\\": 92, "N": 0x85, "_": 0xa0, "L": 0x2028, "P": 0x2029,
    ]
    let digits: [Character: Int] = ["x": 2, "u": 4, "U": 8]
    let letter = Character(Unicode.Scalar(byte))
    var code = simple[letter]
    if let count = digits[letter] {
      let text = reader.string(rest.prefix(count))
      if text.utf8.count == count, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }) {
        code = UInt32(text, radix: 16)
      }
      rest = rest.dropFirst(count)
    }
    guard let scalar = code.flatMap(Unicode.Scalar.init) else { throw reader.error("\\\(letter) is no escape") }
    return Array(String(Character(scalar)).utf8)
  }
}
