internal import JSON

// Collections by indentation, and the scalars in them.

extension YAMLReader {
  /// - Parameters:
  ///   - parent: the indentation of what this is a part of; each line of it has more.
  ///   - key: what it is called.
  mutating func node(above parent: Int, key: String, depth: Int) throws(YAMLError) -> JSONValue {
    guard depth < Self.deepest else { throw error("it is nested too deeply") }
    guard let line = try nextLine() else { return .null }
    if isEntry(line.text) { return try sequence(at: line.indent, key: key, depth: depth) }
    if try keyEnd(of: line.text) != nil { return try mapping(at: line.indent, depth: depth) }
    return try value(above: parent, key: key, depth: depth)
  }

  /// `- …`
  private func isEntry(_ text: ArraySlice<UInt8>) -> Bool {
    text.first == UInt8(ascii: "-") && (text.count == 1 || isSpace(text[text.startIndex + 1]))
  }

  private mutating func sequence(at indent: Int, key: String, depth: Int) throws(YAMLError) -> JSONValue {
    var values: [JSONValue] = []
    while let line = try nextLine(), line.indent == indent, isEntry(line.text) {
      drop(1)
      values.append(try part(of: indent, key: key, depth: depth))
    }
    if let line = try nextLine(), line.indent > indent { throw error("\(line.indent) spaces lead nowhere") }
    return .array(values)
  }

  private mutating func mapping(at indent: Int, depth: Int) throws(YAMLError) -> JSONValue {
    var object = JSONObject()
    while let line = try nextLine(), line.indent == indent, !isEntry(line.text) {
      guard let (key, end) = try keyEnd(of: line.text) else { throw error("a key and a colon were expected") }
      guard object[key] == nil else { throw error("the key \"\(key)\" is there twice") }
      drop(end - line.text.startIndex)
      object[key] = try part(of: indent, key: key, depth: depth, isMember: true)
    }
    if let line = try nextLine(), line.indent > indent { throw error("\(line.indent) spaces lead nowhere") }
    return .object(object)
  }

  /// What follows a dash or a colon, on its line or on those below.
  private mutating func part(of indent: Int, key: String, depth: Int, isMember: Bool = false) throws(YAMLError)
    -> JSONValue
  {
    let rest = lines[position].text
    if rest.first.map({ $0 == UInt8(ascii: "|") || $0 == UInt8(ascii: ">") }) == true {
      return try .string(blockScalar(above: indent))
    }
    if !rest.isEmpty, !lines[position].isBlank {
      // `- key: value` begins a mapping in the middle of the line; after a key that would be two on one line.
      return isMember
        ? try value(above: indent, key: key, depth: depth + 1) : try node(above: indent, key: key, depth: depth + 1)
    }
    position += 1
    guard let next = try nextLine() else { return .null }
    if next.indent > indent { return try node(above: indent, key: key, depth: depth + 1) }
    // The entries of a list may stand below its key.
    if isMember, next.indent == indent, isEntry(next.text) {
      return try sequence(at: indent, key: key, depth: depth + 1)
    }
    return .null
  }

  /// Takes bytes off the line, and the spaces behind them.
  private mutating func drop(_ count: Int) {
    let text = lines[position].text
    let rest = text.dropFirst(count).drop { isSpace($0) }
    lines[position].indent += rest.startIndex - text.startIndex
    lines[position].text = rest
  }

