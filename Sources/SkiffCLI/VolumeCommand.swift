internal import Arguments
internal import Engine
internal import JSON
internal import Journal
internal import Kernel

extension VolumeCommand {
  static let entry = entry(
    create: create, list: VolumeList.perform, inspect: VolumeInspect.perform, remove: remove,
    prune: VolumePrune.perform, export: export, import: importing)

  private static let export: Perform = { arguments in
    let engine = try arguments.engine
    try withOutput(arguments.string("output"), arguments) { file in
      try engine.exportVolume(arguments.positionals[0], to: file)
    }
    return 0
  }

  private static let importing: Perform = { arguments in
    let engine = try arguments.engine
    guard arguments.positionals.count > 1, arguments.positionals[1] != "-" else {
      try engine.importVolume(arguments.positionals[0], from: .standardInput)
      return 0
    }
    let file = try open(Path(arguments.positionals[1]), [.readOnly])
    try engine.importVolume(arguments.positionals[0], from: file.borrowed)
    return 0
  }

  private static let create: Perform = { arguments in
    let engine = try arguments.engine
    if let driver = arguments.string("driver"), driver != "local" {
      throw arguments.bad("driver", driver, "there is only the driver local")
    }
    let labels = try arguments.readAll("label", Label.init(label:))
    var options: [String: String] = [:]
    for text in arguments.strings("opt") {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else { throw arguments.bad("opt", text, "expected NAME=VALUE") }
      options[parts[0]] = parts[1]
    }
    let name = try engine.createVolume(
      arguments.positionals.first, labels: Dictionary(labels.map { ($0.name, $0.value) }) { $1 }, options: options)
    engine.note(.volume, .create, of: name, ["driver": "local"])
    return try printing { $0.line(name) }
  }

  private static let remove: Perform = { arguments in
    let engine = try arguments.engine
    let isForced = arguments.flag("force")
    return forEach(arguments.positionals) { word in
      do throws(Failure) { try engine.removeVolume(word) } catch {
        if isForced && error.kind == .notFound { return }
        throw error
      }
      engine.note(.volume, .destroy, of: word, ["driver": "local"])
      _ = try printing { $0.line(word) }
    }
  }
}

/// `skiff volume ls`
enum VolumeList {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    var volumes = try engine.volumeSummaries()
    for filter in arguments.strings("filter") { volumes = volumes.filter(try matcher(filter, arguments)) }
    return try printing { out in
      if arguments.flag("quiet") {
        for volume in volumes { out.line(volume.name) }
      } else if let format = arguments.string("format"), format != "table" {
        out.print(try Template.lines(format, volumes.map(fields), headings: headings))
      } else {
        var table = Table("DRIVER", "VOLUME NAME")
        for volume in volumes { table.add("local", volume.name) }
        out.print(table.text)
      }
    }
  }

  private static let headings: KeyValuePairs = [
    "Name": "VOLUME NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT", "Labels": "LABELS",
    "Links": "LINKS", "Size": "SIZE", "Status": "STATUS", "Availability": "AVAILABILITY", "Group": "GROUP",
  ]

  /// The fields as docker's templates name them; N/A is what it says, too, where nobody has counted.
  private static func fields(of volume: VolumeSummary) -> JSONValue {
    [
      "Availability": "N/A", "Driver": "local", "Group": "N/A",
      "Labels": .string(
        volume.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
      "Links": .string("\(volume.users.count)"), "Mountpoint": .string(volume.mountpoint.string),
      "Name": .string(volume.name), "Scope": "local", "Size": "N/A", "Status": "N/A",
    ]
  }

  private static func matcher(
    _ filter: String, _ arguments: ParsedArguments
  ) throws -> (VolumeSummary) -> Bool {
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw arguments.bad("filter", filter, "a filter is NAME=VALUE") }
    let value = parts[1]
    switch parts[0] {
    case "name": return { $0.name.contains(value) }
    case "driver": return { _ in value == "local" }
    case "dangling":
      guard let flag = parseBoolean(value) else { throw arguments.bad("filter", filter, "dangling is true or false") }
      return { $0.users.isEmpty == flag }
    case "label":
      let condition = LabelCondition(value, isWanted: true)
      return { condition.holds($0.labels) }
    default:
      throw arguments.bad("filter", filter, "no such filter; there are dangling, driver, label and name")
    }
  }
}

/// `skiff volume inspect`
enum VolumeInspect {
  static let perform: Perform = { arguments in
    let engine = try arguments.engine
    return try InspectCommand.show(arguments) { try engine.volumeInspection(of: $0) }
  }
}

/// `skiff volume prune`
enum VolumePrune {
  static let perform: Perform = { arguments in
    // `all=` is the engine's way to say --all.
    var takesAll = arguments.flag("all")
    var labels: [LabelCondition] = []
    for text in arguments.strings("filter") {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      switch (parts[0], parts.count) {
      case ("all", 2):
        guard let flag = parseBoolean(parts[1]) else { throw arguments.bad("filter", text, "all is true or false") }
        takesAll = flag
      case ("label", 2): labels.append(LabelCondition(parts[1], isWanted: true))
      case ("label!", 2): labels.append(LabelCondition(parts[1], isWanted: false))
      default: throw arguments.bad("filter", text, "no such filter; there are all, label and label!")
      }
    }
    let which = takesAll ? "all local volumes" : "anonymous local volumes"
    if !arguments.flag("force") {
      guard try confirm("This will remove \(which) not used by at least one container.") else {
        throw Failure(.conflict, "volume prune has been cancelled")
      }
    }
    let pruned = try arguments.engine.pruneVolumes(namedToo: takesAll) { _, found in
      labels.allSatisfy { $0.holds(found) }
    }
    _ = try printing { out in
      if !pruned.volumes.isEmpty {
        out.line("Deleted Volumes:")
        for name in pruned.volumes { out.line(name) }
        out.line()
      }
      out.line("Total reclaimed space: \(humanSize(pruned.reclaimed))")
    }
    for failure in pruned.failures { complain(failure.message, hint: failure.hint) }
    return pruned.failures.isEmpty ? 0 : 1
  }
}
