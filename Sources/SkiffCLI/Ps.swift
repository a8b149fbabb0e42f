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
      } else {
        var format = arguments.string("format") ?? "table"
        if format == "table" { format = arguments.flag("size") ? usual + "\t{{.Size}}" : usual }
        // The files of each are counted only for whoever wants to know.
        let withSize = arguments.flag("size") || format.contains(".Size")
        let values = rows.map { row in
          fields(
            of: row, truncated: !arguments.flag("no-trunc"), size: withSize ? size(of: row.identifier, engine) : "")
        }
        out.print(try Template.lines(format, values, headings: headings))
      }
    }
  }

  private static let usual =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

  private static let headings: KeyValuePairs = [
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT", "RunningFor": "CREATED",
    "Status": "STATUS", "State": "STATE", "Names": "NAMES", "Labels": "LABELS", "Networks": "NETWORKS",
    "Ports": "PORTS", "Size": "SIZE",
  ]

  /// A word that a shell would take apart stands in quotes, as in docker's list.
  static func command(of row: ContainerSummary, truncated: Bool) -> String {
    let words = row.record.command.enumerated().map { $0 > 0 && $1.contains(" ") ? "'\($1)'" : $1 }
    let command = words.joined(separator: " ")
    return truncated && command.count > 20 ? "\"\(command.prefix(19))…\"" : "\"\(command)\""
  }

  private static func size(of identifier: ContainerIdentifier, _ engine: Engine) -> String {
    guard let sizes = engine.sizes(of: identifier) else { return "N/A" }
    return "\(humanSize(sizes.own)) (virtual \(humanSize(sizes.total)))"
  }

  /// The fields as docker's templates name them.
  private static func fields(of row: ContainerSummary, truncated: Bool, size: String) -> JSONValue {
    [
      "ID": .string(truncated ? row.identifier.short : row.identifier.description), "Image": .string(row.imageName),
      "Command": .string(command(of: row, truncated: truncated)),
      "Size": .string(size), "CreatedAt": .string(row.record.created.rfc3339),
      "RunningFor": .string(humanAge(of: row.record.created)),
      "Status": .string(row.statusText), "State": .string(row.stateWord), "Names": .string(row.record.name),
      "Labels": .string(
        row.record.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
      "Networks": .string(networks(of: row)), "Ports": .string(ports(of: row)),
    ]
  }

  /// `0.0.0.0:8080->80/tcp`
  private static func ports(of row: ContainerSummary) -> String {
    guard row.state.status == .running else { return "" }
    return row.record.ports.map { "\($0.hostEnd)->\($0.containerEnd)" }.joined(separator: ", ")
  }

  /// `back,front`, and `none` or `host` where there is no other.
  private static func networks(of row: ContainerSummary) -> String {
    row.record.networks.isEmpty
      ? row.record.networkMode : row.record.networks.map(\.network).joined(separator: ",")
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
    case "status": return { $0.stateWord == value }
    case "ancestor": return { $0.record.image == value || $0.record.image == value + ":latest" }
    case "network": return { $0.record.networkMode == value || $0.record.networks.contains { $0.network == value } }
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

  /// Docker's words behind the time.
  private var note: String {
    if isPaused { return " (Paused)" }
    switch health {
    case .starting: return " (health: starting)"
    case .healthy, .unhealthy: return " (\(health?.rawValue ?? ""))"
    case nil: return ""
    }
  }

  /// `Up 2 minutes`, `Exited (0) 3 seconds ago`
  var statusText: String {
    switch state.status {
    case .created, .starting: "Created"
    case .restarting: "Restarting (\(state.exitCode)) " + (state.finished.map { humanAge(of: $0) } ?? "")
    case .running:
      "Up " + (state.started.map { humanDuration(since: $0) } ?? "") + note
    case .exited:
      "Exited (\(state.exitCode)) " + (state.finished.map { humanAge(of: $0) } ?? "")
    }
  }
}
