internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel

extension PsCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let latest = arguments.flag("latest") ? 1 : try arguments.integer("last", in: 0...Int.max)
    let all = arguments.flag("all") || latest != nil || arguments.strings("filter").contains { $0.hasPrefix("status=") }
    var rows = try engine.summaries(includingEnded: all)
    for filter in arguments.strings("filter") { rows = rows.filter(try matcher(filter, arguments)) }
    if let latest { rows = Array(rows.prefix(latest)) }
    return try printing { out in
      if arguments.flag("quiet") {
        for row in rows { out.line(arguments.flag("no-trunc") ? row.identifier.description : row.identifier.short) }
      } else if let format = arguments.string("format"), format != "table" {
        for row in rows { out.line(try Template(format).text(fields(of: row))) }
      } else {
        out.print(table(of: rows, truncated: !arguments.flag("no-trunc")))
      }
    }
  }

  private static func table(of rows: [ContainerSummary], truncated: Bool) -> String {
    var table = Table("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES")
    for row in rows {
      let command = row.record.command.joined(separator: " ")
      let shown = truncated && command.count > 20 ? command.prefix(19) + "…" : command[...]
      table.add(
        truncated ? row.identifier.short : row.identifier.description, row.imageName, "\"\(shown)\"",
        humanAge(of: row.record.created), row.statusText, row.record.name)
    }
    return table.text
  }

  /// The fields as docker's templates name them.
  private static func fields(of row: ContainerSummary) -> JSONValue {
    [
      "ID": .string(row.identifier.short), "Image": .string(row.imageName),
      "Command": .string("\"\(row.record.command.joined(separator: " "))\""),
      "CreatedAt": .string(row.record.created.rfc3339), "RunningFor": .string(humanAge(of: row.record.created)),
      "Status": .string(row.statusText), "State": .string(row.state.status.rawValue), "Names": .string(row.record.name),
      "Labels": .string(
        row.record.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
      "Networks": .string(row.record.networkMode), "Ports": "",
    ]
  }

  private static func matcher(
    _ filter: String, _ arguments: ParsedArguments
  ) throws -> (ContainerSummary) -> Bool {
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw arguments.bad("filter", filter, "a filter is NAME=VALUE") }
    let value = parts[1]
    switch parts[0] {
    case "name": return { $0.record.name.contains(value) }
    case "id": return { $0.identifier.description.hasPrefix(value) }
    case "status": return { $0.state.status.rawValue == value }
    case "ancestor": return { $0.record.image == value || $0.record.image == value + ":latest" }
    case "network": return { $0.record.networkMode == value || $0.record.network?.network == value }
    case "exited": return { $0.state.status == .exited && "\($0.state.exitCode)" == value }
    case "label":
      let label = value.split(separator: "=", maxSplits: 1).map(String.init)
      return { row in row.record.labels[label[0]].map { label.count == 1 || $0 == label[1] } ?? false }
    default:
      throw arguments.bad(
        "filter", filter, "no such filter; there are name, id, status, ancestor, network, exited and label")
    }
  }
}

extension ContainerSummary {
  var imageName: String { record.image.isEmpty ? record.rootDirectory : record.image }

  /// `Up 2 minutes`, `Exited (0) 3 seconds ago`
  var statusText: String {
    switch state.status {
    case .created: "Created"
    case .running:
      "Up " + (state.started.map { humanDuration(seconds: now().seconds - $0.seconds) } ?? "")
    case .exited:
      "Exited (\(state.exitCode)) " + (state.finished.map { humanAge(of: $0) } ?? "")
    }
  }
}
