internal import JSON

/// Go's Sprintf: `%s %q %v %d %x %X %o %b %c %U %t %f %e %g %T %%`, with the flags `-+# 0`, width and precision.
enum Formatting {
  /// Go too leaves out a width beyond this.
  static let widest = 1_000_000

  private struct Verb {
    var isLeft = false
    var hasPlus = false
    var hasSpace = false
    var isAlternate = false
    var hasZeros = false
    var width = 0
    var precision: Int?
  }

  static func text(
    _ format: String, _ values: [Operand], _ context: TemplateContext
  ) throws(FunctionError) -> String {
    var output = ""
    var reader = Reader(rest: format.unicodeScalars[...], values: values[...])
    while let scalar = reader.rest.popFirst() {
      guard scalar == "%" else {
        output.unicodeScalars.append(scalar)
        continue
      }
      let verb = try reader.verb()
      guard let letter = reader.rest.popFirst() else {
        output += "%!(NOVERB)"
        break
      }
      if letter == "%" {
        output += "%"
        continue
      }
      guard let value = reader.values.popFirst() else {
        output += "%!\(letter)(MISSING)"
        continue
      }
      output += piece(letter, verb, value, context)
      guard output.utf8.count <= Evaluation.longestText else { throw FunctionError(reason: "too much text") }
    }
    if !reader.values.isEmpty {
      let extra = reader.values.map { "\(goType($0.json))=\(context.printed($0, isArgument: true))" }
      output += "%!(EXTRA \(extra.joined(separator: ", ")))"
    }
    return output
  }

  /// What is left of the format, and of the values that it has not used.
  private struct Reader {
    var rest: Substring.UnicodeScalarView
    var values: ArraySlice<Operand>

    /// What stands between the percent sign and the letter.
    mutating func verb() throws(FunctionError) -> Verb {
      var verb = Verb()
      flags: while let flag = rest.first {
        switch flag {
        case "-": verb.isLeft = true
        case "+": verb.hasPlus = true
        case " ": verb.hasSpace = true
        case "#": verb.isAlternate = true
        case "0": verb.hasZeros = true
        default: break flags
        }
        rest.removeFirst()
      }
      verb.width = number() ?? 0
      if verb.width < 0 {
        verb.isLeft = true
        verb.width = Int(clamping: verb.width.magnitude)
      }
      if rest.first == "." {
        rest.removeFirst()
        verb.precision = max(0, number() ?? 0)
      }
      guard verb.width <= widest, verb.precision ?? 0 <= widest else {
        throw FunctionError(reason: "a width beyond \(widest)")
      }
      return verb
    }

    /// Nil where there is none. A star stands for one of the values.
    private mutating func number() -> Int? {
      if rest.first == "*" {
        rest.removeFirst()
        return values.popFirst()?.json.integer.map { Int(clamping: $0) }
      }
      var value: Int?
      while let digit = rest.first, ("0"..."9").contains(digit) {
        rest.removeFirst()
        value = min((value ?? 0) * 10 + Int(digit.value - 48), widest + 1)
      }
      return value
    }
  }

