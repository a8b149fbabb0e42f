internal import JSON

/// A word of an action.
struct Token: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    /// What stands between the actions.
    case text(String)
    case open, close
    case identifier(String)
    /// `.Name`, one name each.
    case field(String)
    case dot
    case variable(String)
    case literal(JSONValue)
    case leftParenthesis, rightParenthesis, pipe, declare, assign, comma
    case end
  }
  var kind: Kind
  var offset: Int
  /// White space stands before it: `.a .b` are two words, `.a.b` is one.
  var isApart = false
}

/// Takes a template apart. Trim markers and comments are gone afterwards.
struct Lexer {
  private let source: TemplateSource
  private var position = 0
  private var tokens: [Token] = []

  init(_ source: TemplateSource) { self.source = source }

  static func tokens(of source: TemplateSource) throws(TemplateError) -> [Token] {
    var lexer = Lexer(source)
    try lexer.run()
    return lexer.tokens
  }

  private var scalars: [Unicode.Scalar] { source.scalars }
  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    position + ahead < scalars.count ? scalars[position + ahead] : nil
  }
  private func starts(_ text: StaticString, at offset: Int = 0) -> Bool {
    var index = position + offset
    for scalar in text.description.unicodeScalars {
      guard index < scalars.count, scalars[index] == scalar else { return false }
      index += 1
    }
    return true
  }
  private static func isSpace(_ scalar: Unicode.Scalar?) -> Bool {
    scalar == " " || scalar == "\t" || scalar == "\r" || scalar == "\n"
  }
  private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
    guard let scalar else { return false }
    return scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
  }

  private mutating func add(_ kind: Token.Kind, at offset: Int, isApart: Bool = false) {
    tokens.append(Token(kind: kind, offset: offset, isApart: isApart))
  }

  private mutating func run() throws(TemplateError) {
    var trimsLeft = false
    while position < scalars.count {
      let start = position
      while position < scalars.count, !starts("{{") { position += 1 }
      var end = position
      let isAction = position < scalars.count
      let opening = position
      var trims = false
      if isAction {
        position += 2
        // "{{- " trims what stands before; "{{-3}}" is a number.
        if peek() == "-", Self.isSpace(peek(1)) {
          trims = true
          position += 2
        }
      }
      var first = start
      if trimsLeft { while first < end, Self.isSpace(scalars[first]) { first += 1 } }
      if trims { while end > first, Self.isSpace(scalars[end - 1]) { end -= 1 } }
      if end > first { add(.text(Self.text(scalars[first..<end])), at: first) }
      trimsLeft = false
      if isAction { trimsLeft = try action(from: opening) }
    }
    add(.end, at: scalars.count)
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// True when it ended in " -}}".
  private mutating func action(from opening: Int) throws(TemplateError) -> Bool {
    if starts("/*") {
      while position < scalars.count, !starts("*/") { position += 1 }
      guard position < scalars.count else { throw source.error("a comment without its end", at: opening) }
      position += 2
      if starts("}}") {
        position += 2
        return false
      }
      if Self.isSpace(peek()), starts("-}}", at: 1) {
        position += 4
        return true
      }
      throw source.error("a comment ends right before \"}}\"", at: opening)
    }
    add(.open, at: opening)
    while true {
      let before = position
      while Self.isSpace(peek()) { position += 1 }
      let isApart = position > before
      if isApart, starts("-}}") {
        add(.close, at: position)
        position += 3
        return true
      }
      if starts("}}") {
        add(.close, at: position)
        position += 2
        return false
      }
      guard position < scalars.count else { throw source.error("\"{{\" without \"}}\"", at: opening) }
      try word(isApart: isApart)
    }
  }

  private mutating func word(isApart: Bool) throws(TemplateError) {
    let start = position
    guard let scalar = peek() else { return }
    position += 1
    switch scalar {
    case "(": add(.leftParenthesis, at: start, isApart: isApart)
    case ")": add(.rightParenthesis, at: start, isApart: isApart)
    case "|": add(.pipe, at: start, isApart: isApart)
    case ",": add(.comma, at: start, isApart: isApart)
    case "=": add(.assign, at: start, isApart: isApart)
    case ":" where peek() == "=":
      position += 1
      add(.declare, at: start, isApart: isApart)
    case "\"": add(.literal(.string(try quoted(from: start, by: "\""))), at: start, isApart: isApart)
    case "'":
      let rune = try quoted(from: start, by: "'").unicodeScalars
      guard rune.count == 1, let only = rune.first else {
        throw source.error("a character in quotes is one; a text stands between double quotes", at: start)
      }
      add(.literal(.number(.integer(Int64(only.value)))), at: start, isApart: isApart)
    case "`":
      while position < scalars.count, peek() != "`" { position += 1 }
      guard position < scalars.count else { throw source.error("a text without its closing `", at: start) }
      add(.literal(.string(Self.text(scalars[(start + 1)..<position]))), at: start, isApart: isApart)
      position += 1
    case ".":
      if let next = peek(), ("0"..."9").contains(next) { return try number(from: start, isApart: isApart) }
      let name = name()
      add(name.isEmpty ? .dot : .field(name), at: start, isApart: isApart)
    case "$": add(.variable(name()), at: start, isApart: isApart)
    case "+", "-", "0"..."9": try number(from: start, isApart: isApart)
    default:
      guard Self.isWord(scalar) else {
        throw source.error("unexpected \"\(scalar)\" inside {{ }}", at: start)
      }
      position -= 1
      let name = name()
      let kind: Token.Kind =
        switch name {
        case "true": .literal(true)
        case "false": .literal(false)
        default: .identifier(name)
        }
      add(kind, at: start, isApart: isApart)
    }
  }

  private mutating func name() -> String {
    let start = position
    while Self.isWord(peek()) { position += 1 }
    return Self.text(scalars[start..<position])
  }

  private mutating func number(from start: Int, isApart: Bool) throws(TemplateError) {
    position = start
    if peek() == "+" || peek() == "-" { position += 1 }
    while let next = peek() {
      // The sign of an exponent: 1e-3.
      let isExponent =
        (next == "+" || next == "-") && position > start + 1 && "eE".unicodeScalars.contains(scalars[position - 1])
        && !Self.text(scalars[start..<position]).lowercased().contains("x")
      guard Self.isWord(next) || next == "." || isExponent else { break }
      position += 1
    }
    let text = Self.text(scalars[start..<position])
    guard let number = Self.number(text) else { throw source.error("\"\(text)\" is no number", at: start) }
    add(.literal(.number(number)), at: start, isApart: isApart)
  }

  /// Go's literals: 0x1f, 0o17, 017, 0b1, 1_000, 1.5e3.
  static func number(_ text: String) -> JSONNumber? {
    var digits = text.filter { $0 != "_" }.lowercased()
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
    let radices: [(String, Int)] = [("0x", 16), ("0o", 8), ("0b", 2)]
    for (prefix, radix) in radices where digits.hasPrefix(prefix) {
      return Int64((isNegative ? "-" : "") + digits.dropFirst(2), radix: radix).map(JSONNumber.integer)
    }
    guard let first = digits.first, first.isASCII, first.isNumber || first == "." else { return nil }
    let isOctal = digits.count > 1 && first == "0" && digits.allSatisfy(\.isNumber)
    if let value = Int64((isNegative ? "-" : "") + digits, radix: isOctal ? 8 : 10) { return .integer(value) }
    guard !isOctal, let value = Double(digits), value.isFinite else { return nil }
    return .double(isNegative ? -value : value)
  }

  /// What stands up to the closing quote, Go's escapes resolved.
  private mutating func quoted(from start: Int, by quote: Unicode.Scalar) throws(TemplateError) -> String {
    var text = String.UnicodeScalarView()
    while let scalar = peek(), scalar != "\n" {
      position += 1
      if scalar == quote { return String(text) }
      guard scalar == "\\" else {
        text.append(scalar)
        continue
      }
      guard let escaped = peek() else { break }
      position += 1
      let simple: [Unicode.Scalar: Unicode.Scalar] = [
        "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "\"": "\"", "'": "'", "a": "\u{7}", "b": "\u{8}", "f": "\u{c}",
        "v": "\u{b}",
      ]
      let lengths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
      if let meant = simple[escaped] {
        text.append(meant)
      } else if let length = lengths[escaped], position + length <= scalars.count,
        let value = UInt32(Self.text(scalars[position..<(position + length)]), radix: 16),
        let meant = Unicode.Scalar(value)
      {
        text.append(meant)
        position += length
      } else {
        throw source.error("\"\\\(escaped)\" is no escape", at: position - 2)
      }
    }
    throw source.error("a text without its closing \(quote)", at: start)
  }
}
