/// What the words of a call name.
package enum Dispatch: Sendable {
  /// A command and the words after it, not read yet.
  case command(CommandEntry, Command, words: [String], run: @Sendable (ParsedArguments) throws -> Int32)
  /// A level of commands with none named: its help is what is wanted.
  case level(name: String, summary: String, [CommandEntry])
}

/// Finds the command that `words` name.
package func dispatch(_ words: [String], in entries: [CommandEntry], below path: String = "") throws(UsageError)
  -> Dispatch
{
  guard let word = words.first else { return .level(name: path, summary: "", entries) }
  guard let entry = entries.first(where: { $0.answers(to: word) }) else {
    if word.hasPrefix("-") { throw UsageError(command: path, "unknown flag: \(word)") }
    let names = entries.filter { !$0.isHidden }.flatMap { [$0.name] + $0.aliases }
    let near = nearest(to: word, in: names)
    throw UsageError(
      command: path, "unknown command \"\(word)\"", suggestion: near.map { "did you mean '\($0)'?" })
  }
  let rest = Array(words.dropFirst())
  switch entry.action {
  case .refused(let refusal): throw refusal.error(of: "'\(word)'", in: path)
  case .run(let syntax, let run): return .command(entry, syntax(), words: rest, run: run)
  case .commands(let make):
    let name = path.isEmpty ? entry.name : "\(path) \(entry.name)"
    if rest.isEmpty || rest == ["--help"] || rest == ["-h"] {
      return .level(name: name, summary: entry.summary, make())
    }
    return try dispatch(rest, in: make(), below: name)
  }
}