  /// The key that the text begins with, and where its colon ends; nil where it begins with no key.
  private func keyEnd(of text: ArraySlice<UInt8>) throws(YAMLError) -> (key: String, end: Int)? {
    guard let first = text.first else { return nil }
    if first == UInt8(ascii: "?"), text.count == 1 || isSpace(text[text.startIndex + 1]) {
      throw error("keys are texts on the line of their value")
    }
    if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
      var cursor = Cursor(self, onLine: text)
      guard let key = try? cursor.quoted(), cursor.reader.position == position else { return nil }
      let rest = cursor.rest.drop { isSpace($0) }
      guard rest.first == UInt8(ascii: ":"), rest.count == 1 || isSpace(rest[rest.startIndex + 1]) else { return nil }
      return (key, rest.startIndex + 1)
    }
    if first == UInt8(ascii: "[") || first == UInt8(ascii: "{") { return nil }
    for index in text.indices {
      if text[index] == UInt8(ascii: "#"), index > text.startIndex, isSpace(text[index - 1]) { return nil }
      if text[index] == UInt8(ascii: ":"), index + 1 == text.endIndex || isSpace(text[index + 1]) {
        try refuse(first)
        if index == text.startIndex || "|>".utf8.contains(text[text.startIndex]) {
          throw error("a colon without a key")
        }
        var key = text[..<index]
        while let last = key.last, isSpace(last) { key = key.dropLast() }
        return (string(key), index + 1)
      }
    }
    return nil
  }

  /// A scalar or a collection in brackets, from here to the end of its last line.
  private mutating func value(above parent: Int, key: String, depth: Int) throws(YAMLError) -> JSONValue {
    let text = lines[position].text
    switch text.first {
    case UInt8(ascii: "|"), UInt8(ascii: ">"): return try .string(blockScalar(above: parent))
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "["), UInt8(ascii: "{"):
      var cursor = Cursor(self, onLine: text)
      let value = try cursor.value(key: key, depth: depth)
      guard isEnd(cursor.rest) else { throw cursor.reader.error("something follows a value") }
      self = cursor.reader
      position += 1
      return value
    default: return try plain(plainLines(above: parent), key)
    }
  }

  private mutating func plainLines(above parent: Int) throws(YAMLError) -> String {
    let first = lines[position].text
    try refuse(first.first)
    if isEntry(first) || [UInt8(ascii: "?"), UInt8(ascii: ":")].contains(first.first),
      first.count == 1 || isSpace(first[first.startIndex + 1])
    {
      throw error("no value begins like this")
    }
    var found = ""
    var breaks = 0
    while let line {
      if line.text.isEmpty {
        breaks += 1
        position += 1
        continue
      }
      guard found.isEmpty || line.indent > parent, !isMarker(line), line.text.first != UInt8(ascii: "#") else { break }
      let text = line.text
      var end = text.endIndex
      for index in text.indices {
        if text[index] == UInt8(ascii: "#"), index > text.startIndex, isSpace(text[index - 1]) {
          end = index
          break
        }
        if text[index] == UInt8(ascii: ":"), index + 1 == text.endIndex || isSpace(text[index + 1]) {
          throw error("a colon in the middle of a value: put it into quotes")
        }
      }
      let isCut = end < text.endIndex
      while end > text.startIndex, isSpace(text[end - 1]) { end -= 1 }
      if !found.isEmpty { found += breaks == 0 ? " " : String(repeating: "\n", count: breaks) }
      found += string(text[..<end])
      breaks = 0
      position += 1
      if isCut { break }
    }
    return found
  }

  // MARK: - | and >

  private mutating func blockScalar(above parent: Int) throws(YAMLError) -> String {
    let isFolded = lines[position].text.first == UInt8(ascii: ">")
    var header = lines[position].text.dropFirst()
    var indent: Int?
    var chomping: UInt8?
    while let byte = header.first, !isSpace(byte) {
      switch byte {
      case UInt8(ascii: "+"), UInt8(ascii: "-"): chomping = byte
      case UInt8(ascii: "1")...UInt8(ascii: "9"): indent = max(parent, 0) + Int(byte - UInt8(ascii: "0"))
      default: throw error("| and > are followed by nothing but +, - or a number")
      }
      header = header.dropFirst()
    }
    guard isEnd(header) else { throw error("the text of | and > begins on the next line") }
    position += 1
    var texts: [[UInt8]] = []
    while let line, line.text.isEmpty || line.indent > parent && !isMarker(line) {
      if !line.text.isEmpty, indent == nil { indent = line.indent }
      if let indent, !line.text.isEmpty, line.indent < indent { break }
      let more = max(0, line.indent - (indent ?? line.indent))
      texts.append([UInt8](repeating: 0x20, count: more) + line.text)
      position += 1
    }
    var trailing = 0
    while texts.last?.isEmpty == true {
      texts.removeLast()
      trailing += 1
    }
    let text = isFolded ? folded(texts) : texts.map(string).joined(separator: "\n")
    switch chomping {
    case UInt8(ascii: "-"): return text
    case UInt8(ascii: "+"): return text + String(repeating: "\n", count: trailing + (texts.isEmpty ? 0 : 1))
    default: return texts.isEmpty ? "" : text + "\n"
    }
  }

  /// Lines are joined by spaces, but for those that are indented further.
  private func folded(_ texts: [[UInt8]]) -> String {
    var result = ""
    var breaks = 0
    var before: Bool?
    for text in texts {
      if text.isEmpty {
        breaks += 1
        continue
      }
      let isIndented = isSpace(text[0])
      if let wasIndented = before {
        let keeps = wasIndented || isIndented
        result += breaks == 0 && !keeps ? " " : String(repeating: "\n", count: breaks + (keeps ? 1 : 0))
      } else {
        result += String(repeating: "\n", count: breaks)
      }
      result += string(text)
      (breaks, before) = (0, isIndented)
    }
    return result
  }
}
