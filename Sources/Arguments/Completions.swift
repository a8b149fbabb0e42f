/// The shells that a completion script can be written for.
package enum Shell: String, CaseIterable, Sendable { case bash, zsh, fish }

/// A script that completes the program's commands, options and, by asking the program for them, the names of
/// containers, images, networks and volumes.
package func completionScript(for shell: Shell, commands: [CommandEntry], globals: [Option], program: String = "skiff")
  -> String
{
  let table = flattened(commands)
  switch shell {
  case .bash: return bashScript(table, globals, program)
  case .zsh: return zshScript(table, globals, program)
  case .fish: return fishScript(table, globals, program)
  }
}

/// One callable command with all its words, or a level of commands.
private struct Row {
  var path: [String]
  var summary: String
  var command: Command?
  var children: [CommandEntry]
}

private func flattened(_ entries: [CommandEntry], below path: [String] = []) -> [Row] {
  entries.filter { !$0.isHidden }.flatMap { entry -> [Row] in
    switch entry.action {
    case .run(let syntax, _):
      return ([entry.name] + entry.aliases).map {
        Row(path: path + [$0], summary: entry.summary, command: syntax(), children: [])
      }
    case .commands(let make):
      let children = make().filter { !$0.isHidden }
      return [Row(path: path + [entry.name], summary: entry.summary, command: nil, children: children)]
        + flattened(children, below: path + [entry.name])
    case .refused: return []
    }
  }
}

extension Command {
  fileprivate var visible: [Option] { allOptions.filter { !$0.isHidden } }
}

private func words(_ options: [Option]) -> String {
  options.flatMap { option in ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? []) }.joined(separator: " ")
}

