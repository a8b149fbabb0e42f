extension Command {
  /// Reads the words after the command's name by docker's rules (those of Go's pflag): clusters `-it`, values `-v=x`,
  /// `-vx`, `-v x`, `--name=x`, `--name x`, flags `--rm=false`, and `--` before words that only look like options.
  ///
  /// `--help` stops the reading: what else is wrong does not matter then.
  package func parse(_ words: [String]) throws(UsageError) -> ParsedArguments {
    var reader = Reader(command: self, words: words)
    return try reader.read()
  }
}

private struct Reader {
  let command: Command
  let options: [Option]
  let words: [String]
  var position = 0
  var parsed: ParsedArguments

  init(command: Command, words: [String]) {
    self.command = command
    self.words = words
    options = command.allOptions
    parsed = ParsedArguments(command: command)
  }

  mutating func read() throws(UsageError) -> ParsedArguments {
    while position < words.count {
      let word = words[position]
      position += 1
      if word == "--" {
        parsed.positionals += words[position...]
        break
      }
      if word.hasPrefix("--") {
        try readLong(word.dropFirst(2))
      } else if word.hasPrefix("-"), word != "-" {
        if isLongWithOneDash(word) {
          try readLong(word.dropFirst())
        } else {
          try readCluster(word.dropFirst(), in: word)
        }
      } else {
        parsed.positionals.append(word)
        if command.stopsAtFirstPositional {
          parsed.positionals += words[position...]
          break
        }
      }
      if parsed.wantsHelp { return parsed }
    }
    try checkCount()
    return parsed
  }

  private func isLongWithOneDash(_ word: String) -> Bool {
    guard command.takesOneDash else { return false }
    let name = word.dropFirst().prefix { $0 != "=" }
    return options.contains { $0.name == name }
  }

  private mutating func readLong(_ text: Substring) throws(UsageError) {
    let equals = text.firstIndex(of: "=")
    let name = String(text[..<(equals ?? text.endIndex)])
    let value = equals.map { String(text[text.index(after: $0)...]) }
    guard let option = options.first(where: { $0.name == name }) else {
      let near = nearest(to: name, in: options.filter { !$0.isHidden }.map(\.name))
      throw fail("unknown flag: --\(name)", suggestion: near.map { "did you mean --\($0)?" })
    }
    try take(option, value, shown: "--\(name)")
  }

  private mutating func readCluster(_ letters: Substring, in word: String) throws(UsageError) {
    var rest = letters
    while let letter = rest.popFirst() {
      if letter == "h", !options.contains(where: { $0.short == "h" }) {
        parsed.wantsHelp = true
        return
      }
      guard let option = options.first(where: { $0.short == letter }) else {
        // A long name with one dash, as other programs have them, is the usual cause.
        let long = options.first { $0.name == letters.prefix { $0 != "=" } && !$0.isHidden }
        throw fail(
          "unknown shorthand flag: '\(letter)' in \(word)",
          suggestion: long.map { "did you mean --\($0.name)?" } ?? command.unknownFlagHint)
      }
      if rest.first == "=" {
        try take(option, String(rest.dropFirst()), shown: "-\(letter)")
        return
      }
      if option.takesValue {
        try take(option, rest.isEmpty ? nil : String(rest), shown: "-\(letter)")
        return
      }
      try take(option, nil, shown: "-\(letter)")
    }
  }

  /// - Parameter value: what stood in the same word; an option that needs one takes the next word otherwise.
  private mutating func take(_ option: Option, _ value: String?, shown: String) throws(UsageError) {
    switch option.kind {
    case .flag:
      guard let on = parseBoolean(value ?? "true") else {
        throw fail("invalid argument \"\(value ?? "")\" for \"\(option.shown)\": expected true or false")
      }
      // Taken back, it asks for what happens anyway.
      if let refusal = option.refusal, on { throw refusal.error(of: shown, in: command.name) }
      if option.name == "help" {
        parsed.wantsHelp = on
      } else {
        parsed.set(option, on ? "true" : "false")
      }
    case .optionalValue, .value, .repeated:
      if let refusal = option.refusal { throw refusal.error(of: shown, in: command.name) }
      try takeValue(of: option, value, shown: shown)
    }
  }

  private mutating func takeValue(of option: Option, _ value: String?, shown: String) throws(UsageError) {
    switch option.kind {
    case .flag: break
    case .optionalValue(let given):
      parsed.set(option, value ?? given)
    case .value, .repeated:
      if let value {
        parsed.set(option, value)
      } else if position < words.count {
        parsed.set(option, words[position])
        position += 1
      } else {
        throw fail("flag needs an argument: \(shown)")
      }
    }
  }

  private func checkCount() throws(UsageError) {
    let (count, spec) = (parsed.positionals.count, command.positionals)
    if count < spec.minimum {
      let need = spec.minimum == spec.maximum ? "" : "at least "
      throw fail(
        "requires \(need)\(spec.minimum) argument\(spec.minimum == 1 ? "" : "s")",
        suggestion: command.usage.first.map { "usage: \(command.program) \(command.name) \($0)" })
    }
    guard let maximum = spec.maximum, count > maximum else { return }
    let extra = parsed.positionals[maximum]
    throw fail(
      maximum == 0
        ? "accepts no arguments, got \"\(extra)\""
        : "accepts at most \(maximum) argument\(maximum == 1 ? "" : "s"), \"\(extra)\" is one too many",
      suggestion: command.usage.first.map { "usage: \(command.program) \(command.name) \($0)" })
  }

  private func fail(_ message: String, suggestion: String? = nil) -> UsageError {
    UsageError(command: command.name, message, suggestion: suggestion)
  }
}
