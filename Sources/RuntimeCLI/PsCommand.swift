internal import Arguments
internal import JSON
internal import Kernel
internal import Launching
internal import OCIRuntime

enum PsCommand {
  static let entry = CommandEntry(
    "ps", summary: "Print the processes of a container", group: RuntimeGroup.inside,
    .run(
      syntax: {
        Command(
          "ps", summary: "Print the processes of a container", usage: ["[OPTIONS] CONTAINER [PS-OPTION...]"],
          discussion: [
            "The table is what the host's ps(1) prints, -ef without any options, less the processes of others."
          ],
          options: [formatOption], positionals: .atLeast(1), stopsAtFirstPositional: true,
          examples: [.init("skiff-runtime ps web -o pid,rss,args", "Columns of your own")])
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let format = try listFormat(parsed)
    let processes = try OCIRuntime(parsed).processes(of: parsed.positionals[0])
    if format == .json { return say(processJSON(processes)) }
    var words = Array(parsed.positionals.dropFirst())
    if words.first == "--" { words.removeFirst() }
    guard let program = HostProgram(named: "ps") else {
      throw RuntimeFailure("exec: \"ps\": executable file not found in $PATH", hint: "--format json needs no ps")
    }
    let result = try program.run(words.isEmpty ? ["-ef"] : words)
    guard result.status == .exited(0) else {
      throw RuntimeFailure("ps ended with \(result.status.code): \(result.text)")
    }
    guard let rows = processRows(result.text, of: Set(processes)) else {
      throw RuntimeFailure("couldn't find PID field in ps output", hint: "let ps print the column PID: -o pid,args")
    }
    return say(rows)
  }
}

/// An array of numbers; null, as Go writes a list that nobody made, for none.
func processJSON(_ processes: [ProcessIdentifier]) -> String {
  guard !processes.isEmpty else { return "null\n" }
  return "[" + processes.map { "\($0)" }.joined(separator: ",") + "]\n"
}

/// The heading and the rows of these processes; nil when no column is headed PID.
func processRows(_ text: String, of processes: Set<ProcessIdentifier>) -> String? {
  let lines = text.split(separator: "\n")
  guard let heading = lines.first, let column = heading.split(separator: " ").firstIndex(of: "PID") else { return nil }
  let rows = lines.dropFirst().filter { line in
    let fields = line.split(separator: " ")
    return column < fields.count && ProcessIdentifier(fields[column]).map(processes.contains) ?? false
  }
  return ([heading] + rows).joined(separator: "\n") + "\n"
}
