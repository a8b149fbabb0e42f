internal import Arguments
internal import Engine
internal import Containers
internal import Kernel
internal import Rootless

/// `skiff generate systemd`: unit files for who wants containers with the machine. A supervisor does the restarting, so a unit
/// only starts and stops.
enum GenerateCommand {
  static let entry = CommandEntry(
    "generate", summary: "Write files for other programs", group: CommandGroup.other,
    .commands {
      [
        CommandEntry("systemd", summary: summary, group: CommandGroup.other, .run(syntax: syntax, perform))
      ]
    })

  private static let summary = "Write a systemd unit for a container, or for all that should run"

  private static func syntax() -> Command {
    Command(
      "generate systemd", summary: summary, usage: ["[OPTIONS] [CONTAINER]"],
      discussion: [
        "Without a name it is the one unit that starts, at boot, all whose restart policy says so, and stops them with the"
          + " machine."
      ],
      options: [
        Option("files", help: "Write NAME.service into the working directory, and print its name"),
        Option(
          "timeout", short: "t", .value, value: "int", help: "Seconds to wait before killing a container",
          initial: "its own"),
      ],
      positionals: Positionals(0, 1, first: .containers),
      examples: [
        .init(
          "skiff generate systemd > /etc/systemd/system/skiff.service && systemctl enable --now skiff",
          "What should run runs after each boot"),
        .init("skiff generate systemd web", "A unit for one container"),
      ])
  }

  private static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let timeout = try arguments.integer("timeout", in: 0...86_400)
    var unit = Unit(program: try readSymbolicLink("/proc/self/exe").string, state: try arguments.state)
    var name = "skiff"
    if let word = arguments.positionals.first {
      let record = try engine.record(of: try engine.find(word))
      unit.container = record.name
      name = "skiff-\(record.name)"
      unit.patience = timeout ?? max(0, record.stopTimeout)
    } else {
      unit.patience = timeout
    }
    unit.isUsers = Caller.current.isOrdinary
    try unit.validate()
    guard arguments.flag("files") else { return try printing { $0.print(unit.text) } }
    let path = Path("\(name).service")
    try replaceFile(path, with: Array(unit.text.utf8), mode: 0o644)
    return try printing { $0.line(path.string) }
  }
}

/// One unit file (systemd.service(5)).
struct Unit {
  var program: String
  var state: StateDirectories
  /// Nil for all that should run.
  var container: String?
  /// In seconds.
  var patience: Int?
  /// For a service manager of a user's, which has no network target and knows no multi-user.target.
  var isUsers = false

  /// A line of a unit ends where a directory's name holds a new line, and what follows would be another directive.
  func validate() throws {
    for (name, path) in [("the program", program), ("--root", state.root.string), ("--state", state.run.string)]
    where path.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
      throw Failure(.usage, "\(name) is at \(path): a unit file has no place for a control character")
    }
  }

  /// Both commands end, and what they leave running is no process of the unit's: it is active from one to the other.
  var text: String {
    let what = container.map { "Container \($0)" } ?? "Containers that should run"
    let start = container.map { "start \($0)" } ?? "start --boot"
    let wait = patience.map { " --timeout \($0)" } ?? ""
    let stop = container.map { "stop\(wait) \($0)" } ?? "stop\(wait) --shutdown"
    return """
      # Made by: skiff generate systemd\(container.map { " " + $0 } ?? "")
      [Unit]
      Description=\(what) (Skiff)
      Documentation=man:skiff(1)
      \(isUsers ? "" : "Wants=network-online.target\nAfter=network-online.target\n")RequiresMountsFor=\(quoted(state.root.string, isCommand: false)) \(quoted(state.run.string, isCommand: false))

      [Service]
      Type=oneshot
      RemainAfterExit=yes
      ExecStart=\(command) \(start)
      ExecStop=\(command) \(stop)
      TimeoutStopSec=\((patience ?? 90) + 30)
      KillMode=process
      Delegate=yes

      [Install]
      WantedBy=\(isUsers ? "default" : "multi-user").target

      """
  }

  private var command: String {
    var words = [program]
    if state.root != "/var/lib/skiff" { words += ["--root", state.root.string] }
    if state.run != "/run/skiff" { words += ["--state", state.run.string] }
    return words.map { quoted($0, isCommand: true) }.joined(separator: " ")
  }

  /// `%` means something in a unit, `$` in a command of one, and white space ends a word (systemd.syntax(7)).
  private func quoted(_ word: String, isCommand: Bool) -> String {
    var escaped = word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
    if isCommand { escaped = escaped.replacing("$", with: "$$") }
    return escaped.contains { " \"';\\".contains($0) } ? "\"\(escaped)\"" : escaped
  }
}
