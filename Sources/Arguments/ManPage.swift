/// A page of section 1 in man(7) macros, from the same table as the help.
package func manPage(for command: Command, program: String = "skiff", version: String) -> String {
  let title = "\(program) \(command.name)".split(separator: " ").joined(separator: "-")
  var text = ".TH \"\(title.uppercased())\" 1 \"\" \"\(program) \(version)\" \"User Commands\"\n"
  text += ".SH NAME\n\(escaped(title)) \\- \(escaped(command.summary))\n.SH SYNOPSIS\n"
  for usage in command.usage { text += ".B \(escaped("\(program) \(command.name)"))\n\(escaped(usage))\n.br\n" }
  if !command.discussion.isEmpty {
    text += ".SH DESCRIPTION\n" + command.discussion.map(escaped).joined(separator: "\n.PP\n") + "\n"
  }
  text += optionSections(of: command)
  if !command.examples.isEmpty {
    text += ".SH EXAMPLES\n"
    for example in command.examples {
      text += ".PP\n\(escaped(example.meaning)):\n.EX\n\(escaped(example.call))\n.EE\n"
    }
  }
  return text
}

private func optionSections(of command: Command) -> String {
  var text = ""
  for (heading, options) in headings(of: command) {
    text += ".SH \(escaped(heading.uppercased()))\n"
    for option in options {
      let names = option.shown.split(separator: " ").map { "\\fB\(escaped(String($0)))\\fR" }.joined(separator: " ")
      let value =
        switch option.kind {
        case .flag: ""
        case .value, .repeated: " \\fI\(escaped(option.valueName))\\fR"
        case .optionalValue: "[=\\fI\(escaped(option.valueName))\\fR]"
        }
      text += ".TP\n\(names)\(value)\n\(escaped(option.sentence))\n"
    }
  }
  return text
}

/// The page of the program itself: what it is, its options, and where each command's page is.
package func manPage(
  of program: String, about: String, entries: [CommandEntry], options: [Option], version: String
) -> String {
  let command = Command("", summary: about, usage: ["[OPTIONS] COMMAND"], options: options)
  var text = ".TH \"\(program.uppercased())\" 1 \"\" \"\(program) \(version)\" \"User Commands\"\n"
  text +=
    ".SH NAME\n\(escaped(program)) \\- \(escaped(about))\n.SH SYNOPSIS\n.B \(escaped(program))\n[OPTIONS] COMMAND\n"
  text += optionSections(of: command)
  text += ".SH COMMANDS\n"
  for (page, entry) in pages(entries) {
    text += ".TP\n\\fB\(escaped("\(program)-\(page)"))\\fR(1)\n\(escaped(entry.summary))\n"
  }
  return text
}

/// Every command that has a page, by the page's name: `network-create`.
package func pages(_ entries: [CommandEntry], below parent: String = "") -> [(page: String, entry: CommandEntry)] {
  entries.filter { !$0.isHidden }.flatMap { entry -> [(page: String, entry: CommandEntry)] in
    switch entry.action {
    case .run: [(parent + entry.name, entry)]
    case .commands(let make): pages(make(), below: parent + entry.name + "-")
    case .refused: []
    }
  }
}

/// A backslash, a dash, and a point or quote at the start of a line mean something to roff.
private func escaped(_ text: String) -> String {
  var out = ""
  for character in text {
    switch character {
    case "\\": out += "\\e"
    case "-": out += "\\-"
    default: out.append(character)
    }
  }
  return out.hasPrefix(".") || out.hasPrefix("'") ? "\\&" + out : out
}
