package import JSON

/// What a container was asked to be beside what its image says. With the image's defaults it is how the container runs, and
/// what a commit of the container keeps.
package struct ContainerOverrides: Hashable, Sendable {
  /// Nil leaves the image's; an empty one takes it away.
  package var entrypoint: [String]?
  package var cmd: [String] = []
  /// `NAME=VALUE` each.
  package var env: [String] = []
  /// As it was written: a name means whoever the image has by it.
  package var user = ""
  package var workingDir = ""
  package var labels: [String: String] = [:]
  /// Directories that were asked to be volumes of no name.
  package var volumes: [String] = []
  /// `SIGTERM` or `15`.
  package var stopSignal = ""
  package init() {}
}

extension ContainerDefaults {
  /// Docker's rules: a command replaces the image's, an entry point both; variables, labels and volumes are added. What an
  /// image wants of those that are built on it (ONBUILD, SHELL) is not its containers'.
  package func overridden(by overrides: ContainerOverrides) -> ContainerDefaults {
    var result = self
    result.onBuild = []
    result.shell = []
    if let entrypoint = overrides.entrypoint {
      result.entrypoint = entrypoint
      result.cmd = overrides.cmd
    } else if !overrides.cmd.isEmpty {
      result.cmd = overrides.cmd
    }
    result.set(environment: overrides.env)
    if !overrides.user.isEmpty { result.user = overrides.user }
    if !overrides.workingDir.isEmpty { result.workingDir = overrides.workingDir }
    result.labels.merge(overrides.labels) { $1 }
    result.volumes = Set(volumes + overrides.volumes).sorted()
    if !overrides.stopSignal.isEmpty { result.stopSignal = overrides.stopSignal }
    return result
  }

  /// The first mention of a name keeps its place, the last its value. A file of variables may have a hundred thousand.
  mutating func set(environment entries: [String]) {
    if entries.isEmpty { return }
    var places: [Substring: Int] = [:]
    for (place, entry) in env.enumerated() {
      // One without a value is no variable, and is refused later.
      guard let end = entry.firstIndex(of: "="), places[entry[..<end]] == nil else { continue }
      places[entry[..<end]] = place
    }
    for entry in entries {
      let name = entry.prefix { $0 != "=" }
      if let place = places[name] {
        env[place] = entry
      } else {
        places[name] = env.count
        env.append(entry)
      }
    }
  }
}

extension ContainerOverrides: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "entrypoint": entrypoint = try reader.strings()
      case "cmd": cmd = try reader.strings()
      case "env": env = try reader.strings()
      case "user": user = try reader.string()
      case "workingDir": workingDir = try reader.string()
      case "labels": labels = try reader.stringMap()
      case "volumes": volumes = try reader.strings()
      case "stopSignal": stopSignal = try reader.string()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("entrypoint", entrypoint)
      if !cmd.isEmpty { $0.member("cmd", cmd) }
      if !env.isEmpty { $0.member("env", env) }
      if !user.isEmpty { $0.member("user", user) }
      if !workingDir.isEmpty { $0.member("workingDir", workingDir) }
      if !labels.isEmpty { $0.member("labels", labels) }
      if !volumes.isEmpty { $0.member("volumes", volumes) }
      if !stopSignal.isEmpty { $0.member("stopSignal", stopSignal) }
    }
  }
}
