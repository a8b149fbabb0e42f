internal import Arguments
internal import Containers
internal import Engine
internal import JSON
internal import Kernel
internal import Templates

extension PsCommand {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    let latest = arguments.flag("latest") ? 1 : try arguments.integer("last", in: 0...Int.max)
    let all =
      arguments.flag("all") || latest != nil
      || arguments.strings("filter").contains { filter in
        ["status=", "exited="].contains { filter.hasPrefix($0) }
      }
    var rows = try engine.list(includingEnded: all)
    let filter = try PsFilter(arguments, engine)
    // A row is many fields, all of which a filter that takes every one would copy.
    if !filter.isEmpty { rows = rows.filter { filter.takes($0) } }
    if let latest { rows = Array(rows.prefix(latest)) }
    return try printing { out in
      if arguments.flag("quiet") {
        for row in rows { out.line(arguments.flag("no-trunc") ? row.identifier.description : row.identifier.short) }
      } else {
        var format = arguments.string("format") ?? "table"
        if format == "table" {
          guard arguments.flag("size") else {
            return out.print(bytes: table(rows, truncated: !arguments.flag("no-trunc")))
          }
          format = usual + "\t{{.Size}}"
        }
        // The files of each are counted only for whoever wants to know.
        let withSize = arguments.flag("size") || format.contains(".Size")
        let withMounts = format == "json" || format.contains(".Mounts") || format.contains("json")
        let values = rows.map { row in
          fields(
            of: row, truncated: !arguments.flag("no-trunc"), size: withSize ? size(of: row.identifier, engine) : "0B",
            mounts: withMounts ? engine.mountSources(of: row.identifier) : [])
        }
        let labels = Dictionary(
          rows.flatMap { [($0.identifier.short, $0.labels), ($0.identifier.description, $0.labels)] }
        ) { $1 }
        let context = TemplateContext.docker.labelled { $0["ID"]?.string.flatMap { labels[$0] } }
        out.print(try Template.lines(format, values, headings: headings, context))
      }
    }
  }

  /// `usual` without a template: a list of five hundred is called for too often for that.
  private static func table(_ rows: [ListedContainer], truncated: Bool) -> [UInt8] {
    var table = Table("CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES")
    let present = now()
    for row in rows {
      table.add(
        truncated ? row.identifier.short : row.identifier.description, row.image,
        command(of: row, truncated: truncated), humanAge(of: row.created, at: present), row.statusText(at: present),
        ports(of: row), row.name)
    }
    return table.bytes
  }

  private static let usual =
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

  private static let headings: KeyValuePairs = [
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT", "RunningFor": "CREATED",
    "Status": "STATUS", "State": "STATE", "Names": "NAMES", "Labels": "LABELS", "Networks": "NETWORKS",
    "Ports": "PORTS", "Size": "SIZE", "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES",
  ]

  /// A word that a shell would take apart stands in quotes, as in docker's list.
  static func command(of row: ListedContainer, truncated: Bool) -> String {
    let words = row.command.enumerated().map { $0 > 0 && $1.contains(" ") ? "'\($1)'" : $1 }
    let command = words.joined(separator: " ")
    return "\"\(truncated ? shortened(command, to: 20) : command)\""
  }

  private static func size(of identifier: ContainerIdentifier, _ engine: Engine) -> String {
    guard let sizes = engine.sizes(of: identifier) else { return "N/A" }
    return "\(humanSize(sizes.own)) (virtual \(humanSize(sizes.total)))"
  }

  /// The fields as docker's templates name them.
  private static func fields(
    of row: ListedContainer, truncated: Bool, size: String, mounts: [String]
  ) -> JSONValue {
    [
      "ID": .string(truncated ? row.identifier.short : row.identifier.description), "Image": .string(row.image),
      "Command": .string(command(of: row, truncated: truncated)),
      "Size": .string(size), "CreatedAt": .string(goTime(row.created)),
      "RunningFor": .string(humanAge(of: row.created)),
      "Status": .string(row.statusText(at: now())), "State": .string(row.stateWord), "Names": .string(row.name),
      "Labels": .string(
        row.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
      "Networks": .string(networks(of: row)), "Ports": .string(ports(of: row)),
      "Mounts": .string(mounts.map { truncated ? shortened($0, to: 15) : $0 }.joined(separator: ",")),
      "LocalVolumes": .string("\(row.anonymousVolumes)"),
    ]
  }

  /// `0.0.0.0:8080->80/tcp`
  private static func ports(of row: ListedContainer) -> String {
    guard row.status == .running else { return "" }
    return row.ports.map { "\($0.hostEnd)->\($0.containerEnd)" }.joined(separator: ", ")
  }

  /// `back,front`, and `none` or `host` where there is no other.
  private static func networks(of row: ListedContainer) -> String {
    row.networks.isEmpty
      ? row.networkMode : row.networks.joined(separator: ",")
  }
}

/// `2026-11-26 10:00:00 +0000 UTC`, as Go prints a time.
func goTime(_ time: Timestamp) -> String {
  let text = time.rfc3339
  return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) +0000 UTC"
}

extension ListedContainer {
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
  func statusText(at present: Timestamp) -> String {
    func age(_ time: Timestamp?) -> String { time.map { humanAge(of: $0, at: present) } ?? "" }
    return switch status {
    case .created, .starting: "Created"
    case .restarting: "Restarting (\(exitCode)) " + age(finished)
    case .running: "Up " + (started.map { humanDuration(since: $0, until: present) } ?? "") + note
    case .exited: "Exited (\(exitCode)) " + age(finished)
    }
  }

  /// `healthy`, `none` …
  var healthWord: String { health?.rawValue ?? "none" }
}
