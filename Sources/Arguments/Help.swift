// Help as docker prints it: usage, what it does, the options under their headings in two columns, examples.

/// The text of `skiff CMD --help`.
///
/// - Parameter columns: the width of the terminal.
package func help(for command: Command, aliases: [String] = [], program: String = "skiff", columns: Int = 80) -> String
{
  var text = ""
  for (index, usage) in command.usage.enumerated() {
    text += "\(index == 0 ? "Usage:  " : "        ")\(program) \(command.name)\(usage.isEmpty ? "" : " " + usage)\n"
  }
  text += "\n\(command.summary)\n"
  for paragraph in command.discussion { text += "\n" + wrapped(paragraph, columns: columns, indent: 0) + "\n" }
  if !aliases.isEmpty {
    let parent = command.name.split(separator: " ").dropLast().map { $0 + " " }.joined()
    text +=
      "\nAliases:\n  "
      + ([command.name] + aliases.map { parent + $0 }).map { "\(program) \($0)" }.joined(separator: ", ")
    text += "\n"
  }
  for (heading, options) in headings(of: command) {
    text += "\n\(heading):\n"
    text += columnsOf(options.map { ($0.column, $0.sentence) }, columns: columns)
  }
  if !command.examples.isEmpty {
    text += "\nExamples:\n"
    for example in command.examples {
      text += "  # \(example.meaning)\n  \(example.call)\n"
    }
  }
  return text
}

/// The text of `skiff --help` and `skiff network --help`: the commands under their headings.
///
/// - Parameters:
///   - name: the words so far, empty for the program.
///   - options: what may stand before the command.
package func help(
  for entries: [CommandEntry], name: String = "", about: String, options: [Option] = [], program: String = "skiff",
  columns: Int = 80
) -> String {
  let call = name.isEmpty ? program : "\(program) \(name)"
  var text = "Usage:  \(call) \(options.isEmpty ? "" : "[OPTIONS] ")COMMAND\n\n\(about)\n"
  let shown = entries.filter { !$0.isHidden }
  var groups: [String] = []
  for entry in shown where !groups.contains(entry.group) { groups.append(entry.group) }
  let width = shown.map(\.name.count).max() ?? 0
  for group in groups {
    text += "\n\(group.isEmpty ? "Commands" : group):\n"
    let rows = shown.filter { $0.group == group }.map { ("  " + padded($0.name, to: width), $0.summary) }
    text += columnsOf(rows, columns: columns)
  }
  if !options.isEmpty {
    text +=
      "\nOptions:\n" + columnsOf(options.filter { !$0.isHidden }.map { ($0.column, $0.sentence) }, columns: columns)
  }
  return text + "\nRun '\(call) COMMAND --help' for more on a command.\n"
}

/// Options under their headings, in the order in which the table first names each; those without one come first.
func headings(of command: Command) -> [(heading: String, options: [Option])] {
  let visible = command.allOptions.filter { !$0.isHidden }
  var names = [""]
  for option in visible where !names.contains(option.group) { names.append(option.group) }
  return names.compactMap { name in
    let options = visible.filter { $0.group == name }
    return options.isEmpty ? nil : (name.isEmpty ? "Options" : name, options)
  }
}

extension Option {
  /// `  -m, --memory bytes`
  fileprivate var column: String {
    let letter = short.map { "-\($0), " } ?? "    "
    switch kind {
    case .flag: return "  \(letter)--\(name)"
    case .value, .repeated: return "  \(letter)--\(name) \(valueName)"
    case .optionalValue: return "  \(letter)--\(name)[=\(valueName)]"
    }
  }

  var sentence: String { initial.isEmpty ? help : "\(help) (default \(initial))" }
}

/// Two columns; the right one wraps below itself.
private func columnsOf(_ rows: [(left: String, right: String)], columns: Int) -> String {
  // One long name must not push every sentence to the right edge.
  let width = min(rows.map(\.left.count).max() ?? 0, 34)
  var text = ""
  for row in rows {
    let sentence = wrapped(row.right, columns: columns, indent: width + 3)
    let start = sentence.drop { $0 == " " }
    if row.left.count > width {
      text += row.left + "\n" + sentence + "\n"
    } else {
      text += padded(row.left, to: width + 3) + start + "\n"
    }
  }
  return text
}

/// Words in lines of at most `columns`, each line behind `indent` spaces.
func wrapped(_ text: String, columns: Int, indent: Int) -> String {
  let space = String(repeating: " ", count: indent)
  let room = max(24, columns - indent)
  var lines: [String] = []
  var line = ""
  for word in text.split(separator: " ") {
    if !line.isEmpty, line.count + 1 + word.count > room {
      lines.append(space + line)
      line = ""
    }
    line += (line.isEmpty ? "" : " ") + word
  }
  if !line.isEmpty || lines.isEmpty { lines.append(space + line) }
  return lines.joined(separator: "\n")
}

private func padded(_ text: String, to width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}
