extension JSONReader {
  /// A string's bytes between its quotes.
  struct StringToken {
    var start: Int
    var end: Int
    var hasEscapes: Bool
    var isASCII: Bool
  }

  /// Moves over a string; the position is at its opening quote.
  mutating func scanString() throws(JSONError) -> StringToken {
    let opening = position
    var index = position + 1
    var token = StringToken(start: index, end: index, hasEscapes: false, isASCII: true)
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        token.end = index
        position = index + 1
        return token
      }
      if byte == UInt8(ascii: "\\") {
        token.hasEscapes = true
        // Whatever is escaped, a quote above all, does not end the string.
        index += 2
        continue
      }
      if byte < 0x20 { throw error("control character 0x\(String(byte, radix: 16)) in a string", at: index) }
      if byte >= 0x80 { token.isASCII = false }
      index += 1
    }
    throw error("a string without an end", at: opening)
  }

  /// Moves over a string value, which is checked as one that is read; only what may be wrong with it is looked at twice.
  mutating func skipString() throws(JSONError) {
    try beginValue()
    let token = try scanString()
    if !token.isASCII {
      _ = try text(of: token)
    } else if token.hasEscapes {
      try checkEscapes(token)
    }
  }

  private func checkEscapes(_ token: StringToken) throws(JSONError) {
    var index = token.start
    while index < token.end {
      guard bytes[index] == UInt8(ascii: "\\") else {
        index += 1
        continue
      }
      let letter = bytes[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
        UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
        break
      case UInt8(ascii: "u"):
        let scalar = try scalarEscape(at: &index, before: token.end)
        if scalar.value == 0 && !limits.allowsNUL { throw error("a NUL character in a string", at: index - 6) }
      default: throw error("unknown escape in a string", at: index - 2)
      }
    }
  }

  /// The text, with escapes resolved and UTF-8 checked.
  func text(of token: StringToken) throws(JSONError) -> String {
    let raw = bytes[token.start..<token.end]
    if !token.hasEscapes {
      if token.isASCII { return String(decoding: raw, as: UTF8.self) }
      guard let text = String(validating: raw, as: UTF8.self) else {
        throw error("a string that is not UTF-8", at: token.start)
      }
      return text
    }
    guard let text = String(validating: try unescape(token), as: UTF8.self) else {
      throw error("a string that is not UTF-8", at: token.start)
    }
    return text
  }

  private func unescape(_ token: StringToken) throws(JSONError) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(token.end - token.start)
    var index = token.start
    while index < token.end {
      guard bytes[index] == UInt8(ascii: "\\") else {
        text.append(bytes[index])
        index += 1
        continue
      }
      // scanString stepped over the byte behind each backslash, so there is one.
      let letter = bytes[index + 1]
      index += 2
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0c)
      case UInt8(ascii: "n"): text.append(0x0a)
      case UInt8(ascii: "r"): text.append(0x0d)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let scalar = try scalarEscape(at: &index, before: token.end)
        if scalar.value == 0 && !limits.allowsNUL { throw error("a NUL character in a string", at: index - 6) }
        text.append(contentsOf: UTF8.encode(scalar)!)
      default: throw error("unknown escape in a string", at: index - 2)
      }
    }
    return text
  }

  /// The scalar of `\uXXXX`, or of the two that make a surrogate pair; `index` is behind the first `u`.
  private func scalarEscape(at index: inout Int, before end: Int) throws(JSONError) -> Unicode.Scalar {
    let start = index - 2
    let first = try fourHexDigits(at: index, before: end)
    index += 4
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xdc00, index + 6 <= end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
    else { throw error("half of a surrogate pair in a string", at: start) }
    let second = try fourHexDigits(at: index + 2, before: end)
    guard second >= 0xdc00, second < 0xe000,
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    else { throw error("half of a surrogate pair in a string", at: start) }
    index += 6
    return scalar
  }

  private func fourHexDigits(at index: Int, before end: Int) throws(JSONError) -> UInt32 {
    guard index + 4 <= end else { throw error("\\u without four hexadecimal digits", at: index - 2) }
    var value: UInt32 = 0
    for byte in bytes[index..<index + 4] {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: throw error("\\u without four hexadecimal digits", at: index - 2)
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
