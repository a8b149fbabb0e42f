internal import Kernel

// `--env-merge`, as podman reads it: a variable made of those that a container has by default.

/// `NAME=WORD`, the word in the shell's writing: `$NAME`, `${NAME}`, `${NAME:-WORD}`, `${NAME:+WORD}`, quotes and
/// backslashes. What has no value is empty.
package struct EnvironmentMerge: Hashable, Sendable {
  private var name: String
  private var word: String

  /// - Throws: where it is not NAME=WORD, or a quote or a brace is not closed.
  package init(_ text: String) throws(OptionError) {
    guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
      throw OptionError("it needs NAME=VALUE", suggestion: "--env-merge 'PATH=${PATH}:/opt/bin'")
    }
    name = String(text[..<equals])
    word = String(text[text.index(after: equals)...])
    if hasControlCharacters(name) { throw OptionError("a variable's name holds a control character") }
    _ = try entry(of: [:])
  }

  /// `NAME=VALUE`
  func entry(of values: [String: String]) throws(OptionError) -> String {
    var rest = word[...]
    return "\(name)=\(try expand(&rest, values, until: nil, depth: 0))"
  }

  /// All of them in order, each with what those before it made.
  static func entries(_ merges: [EnvironmentMerge], over defaults: [String]) throws(OptionError) -> [String] {
    var values: [String: String] = [:]
    func set(_ entry: String) {
      guard let equals = entry.firstIndex(of: "=") else { return }
      values[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
    }
    for entry in defaults { set(entry) }
    var made: [String] = []
    for merge in merges {
      let entry = try merge.entry(of: values)
      set(entry)
      made.append(entry)
    }
    return made
  }

  private func expand(
    _ rest: inout Substring, _ values: [String: String], until end: Character?, depth: Int
  ) throws(OptionError) -> String {
    guard depth < 16 else { throw OptionError("the braces are nested too deeply") }
    var made = ""
    var isQuoted = false
    while let character = rest.popFirst() {
      switch character {
      case end where !isQuoted: return made
      case "\"": isQuoted.toggle()
      case "'" where !isQuoted:
        guard let close = rest.firstIndex(of: "'") else { throw OptionError("a ' is not closed") }
        made += rest[..<close]
        rest = rest[rest.index(after: close)...]
      case "\\":
        guard let next = rest.popFirst() else { throw OptionError("it ends with a backslash") }
        if isQuoted && !"$\"\\`".contains(next) { made.append("\\") }
        made.append(next)
      case "$": made += try variable(&rest, values, depth: depth)
      default: made.append(character)
      }
      guard made.utf8.count <= 1 << 20 else { throw OptionError("it comes to more than a megabyte") }
    }
    if isQuoted { throw OptionError("a \" is not closed") }
    if end != nil { throw OptionError("a ${ is not closed") }
    return made
  }

  /// What stands behind a `$`.
  private func variable(
    _ rest: inout Substring, _ values: [String: String], depth: Int
  ) throws(OptionError) -> String {
    guard rest.first == "{" else {
      let name = takeName(&rest)
      return name.isEmpty ? "$" : values[name] ?? ""
    }
    rest.removeFirst()
    let name = takeName(&rest)
    guard !name.isEmpty else { throw OptionError("a ${ has no name behind it") }
    let value = values[name] ?? ""
    if rest.first == "}" {
      rest.removeFirst()
      return value
    }
    let operation = rest.prefix(2)
    guard operation == ":-" || operation == ":+" else {
      throw OptionError(
        rest.isEmpty
          ? "a ${ is not closed" : "of \"${\(name)…}\" there are ${\(name)}, ${\(name):-WORD} and ${\(name):+WORD}")
    }
    rest = rest.dropFirst(2)
    let other = try expand(&rest, values, until: "}", depth: depth + 1)
    return operation == ":-" ? (value.isEmpty ? other : value) : (value.isEmpty ? "" : other)
  }

  private func takeName(_ rest: inout Substring) -> String {
    let name = rest.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
    // A name begins with no digit.
    guard name.first?.isNumber == false else { return "" }
    rest = rest[name.endIndex...]
    return String(name)
  }
}

/// All that the caller has, for `--env-host`.
package func hostEnvironment() -> [String] {
  environment().map(\.string).filter { ($0.firstIndex(of: "=") ?? $0.startIndex) > $0.startIndex }
}