  private static func piece(
    _ letter: Unicode.Scalar, _ verb: Verb, _ value: Operand, _ context: TemplateContext
  ) -> String {
    let plain = context.printed(value, isArgument: true)
    switch (letter, value.json) {
    case ("v", .number(.integer)), ("v", .number(.unsigned)): return integer(value.json, radix: 10, verb)
    case ("v", .number(.double)): return padded(plain, verb, isNumber: true)
    case ("v", _): return padded(plain, verb)
    case ("T", _): return padded(goType(value.json), verb)
    case ("s", .string(let text)): return padded(cut(text, verb), verb)
    case ("s", .null), ("s", .bool), ("s", .number): break
    case ("s", _): return padded(plain, verb)
    case ("q", .string(let text)):
      let cut = cut(text, verb)
      return padded(verb.isAlternate && !cut.contains("`") ? "`\(cut)`" : Escaping.quoted(cut), verb)
    case ("q", .array(let values)):
      return padded(
        "[" + values.map { Escaping.quoted(context.plain($0, isMap: false)) }.joined(separator: " ") + "]", verb)
    case ("t", .bool): return padded(plain, verb)
    case ("d", .number(.integer)), ("d", .number(.unsigned)): return integer(value.json, radix: 10, verb)
    case ("x", .number(.integer)), ("x", .number(.unsigned)): return integer(value.json, radix: 16, verb, prefix: "0x")
    case ("X", .number(.integer)), ("X", .number(.unsigned)):
      return integer(value.json, radix: 16, verb, prefix: "0x").uppercased()
    case ("o", .number(.integer)): return integer(value.json, radix: 8, verb, prefix: "0")
    case ("b", .number(.integer)): return integer(value.json, radix: 2, verb, prefix: "0b")
    case ("x", .string(let text)): return padded(text.utf8.map { hex($0) }.joined(), verb)
    case ("X", .string(let text)): return padded(text.utf8.map { hex($0) }.joined().uppercased(), verb)
    case ("c", .number(.integer(let code))):
      return padded(UInt32(exactly: code).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{fffd}", verb)
    case ("q", .number(.integer(let code))):
      return padded(
        "'" + (UInt32(exactly: code).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{fffd}") + "'", verb)
    case ("U", .number(.integer(let code))):
      let digits = String(code, radix: 16, uppercase: true)
      return padded("U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits, verb)
    case ("f", .number(.double(let number))), ("F", .number(.double(let number))):
      return padded(signed(fixed(number, digits: verb.precision ?? 6), verb), verb, isNumber: true)
    case ("e", .number(.double(let number))):
      return padded(signed(scientific(number, digits: verb.precision ?? 6), verb), verb, isNumber: true)
    case ("g", .number(.double)): return padded(signed(plain, verb), verb, isNumber: true)
    default: break
    }
    return value.json.isNull ? "%!\(letter)(<nil>)" : "%!\(letter)(\(goType(value.json))=\(plain))"
  }

  private static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  private static func cut(_ text: String, _ verb: Verb) -> String {
    guard let precision = verb.precision else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
  }

  private static func goType(_ value: JSONValue) -> String {
    switch value {
    case .null: "<nil>"
    case .bool: "bool"
    case .number(.double): "float64"
    case .number: "int"
    case .string: "string"
    case .array: "[]interface {}"
    case .object: "map[string]interface {}"
    }
  }

  private static func signed(_ text: String, _ verb: Verb) -> String {
    text.hasPrefix("-") ? text : verb.hasPlus ? "+" + text : verb.hasSpace ? " " + text : text
  }

  private static func integer(_ value: JSONValue, radix: Int, _ verb: Verb, prefix: String = "") -> String {
    let isNegative = (value.integer ?? 0) < 0
    var digits = value.integer.map { String($0.magnitude, radix: radix) } ?? String(value.unsigned ?? 0, radix: radix)
    if let precision = verb.precision {
      digits = String(repeating: "0", count: max(0, precision - digits.count)) + digits
    }
    let sign = isNegative ? "-" : verb.hasPlus ? "+" : verb.hasSpace ? " " : ""
    return padded(sign + (verb.isAlternate ? prefix : "") + digits, verb, isNumber: verb.precision == nil)
  }

  private static func padded(_ text: String, _ verb: Verb, isNumber: Bool = false) -> String {
    let missing = verb.width - text.unicodeScalars.count
    guard missing > 0 else { return text }
    if verb.isLeft { return text + String(repeating: " ", count: missing) }
    guard verb.hasZeros, isNumber else { return String(repeating: " ", count: missing) + text }
    let sign = text.prefix { "+- ".contains($0) }
    return sign + String(repeating: "0", count: missing) + text.dropFirst(sign.count)
  }

  // MARK: - Fractions, without the C library: none of them is exact to the last digit of a huge number

  /// `123.456` however large or small.
  static func positional(_ value: Double) -> String {
    let text = value.description
    guard text.contains("e") else { return text.hasSuffix(".0") ? String(text.dropLast(2)) : text }
    let parts = decimal(text)
    let (digits, point) = (parts.digits, parts.point)
    let body: String
    if point <= 0 {
      body = "0." + String(repeating: "0", count: 0 - point) + digits
    } else if point >= digits.count {
      body = digits + String(repeating: "0", count: point - digits.count)
    } else {
      body = digits.prefix(point) + "." + digits.dropFirst(point)
    }
    return (value < 0 ? "-" : "") + body
  }

  /// The digits of a number, and where among them the point is.
  private static func decimal(_ text: String) -> (digits: String, point: Int) {
    let parts = text.drop { $0 == "-" }.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let exponent = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
    let fraction = mantissa.count == 2 && mantissa[1] != "0" ? mantissa[1] : ""
    var digits = String(mantissa[0] + fraction)
    var point = mantissa[0].count + exponent
    while digits.count > 1, digits.hasPrefix("0") {
      digits.removeFirst()
      point -= 1
    }
    return (digits, point)
  }

  /// The shortest digits that mean the number, rounded half up at the place that was asked for.
  private static func rounded(_ digits: String, keeping count: Int) -> (digits: [UInt8], carries: Bool) {
    var kept = Array(digits.utf8.prefix(max(0, count)))
    let isUp = count >= 0 && count < digits.utf8.count && Array(digits.utf8)[count] >= 53
    kept += [UInt8](repeating: 48, count: max(0, count - kept.count))
    guard isUp else { return (kept, false) }
    var index = kept.count - 1
    while index >= 0 {
      if kept[index] < 57 {
        kept[index] += 1
        return (kept, false)
      }
      kept[index] = 48
      index -= 1
    }
    return ([49] + kept, true)
  }

  static func fixed(_ value: Double, digits places: Int) -> String {
    let (digits, point) = decimal(value.description)
    let result = rounded(digits, keeping: point + places)
    let whole = point + (result.carries ? 1 : 0)
    var text = String(decoding: result.digits, as: UTF8.self)
    if whole <= 0 { text = String(repeating: "0", count: 1 - whole) + text }
    text = String(repeating: "0", count: max(0, places + 1 - text.count)) + text
    let head = text.dropLast(places)
    return (value < 0 ? "-" : "") + head + (places > 0 ? "." + text.suffix(places) : "")
  }

  static func scientific(_ value: Double, digits places: Int) -> String {
    let (digits, point) = decimal(value.description)
    let result = rounded(digits, keeping: places + 1)
    let text = String(decoding: result.digits, as: UTF8.self)
    let power = value == 0 ? 0 : point - 1 + (result.carries ? 1 : 0)
    let mantissa = text.prefix(1) + (places > 0 ? "." + text.dropFirst().prefix(places) : "")
    return exponent((value < 0 ? "-" : "") + "\(mantissa)e\(power)")
  }

  /// `1.5e+06`, with no digit more than it takes.
  static func shortExponent(_ value: Double) -> String {
    let (whole, point) = decimal(value.description)
    var digits = whole
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    let mantissa = digits.prefix(1) + (digits.count > 1 ? "." + digits.dropFirst() : "")
    return exponent((value < 0 ? "-" : "") + "\(mantissa)e\(point - 1)")
  }

  /// Go writes `1e+21` and `1e-05`.
  static func exponent(_ text: String) -> String {
    let parts = text.split(separator: "e")
    guard parts.count == 2, let power = Int(parts[1]) else { return text }
    let digits = String(power.magnitude)
    let mantissa = parts[0].hasSuffix(".0") && parts[0].count <= 4 ? parts[0].dropLast(2) : parts[0]
    return "\(mantissa)e\(power < 0 ? "-" : "+")\(digits.count < 2 ? "0" : "")\(digits)"
  }
}
