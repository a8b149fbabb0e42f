internal import JSON

// Values as Go's fmt prints them.

extension TemplateContext {
  /// `{{value}}`
  func printed(_ value: Operand, isArgument: Bool = false) -> String {
    if value.isMissing { return isArgument ? "<nil>" : "<no value>" }
    return plain(value.json, isMap: value.isMap)
  }

  /// As fmt.Sprint: a space between two of which neither is a text.
  func printed(_ values: [Operand]) -> String {
    var text = ""
    for (index, value) in values.enumerated() {
      if index > 0, value.json.string == nil, values[index - 1].json.string == nil { text += " " }
      text += printed(value, isArgument: true)
    }
    return text
  }

  /// `%v`: a list is `[a b]`, a map `map[k:v]`, a struct `{a b}`.
  func plain(_ value: JSONValue, isMap: Bool) -> String {
    switch value {
    case .string(let text): return text
    case .null: return "<nil>"
    case .bool(let flag): return flag ? "true" : "false"
    case .number(let number): return Self.plain(number)
    case .array(let values): return "[" + values.map { plain($0, isMap: false) }.joined(separator: " ") + "]"
    case .object(let object):
      func member(_ key: String) -> String {
        let value = object[key] ?? .null
        if value.isNull { return lists.contains(key) ? "[]" : maps.contains(key) ? "map[]" : "<nil>" }
        return plain(value, isMap: maps.contains(key))
      }
      if isMap { return "map[" + object.keys.sorted().map { "\($0):\(member($0))" }.joined(separator: " ") + "]" }
      return "{" + object.keys.map { member($0) }.joined(separator: " ") + "}"
    }
  }

  static func plain(_ number: JSONNumber) -> String {
    switch number {
    case .integer(let value): return String(value)
    case .unsigned(let value): return String(value)
    case .double(let value):
      // %g with as many digits as it takes: exponents from 1e+06 on and below 1e-4, of two digits at least.
      let size = value.magnitude
      if size != 0 && (size < 1e-4 || size >= 1e6) { return Formatting.shortExponent(value) }
      return Formatting.positional(value)
    }
  }
}
