/// What the words of a command said. Asking for an option that its table does not have is a mistake of the program.
package struct ParsedArguments: Sendable {
  package let command: Command
  package var positionals: [String] = []
  package internal(set) var wantsHelp = false
  /// In the order of the words.
  private var given: [(name: String, value: String)] = []
  /// What stood before the command.
  private var above: [(name: String, value: String)] = []

  package init(command: Command) { self.command = command }

  mutating func set(_ option: Option, _ value: String) { given.append((option.name, value)) }

  /// Takes over the options that stood before the command.
  package mutating func inherit(_ globals: ParsedArguments) { above = globals.given }

  /// The last value of an option that stood before the command.
  package func inherited(_ name: String) -> String? { above.last { $0.name == name }?.value }

  private func check(_ name: String) {
    precondition(command.options.contains { $0.name == name }, "\(command.name) has no option --\(name)")
  }

  package func isSet(_ name: String) -> Bool {
    check(name)
    return given.contains { $0.name == name }
  }

  package func flag(_ name: String) -> Bool { string(name) == "true" }

  /// True or false as given, nil when it was not: for a flag whose default depends on other things.
  package func optionalFlag(_ name: String) -> Bool? { string(name).map { $0 == "true" } }

  /// The last value given.
  package func string(_ name: String) -> String? {
    check(name)
    return given.last { $0.name == name }?.value
  }

  package func strings(_ name: String) -> [String] {
    check(name)
    return given.filter { $0.name == name }.map(\.value)
  }

  package func integer(_ name: String, in range: ClosedRange<Int> = .min ... .max) throws(UsageError) -> Int? {
    try value(name, "expected a whole number\(described(range))") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// `64m`, `1.5g`, `1024`: bytes, as docker reads them.
  package func bytes(_ name: String) throws(UsageError) -> Int64? {
    try value(name, "expected a size such as 64m, 1.5g or 1048576", parseBytes)
  }

  /// `0.5`, `2`: billionths of a CPU.
  package func nanoCPUs(_ name: String) throws(UsageError) -> Int64? {
    try value(
      name, "expected a number of CPUs such as 0.5 or 2, with at most nine digits after the point", parseNanoCPUs)
  }

  /// `300ms`, `1m30s`: nanoseconds.
  package func duration(_ name: String) throws(UsageError) -> Int64? {
    let isTooLong = string(name).map { parseDuration($0) == nil && isDuration($0) } ?? false
    return try value(
      name,
      isTooLong ? "that is longer than 292 years" : "expected a duration such as 300ms, 10s or 1h30m", parseDuration)
  }

  /// One of the words, or an error that lists them.
  package func choice(_ name: String, of words: [String]) throws(UsageError) -> String? {
    guard let text = string(name) else { return nil }
    if words.contains(text) { return text }
    throw bad(
      name, text, "expected \(words.joined(separator: ", "))",
      suggestion: nearest(to: text, in: words).map { "did you mean \($0)?" })
  }

  /// Any other value: `read` answers nil for what it does not take.
  package func value<Value>(
    _ name: String, _ expected: String, _ read: (String) -> Value?
  ) throws(UsageError) -> Value? {
    guard let text = string(name) else { return nil }
    if let value = read(text) { return value }
    throw bad(name, text, expected)
  }

  /// The error of a value that a parser elsewhere refused, in the same words as all others.
  package func bad(_ name: String, _ value: String, _ reason: String, suggestion: String? = nil) -> UsageError {
    let shown = command.options.first { $0.name == name }?.shown ?? "--\(name)"
    return UsageError(
      command: command.name, "invalid argument \"\(value)\" for \"\(shown)\": \(reason)", suggestion: suggestion)
  }

  /// The error of options that do not go together, or of a positional.
  package func fail(_ message: String, suggestion: String? = nil) -> UsageError {
    UsageError(command: command.name, message, suggestion: suggestion)
  }

  private func described(_ range: ClosedRange<Int>) -> String {
    switch (range.lowerBound, range.upperBound) {
    case (.min, .max): ""
    case (let low, .max): " of at least \(low)"
    case (let low, let high): " from \(low) to \(high)"
    }
  }
}
