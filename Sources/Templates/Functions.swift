internal import JSON

struct FunctionError: Error { var reason: String }

/// Go's functions and docker's.
enum Functions {
  static let names: Set<String> = [
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "printf", "println",
    "html",
    "js", "urlquery", "json", "join", "split", "lower", "upper", "title", "truncate", "pad",
  ]

  /// What a value is, for an error.
  static func kind(_ value: Operand) -> String {
    switch value.json {
    case .null: "nil"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }

  static func call(
    _ name: String, _ values: [Operand], _ context: TemplateContext
  ) throws(FunctionError) -> Operand {
    func text(_ string: String) -> Operand { Operand(json: .string(string)) }
    func expect(_ count: Int) throws(FunctionError) {
      guard values.count == count else {
        throw FunctionError(reason: "it takes \(count) \(count == 1 ? "value" : "values"), not \(values.count)")
      }
    }
    func string(_ index: Int) throws(FunctionError) -> String {
      guard let string = values[index].json.string else {
        throw FunctionError(reason: "\(kind(values[index])) is no text")
      }
      return string
    }
    func number(_ index: Int) throws(FunctionError) -> Int {
      guard let number = values[index].json.integer, let value = Int(exactly: number) else {
        throw FunctionError(reason: "\(kind(values[index])) is no whole number")
      }
      return value
    }
    if context.isHeading, ["json", "title", "lower", "upper", "truncate", "pad"].contains(name) {
      return values.first ?? .nothing
    }
    switch name {
    case "not":
      try expect(1)
      return Operand(json: .bool(!values[0].truth))
    case "eq", "ne", "lt", "le", "gt", "ge": return Operand(json: .bool(try compare(name, values)))
    case "len":
      try expect(1)
      return Operand(json: .number(.integer(Int64(try length(values[0])))))
    case "index": return try index(values, context)
    case "slice": return try slice(values)
    case "print": return text(context.printed(values))
    case "println": return text(values.map { context.printed($0, isArgument: true) }.joined(separator: " ") + "\n")
    case "printf":
      guard !values.isEmpty else { throw FunctionError(reason: "it wants a format") }
      return text(try Formatting.text(try string(0), Array(values.dropFirst()), context))
    case "html": return text(Escaping.html(context.printed(values)))
    case "js": return text(Escaping.javaScript(context.printed(values)))
    case "urlquery": return text(Escaping.query(context.printed(values)))
    case "json":
      try expect(1)
      return text(values[0].json.jsonString())
    case "join":
      try expect(2)
      if values[0].json.isNull { return text("") }
      guard let list = values[0].json.array else { throw FunctionError(reason: "\(kind(values[0])) is no list") }
      return text(list.map { context.printed(Operand(json: $0)) }.joined(separator: try string(1)))
    case "split":
      try expect(2)
      let (whole, separator) = (try string(0), try string(1))
      let parts = separator.isEmpty ? whole.map { String($0) } : whole.components(separatedBy: separator)
      return Operand(json: .array(parts.map(JSONValue.string)))
    case "lower":
      try expect(1)
      return text(try string(0).lowercased())
    case "upper":
      try expect(1)
      return text(try string(0).uppercased())
    case "title":
      try expect(1)
      return text(titled(try string(0)))
    case "truncate":
      try expect(2)
      return text(String(try string(0).prefix(max(0, try number(1)))))
    case "pad":
      try expect(3)
      let (before, after) = (try number(1), try number(2))
      guard before <= Formatting.widest, after <= Formatting.widest else { throw FunctionError(reason: "too wide") }
      if try string(0).isEmpty { return text("") }
      return text(
        String(repeating: " ", count: max(0, before)) + (try string(0)) + String(repeating: " ", count: max(0, after)))
    default: throw FunctionError(reason: "there is no such function")
    }
  }

  /// The first letter of each word large.
  private static func titled(_ text: String) -> String {
    var isInside = false
    return String(
      text.flatMap { character -> String in
        let isLetter = character.isLetter || character.isNumber || character == "_" || character == "'"
        defer { isInside = isLetter }
        return isLetter && !isInside ? character.uppercased() : String(character)
      })
  }

  private static func length(_ value: Operand) throws(FunctionError) -> Int {
    switch value.json {
    case .string(let text): text.utf8.count
    case .array(let list): list.count
    case .object(let object): object.count
    case .null: 0
    default: throw FunctionError(reason: "\(kind(value)) has no length")
    }
  }

  private static func index(_ values: [Operand], _ context: TemplateContext) throws(FunctionError) -> Operand {
    guard var value = values.first else { throw FunctionError(reason: "it wants a list or a map") }
    for key in values.dropFirst() {
      switch value.json {
      case .object(let object):
        guard let name = key.json.string else { throw FunctionError(reason: "\(kind(key)) is no key of a map") }
        guard let found = object[name] else {
          // The empty value of what the map's others are.
          let first = object.keys.first.flatMap { object[$0] }
          value = first?.string != nil || object.count == 0 ? Operand(json: "") : .nothing
          continue
        }
        value = Operand(json: found, isMap: context.maps.contains(name))
      case .array(let list):
        guard let number = key.json.integer else { throw FunctionError(reason: "\(kind(key)) is no index of a list") }
        guard number >= 0, number < list.count else {
          throw FunctionError(reason: "index \(number) of a list of \(list.count)")
        }
        value = Operand(json: list[Int(number)])
      case .string(let text):
        guard let number = key.json.integer, number >= 0, number < text.utf8.count else {
          throw FunctionError(reason: "there is no such place in a text of \(text.utf8.count) bytes")
        }
        value = Operand(json: .number(.integer(Int64(Array(text.utf8)[Int(number)]))))
      default: throw FunctionError(reason: "\(value.json.isNull ? "nil" : kind(value)) has no elements")
      }
    }
    return value
  }

  private static func slice(_ values: [Operand]) throws(FunctionError) -> Operand {
    guard let value = values.first, values.count <= 3 else { throw FunctionError(reason: "it wants a list or a text") }
    func range(_ count: Int) throws(FunctionError) -> Range<Int> {
      var bounds: [Int] = []
      for bound in values.dropFirst() {
        guard let number = bound.json.integer, number >= 0, number <= count else {
          throw FunctionError(reason: "a bound outside of 0 to \(count)")
        }
        bounds.append(Int(number))
      }
      let (low, high) = (bounds.first ?? 0, bounds.count == 2 ? bounds[1] : count)
      guard low <= high else { throw FunctionError(reason: "\(low) is after \(high)") }
      return low..<high
    }
    switch value.json {
    case .string(let text):
      let bytes = Array(text.utf8)
      return Operand(json: .string(String(decoding: bytes[try range(bytes.count)], as: UTF8.self)))
    case .array(let list): return Operand(json: .array(Array(list[try range(list.count)])))
    default: throw FunctionError(reason: "\(kind(value)) cannot be sliced")
    }
  }

  /// `eq` takes several and is true for any of them.
  private static func compare(_ name: String, _ values: [Operand]) throws(FunctionError) -> Bool {
    guard let first = values.first, values.count == 2 || (name == "eq" && values.count > 2) else {
      throw FunctionError(reason: "it takes 2 values, not \(values.count)")
    }
    if name == "eq" || name == "ne" {
      var isEqual = false
      for other in values.dropFirst() where try equals(first.json, other.json) { isEqual = true }
      return isEqual == (name == "eq")
    }
    let order = try order(first, values[1])
    switch name {
    case "lt": return order < 0
    case "le": return order <= 0
    case "gt": return order > 0
    default: return order >= 0
    }
  }

  private static func equals(_ a: JSONValue, _ b: JSONValue) throws(FunctionError) -> Bool {
    switch (a, b) {
    case (.null, _), (_, .null), (.string, .string), (.bool, .bool): return a == b
    case (.number, .number): return a == b || (a.double != nil && a.double == b.double)
    case (.array, _), (.object, _), (_, .array), (_, .object):
      throw FunctionError(reason: "lists and objects cannot be compared")
    default:
      throw FunctionError(
        reason: "\(kind(Operand(json: a))) and \(kind(Operand(json: b))) cannot be compared")
    }
  }

  private static func order(_ a: Operand, _ b: Operand) throws(FunctionError) -> Int {
    if let one = a.json.string, let two = b.json.string {
      return one == two ? 0 : Array(one.utf8).lexicographicallyPrecedes(Array(two.utf8)) ? -1 : 1
    }
    if let one = a.json.integer, let two = b.json.integer { return one == two ? 0 : one < two ? -1 : 1 }
    if let one = a.json.double, let two = b.json.double { return one == two ? 0 : one < two ? -1 : 1 }
    throw FunctionError(reason: "\(kind(a)) and \(kind(b)) have no order")
  }
}

extension String {
  /// The parts between the places of a text.
  fileprivate func components(separatedBy separator: String) -> [String] {
    let (bytes, mark) = (Array(utf8), Array(separator.utf8))
    var parts: [String] = []
    var start = 0
    var index = 0
    while index + mark.count <= bytes.count {
      if bytes[index] == mark[0], bytes[index..<(index + mark.count)].elementsEqual(mark) {
        parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
        index += mark.count
        start = index
      } else {
        index += 1
      }
    }
    parts.append(String(decoding: bytes[start...], as: UTF8.self))
    return parts
  }
}
