internal import Arguments
internal import Containers
internal import Engine
internal import Journal
internal import Kernel

extension TopCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let word = arguments.positionals[0]
    let columns = try columns(Array(arguments.positionals.dropFirst()), arguments)
    let processes = try engine.processes(of: word)
    engine.note(.top, word)
    let host = ProcessHost()
    return try printing { out in
      var table = Table(minimum: 20)
      table.add(columns.map(\.heading))
      for number in processes {
        // One that has ended since is not there.
        guard let process = ProcessFacts(number) else { continue }
        table.add(columns.map { $0.column.text(process, host) })
      }
      out.print(table.text)
    }
  }

  private struct Column {
    var column: ProcessColumn
    var heading: String
  }

  /// `-ef`, `aux`, `-o pid,args=COMMAND`.
  private static func columns(_ words: [String], _ arguments: ParsedArguments) throws -> [Column] {
    var chosen: [Column] = []
    var format = ["uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"]
    var rest = words[...]
    func refuse(_ word: String) -> UsageError {
      arguments.fail(
        "ps option \"\(word)\" is not supported", suggestion: "there are -e, -f, -l, aux and -o with columns")
    }
    while let word = rest.popFirst() {
      var letters = word[...]
      if letters.hasPrefix("--") { throw refuse(word) }
      if letters.first == "-" { letters.removeFirst() }
      guard !letters.isEmpty else { throw refuse(word) }
      while let letter = letters.popFirst() {
        switch letter {
        case "e", "a", "x", "A", "w": continue
        case "f": format = ["uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd"]
        case "u" where !word.hasPrefix("-"):
          format = ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "time", "command"]
        case "l": format = ["stat", "uid", "pid", "ppid", "c", "pri", "ni", "rss", "tty", "time", "cmd"]
        case "o":
          let list = letters.isEmpty ? rest.popFirst() ?? "" : String(letters)
          letters = ""
          guard !list.isEmpty else { throw arguments.fail("ps option -o needs columns", suggestion: "-o pid,args") }
          chosen += try list.split(whereSeparator: { $0 == "," || $0 == " " }).map {
            try column(String($0), arguments)
          }
        default: throw refuse(word)
        }
      }
    }
    if !chosen.isEmpty { return chosen }
    return try format.map { try column($0, arguments) }
  }

  private static func column(_ word: String, _ arguments: ParsedArguments) throws -> Column {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let column = ProcessColumn.all.first(where: { $0.name == parts[0] }) else {
      let names = ProcessColumn.all.map(\.name)
      let near = nearest(to: parts[0], in: names)
      throw arguments.fail(
        "there is no column \"\(parts[0])\"",
        suggestion: near.map { "did you mean \($0)?" } ?? "there are \(names.joined(separator: ", "))")
    }
    return Column(column: column, heading: parts.count == 2 ? parts[1] : column.heading)
  }
}
