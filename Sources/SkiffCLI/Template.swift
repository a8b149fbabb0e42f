internal import JSON

/// The part of Go's text templates that people put into `--format`: fields (`{{.State.Pid}}`), `{{json .Labels}}`,
/// `{{.}}`, and the text around them. The word `json` alone is the whole value.
struct Template {
  private enum Part {
    case text(String)
    case field([String], asJSON: Bool)
  }
  private var parts: [Part] = []

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  init(_ format: String) throws(Failure) {
    if format == "json" {
      parts = [.field([], asJSON: true)]
      return
    }
    // What a shell passes on as `\t` and `\n` is meant as such.
    var rest = Template.unescaped(format)[...]
    while let opening = rest.firstRange(of: "{{") {
      if opening.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<opening.lowerBound]))) }
      guard let closing = rest[opening.upperBound...].firstRange(of: "}}") else {
        throw Failure(description: "--format: \"{{\" without \"}}\"")
      }
      parts.append(try Template.action(String(rest[opening.upperBound..<closing.lowerBound])))
      rest = rest[closing.upperBound...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
  }

  private static func action(_ text: String) throws(Failure) -> Part {
    let words = text.split(separator: " ").map(String.init)
    let asJSON = words.first == "json"
    guard let field = asJSON ? words.dropFirst().first : words.first, words.count == (asJSON ? 2 : 1),
      field.hasPrefix(".")
    else {
      throw Failure(description: "--format: cannot read {{\(text)}}; there are {{.Field}} and {{json .Field}}")
    }
    return .field(field.split(separator: ".").map(String.init), asJSON: asJSON)
  }

  private static func unescaped(_ text: String) -> String {
    var result = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        result += character == "t" ? "\t" : character == "n" ? "\n" : "\\\(character)"
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        result.append(character)
      }
    }
    return isEscaped ? result + "\\" : result
  }

  /// What `--format` makes of a list: a line each, or after the word `table` columns, cells between tabs, with a heading
  /// for each field.
  static func lines(
    _ format: String, _ values: [JSONValue], headings: KeyValuePairs<String, String>
  ) throws(Failure) -> String {
    guard format.hasPrefix("table "), format != "table " else {
      let template = try Template(format)
      var text = ""
      for value in values { text += try template.text(value) + "\n" }
      return text
    }
    let template = try Template(String(format.dropFirst(6)))
    var first = JSONObject()
    for (field, heading) in headings { first[field] = .string(heading) }
    var table = Table()
    for value in [.object(first)] + values {
      table.add(try template.text(value).split(separator: "\t", omittingEmptySubsequences: false).map(String.init))
    }
    return table.text
  }

  func text(_ value: JSONValue) throws(Failure) -> String {
    var result = ""
    for part in parts {
      switch part {
      case .text(let text): result += text
      case .field(let path, let asJSON):
        var found = value
        for name in path {
          guard let next = found[name] else {
            throw Failure(description: "--format: there is no field \".\(path.joined(separator: "."))\" here")
          }
          found = next
        }
        result += asJSON ? found.jsonString() : Template.plain(found)
      }
    }
    return result
  }

  /// As Go prints it: strings bare, the rest as JSON.
  private static func plain(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .null: "<nil>"
    default: value.jsonString()
    }
  }
}

extension StringProtocol {
  /// The first place of a pattern.
  fileprivate func firstRange(of pattern: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(pattern) { return start..<index(start, offsetBy: pattern.count) }
      start = index(after: start)
    }
    return nil
  }
}