/// In single quotes for a shell.
private func quoted(_ text: String) -> String {
  "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

/// The call that prints the names of one kind, a line each.
private func names(_ kind: Option.Completion, _ program: String) -> String {
  let command =
    switch kind {
    case .images: "images --format \"{{.Repository}}:{{.Tag}}\""
    case .networks: "network ls --format \"{{.Name}}\""
    case .volumes: "volume ls -q"
    default: "ps -a --format \"{{.Names}}\""
    }
  return "\(program) \(command) 2>/dev/null"
}

/// The words of bash that fill COMPREPLY for one kind of value.
private func bashReply(_ completion: Option.Completion, _ program: String) -> String {
  switch completion {
  case .nothing: "COMPREPLY=()"
  case .files: "COMPREPLY=($(compgen -f -- \"$cur\")); compopt -o filenames 2>/dev/null"
  case .directories: "COMPREPLY=($(compgen -d -- \"$cur\")); compopt -o filenames 2>/dev/null"
  case .containers: "COMPREPLY=($(compgen -W \"$(\(names(.containers, program)))\" -- \"$cur\"))"
  case .images: "COMPREPLY=($(compgen -W \"$(\(names(.images, program)))\" -- \"$cur\"))"
  case .networks: "COMPREPLY=($(compgen -W \"$(\(names(.networks, program)))\" -- \"$cur\"))"
  case .volumes: "COMPREPLY=($(compgen -W \"$(\(names(.volumes, program)))\" -- \"$cur\"))"
  case .commands: "COMPREPLY=($(compgen -c -- \"$cur\"))"
  case .words(let words): "COMPREPLY=($(compgen -W \(quoted(words.joined(separator: " "))) -- \"$cur\"))"
  }
}

private func bashScript(_ rows: [Row], _ globals: [Option], _ program: String) -> String {
  let top = rows.filter { $0.path.count == 1 }.map { $0.path[0] }.joined(separator: " ")
  let valued = globals.filter(\.takesValue).map { "--\($0.name)" }.joined(separator: "|")
  var text = """
    # bash completion for \(program): source it, or put it into /usr/share/bash-completion/completions/\(program)
    _\(program)() {
      local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path='' i=1
      while [ $i -lt $COMP_CWORD ]; do
        case ${COMP_WORDS[i]} in
          \(valued.isEmpty ? "--none" : valued)) i=$((i + 1)) ;;
          -*) ;;
          *) path=${COMP_WORDS[i]}; break ;;
        esac
        i=$((i + 1))
      done

    """
  for row in rows where row.command == nil {
    text +=
      "  if [ \"$path\" = \(row.path[0]) ] && [ $((i + 1)) -lt $COMP_CWORD ]; then\n"
      + "    path=\"$path ${COMP_WORDS[i+1]}\"\n  fi\n"
  }
  text +=
    "  case \"$path\" in\n    '') COMPREPLY=($(compgen -W \(quoted(top + " " + words(globals))) -- \"$cur\")) ;;\n"
  for row in rows {
    text += "    \(quoted(row.path.joined(separator: " "))))\n"
    if let command = row.command {
      for option in command.visible where option.takesValue {
        let names = (["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])).joined(separator: "|")
        text += "      case $prev in \(names)) \(bashReply(option.completion, program)); return ;; esac\n"
      }
      text +=
        "      case $cur in -*)\n        COMPREPLY=($(compgen -W \(quoted(words(command.visible))) -- \"$cur\"))\n"
        + "        return ;;\n      esac\n"
      text += "      \(bashReply(command.positionals.first, program)) ;;\n"
    } else {
      text +=
        "      COMPREPLY=($(compgen -W \(quoted(row.children.map(\.name).joined(separator: " "))) -- \"$cur\")) ;;\n"
    }
  }
  return text + "  esac\n}\ncomplete -F _\(program) \(program)\n"
}

private func zshAction(_ completion: Option.Completion, _ program: String) -> String {
  switch completion {
  case .nothing: " "
  case .files: "_files"
  case .directories: "_files -/"
  case .containers: "{compadd -- $(\(names(.containers, program)))}"
  case .images: "{compadd -- $(\(names(.images, program)))}"
  case .networks: "{compadd -- $(\(names(.networks, program)))}"
  case .volumes: "{compadd -- $(\(names(.volumes, program)))}"
  case .commands: "_command_names -e"
  case .words(let words): "(\(words.joined(separator: " ")))"
  }
}

/// Brackets and colons delimit the parts of an _arguments specification.
private func zshText(_ text: String) -> String {
  text.reduce(into: "") { out, character in
    if "[]:\\".contains(character) { out.append("\\") }
    out.append(character)
  }
}

private func zshScript(_ rows: [Row], _ globals: [Option], _ program: String) -> String {
  func specification(_ option: Option) -> [String] {
    let names = ["--\(option.name)"] + (option.short.map { ["-\($0)"] } ?? [])
    return names.map { name in
      let star = option.kind == .repeated ? "*" : ""
      let value = option.takesValue ? ":\(zshText(option.valueName)):\(zshAction(option.completion, program))" : ""
      return quoted("\(star)\(name)[\(zshText(option.help))]\(value)")
    }
  }
  func describe(_ children: [(String, String)]) -> String {
    "local -a cmds; cmds=(" + children.map { quoted("\($0.0):\(zshText($0.1))") }.joined(separator: " ")
      + "); _describe command cmds"
  }
  var text = "#compdef \(program)\n_\(program)() {\n  local curcontext=$curcontext state line\n  _arguments -C "
  text += globals.flatMap(specification).joined(separator: " ") + " '1:command:->command' '*::argument:->argument'\n"
  text += "  case $state in\n  command) "
  text += describe(rows.filter { $0.path.count == 1 }.map { ($0.path[0], $0.summary) }) + " ;;\n"
  text += "  argument)\n    local path=$line[1]\n"
  for row in rows where row.command == nil {
    text += "    if [[ $path == \(row.path[0]) ]]; then\n      if (( CURRENT == 2 )); then "
    text += describe(row.children.map { ($0.name, $0.summary) })
    text += "; return; fi\n      path=\"$path $words[2]\"; shift words; (( CURRENT-- ))\n    fi\n"
  }
  text += "    case $path in\n"
  for row in rows {
    guard let command = row.command else { continue }
    let options = command.visible.flatMap(specification).joined(separator: " ")
    let rest =
      command.stopsAtFirstPositional
      ? "'1: :\(zshAction(command.positionals.first, program))' '*::command:_normal'"
      : "'*: :\(zshAction(command.positionals.first, program))'"
    text += "    \(quoted(row.path.joined(separator: " "))))\n      _arguments \(options) \(rest) ;;\n"
  }
  // As a file of fpath it is the function's own first call; sourced, it only registers.
  return text + "    esac ;;\n  esac\n}\nif [[ $funcstack[1] = _\(program) ]]; then\n  _\(program) \"$@\"\n"
    + "else\n  compdef _\(program) \(program)\nfi\n"
}

private func fishScript(_ rows: [Row], _ globals: [Option], _ program: String) -> String {
  func candidates(_ completion: Option.Completion) -> String {
    switch completion {
    case .nothing: " -f"
    case .files: " -F"
    case .directories: " -f -a '(__fish_complete_directories)'"
    case .containers: " -f -a '(\(names(.containers, program)))'"
    case .images: " -f -a '(\(names(.images, program)))'"
    case .networks: " -f -a '(\(names(.networks, program)))'"
    case .volumes: " -f -a '(\(names(.volumes, program)))'"
    case .commands: " -f -a '(__fish_complete_command)'"
    case .words(let words): " -f -a \(quoted(words.joined(separator: " ")))"
    }
  }
  func line(_ condition: String, _ option: Option) -> String {
    let short = option.short.map { " -s \($0)" } ?? ""
    let value = option.takesValue ? " -r" + candidates(option.completion) : ""
    return "complete -c \(program)\(condition) -l \(option.name)\(short)\(value) -d \(quoted(option.help))\n"
  }
  var text = "# fish completion for \(program)\ncomplete -c \(program) -f\n"
  for option in globals { text += line(" -n __fish_use_subcommand", option) }
  for row in rows {
    let parents = row.path.dropLast().map { "__fish_seen_subcommand_from \($0)" }
    let condition = parents.isEmpty ? "__fish_use_subcommand" : parents.joined(separator: "; and ")
    text +=
      "complete -c \(program) -n \(quoted(condition)) -a \(row.path[row.path.count - 1]) -d \(quoted(row.summary))\n"
    guard let command = row.command else { continue }
    let seen = " -n " + quoted(row.path.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and "))
    for option in command.visible { text += line(seen, option) }
    if command.positionals.first != .nothing {
      text += "complete -c \(program)\(seen)\(candidates(command.positionals.first))\n"
    }
  }
  return text
}
