import Arguments
import Foundation

@testable import SkiffCLI

/// What Skiff does with one of docker's words, read from its own tables.
enum WordState: Equatable {
  case yes
  case refused(String)
  case missing
}

/// Skiff's commands by all of their spellings.
struct SkiffWords {
  private(set) var commands: [String: Command] = [:]
  private(set) var refusals: [String: Refusal] = [:]
  /// The names, without the other spellings.
  private(set) var names: [String] = []

  init() {
    commands[""] = Command("", summary: "", usage: [], options: globalOptions)
    take(commandTable(), below: [""])
  }

  private mutating func take(_ entries: [CommandEntry], below parents: [String]) {
    for entry in entries {
      let spellings = parents.flatMap { parent in ([entry.name] + entry.aliases).map { parent + $0 } }
      switch entry.action {
      case .run(let syntax, _):
        for spelling in spellings { commands[spelling] = syntax() }
        if !entry.isHidden { names.append(spellings[0]) }
      case .commands(let make): take(make(), below: spellings.map { $0 + " " })
      case .refused(let refusal): for spelling in spellings { refusals[spelling] = refusal }
      }
    }
  }

  func state(of spelling: String) -> WordState {
    if commands[spelling] != nil { return .yes }
    // All of a group is refused at once.
    let group = spelling.split(separator: " ").first.map(String.init) ?? ""
    return (refusals[spelling] ?? refusals[group]).map { .refused($0.text) } ?? .missing
  }

  func state(of flag: DockerCommand.Flag, in command: String) -> WordState {
    guard let option = commands[command]?.allOptions.first(where: { $0.name == flag.name }) else { return .missing }
    return option.refusal.map { .refused($0.text) } ?? .yes
  }

  /// What of a command docker has not, as the page ends with.
  func beyond(_ docker: DockerCommand) -> [String] {
    let known = Set(docker.flags.map(\.name))
    return (commands[docker.name]?.options ?? []).filter { !$0.isHidden && !known.contains($0.name) }
      .map { "`--\($0.name)`" }
  }
}

extension Refusal {
  fileprivate var text: String { cure.map { "\(reason); \($0)" } ?? reason }
}

/// docs/commands.md: made of docker's help, Skiff's tables, and what people wrote into it about differences.
struct CommandsPage {
  static let path = "docs/commands.md"

  /// State and note of each row, as the page has them: rows are known by the heading they stand under and their first cell.
  private(set) var rows: [String: (state: String, note: String)] = [:]

  init(_ text: String) {
    var heading = ""
    for line in text.split(separator: "\n") {
      if line.hasPrefix("## ") { heading = String(line.dropFirst(3)) }
      let cells = line.replacing("\\|", with: "\u{0}").split(separator: "|", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces).replacing("\u{0}", with: "|")
      }
      guard cells.count == 5, cells[1].hasPrefix("`") else { continue }
      rows["\(heading)/\(cells[1])"] = (cells[2], cells[3])
    }
  }

  /// - Parameter page: the one that is there, whose notes are kept.
  static func text(_ docker: DockerHelp, _ skiff: SkiffWords, keeping page: CommandsPage) -> String {
    let commands = docker.commands
    var text = head(docker.version)
    text += "\n## Commands\n\n| docker | Skiff | how, or why not |\n|---|---|---|\n"
    let all = commands.flatMap { command in command.spellings.map { ($0, command) } }.filter { !$0.0.isEmpty }
    for (spelling, _) in all.sorted(by: { $0.0 < $1.0 }) {
      text += row("`\(spelling)`", skiff.state(of: spelling), "Commands", page)
    }
    let ours = Set(skiff.names).subtracting(all.map(\.0)).sorted()
    text += "\nBeyond docker: \(ours.map { "`\($0)`" }.joined(separator: ", ")).\n"
    for command in commands where skiff.state(of: command.name) == .yes && !command.flags.isEmpty {
      let heading = command.name.isEmpty ? "skiff" : "skiff \(command.name)"
      text += "\n## \(heading)\n\n| flag | Skiff | how, or why not |\n|---|---|---|\n"
      for flag in command.flags {
        text += row("`\(flag.shown)`", skiff.state(of: flag, in: command.name), heading, page)
      }
      let more = skiff.beyond(command)
      if !more.isEmpty { text += "\nBeyond docker: \(more.joined(separator: ", ")).\n" }
    }
    return text
  }

  private static func row(_ cell: String, _ state: WordState, _ heading: String, _ page: CommandsPage) -> String {
    let kept = page.rows["\(heading)/\(cell)"]
    let (word, note) =
      switch state {
      case .yes: kept?.state == "differs" ? ("differs", kept?.note ?? "") : ("yes", "")
      case .refused(let reason): ("refused", reason)
      case .missing: ("not yet", kept?.state == "not yet" ? kept?.note ?? "" : "")
      }
    return "| \(cell) | \(word) | \(note.replacing("|", with: "\\|")) |\n"
  }

  private static func head(_ version: String) -> String {
    """
    # docker's commands and flags

    Every command of the docker client \(version) and every flag of it, and what Skiff does with each. Left out are what
    needs swarm (`config`, `node`, `secret`, `service`, `stack`, `swarm`) and the client's plugins (`buildx`, `compose`).

    - **yes**: the same word does the same.
    - **differs**: the word is there; the third column says what is otherwise.
    - **refused**: naming it is an error that gives the reason in the third column. Nothing is ever ignored.
    - **not yet**: an unknown word so far.

    This page is made: `Scripts/docker-table` writes it from `docker … --help` and Skiff's own tables, and a test fails
    while it is not what they say. Whoever adds a command or a flag runs that and commits the page with it. Two things are
    written by hand and kept: where a flag does not do quite the same, make its `yes` a `differs` and say how in the third
    column; and a `not yet` may have a note. Where two people changed the page at once, make it anew.

    """
  }
}
