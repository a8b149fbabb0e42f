internal import Arguments
internal import JSON
internal import Kernel
internal import OCIRuntime
internal import Privileges
internal import RuntimeSpec

enum ListCommand {
  static let entry = CommandEntry(
    "list", summary: "Print the containers of a state directory", group: RuntimeGroup.life,
    .run(
      syntax: {
        Command(
          "list", summary: "Print the containers of a state directory", usage: ["[OPTIONS]"],
          discussion: ["The state directory is what --root names before the command."],
          options: [
            formatOption,
            Option("quiet", short: "q", help: "Print the IDs alone"),
          ])
      }, perform))

  @Sendable private static func perform(_ parsed: ParsedArguments) throws -> Int32 {
    let format = try listFormat(parsed)
    let views = try OCIRuntime(parsed).views()
    if parsed.flag("quiet") { return say(views.map { $0.state.id + "\n" }.joined()) }
    let owners = OwnerNames()
    switch format {
    case .table: return say(table(views, owners))
    case .json: return say(json(views, owners))
    }
  }

  /// What Go's tabwriter makes of it: columns at least twelve wide, three spaces between, the last one not padded.
  private static func table(_ views: [ContainerView], _ owners: OwnerNames) -> String {
    var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
    for view in views {
      rows.append([
        view.state.id, "\(view.process)", view.status.rawValue, view.state.bundle, view.state.created.rfc3339,
        owners.name(of: view.state.owner),
      ])
    }
    let last = rows[0].count - 1
    let widths = (0..<last).map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 3) }
    return rows.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined() + row[last] + "\n"
    }.joined()
  }

  private static func json(_ views: [ContainerView], _ owners: OwnerNames) -> String {
    // As Go writes an empty list that nobody made.
    if views.isEmpty { return "null\n" }
    var writer = JSONWriter()
    writer.array { for view in views { view.write(to: &$0, owner: owners.name(of: view.state.owner)) } }
    return String(decoding: writer.finish(), as: UTF8.self) + "\n"
  }
}

/// `--format` of `list` and `ps`.
enum ListFormat: String { case table, json }

let formatOption = Option(
  "format", short: "f", .value, value: "format", help: "table or json", initial: "table",
  completion: .words(["table", "json"]))

func listFormat(_ parsed: ParsedArguments) throws -> ListFormat {
  guard let format = ListFormat(rawValue: parsed.string("format") ?? "table") else {
    throw RuntimeFailure("invalid format option", hint: "--format takes table or json")
  }
  return format
}

/// The names of users, as the host's passwd has them.
struct OwnerNames {
  private let database = try? UserDatabase(
    passwd: (try? readFile("/etc/passwd", limit: UserDatabase.fileLimit)) ?? [], group: [])

  /// `#1000` for one without a name.
  func name(of user: UInt32) -> String {
    (try? database?.resolve(UserReference(user: .number(user))))?.name ?? "#\(user)"
  }
}
