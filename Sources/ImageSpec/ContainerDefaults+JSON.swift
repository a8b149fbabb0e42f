package import JSON

extension ContainerDefaults: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "User": user = try reader.string()
      case "ExposedPorts": exposedPorts = try Self.keys(from: &reader)
      case "Env": env = try reader.strings()
      case "Entrypoint": entrypoint = try Self.words(from: &reader)
      case "Cmd": cmd = try Self.words(from: &reader)
      case "Volumes": volumes = try Self.keys(from: &reader)
      case "WorkingDir": workingDir = try reader.string()
      case "Labels": labels = try reader.stringMap()
      case "StopSignal": stopSignal = try reader.string()
      case "Healthcheck": healthcheck = try reader.value()
      case "Shell": shell = try reader.strings()
      case "OnBuild": onBuild = try reader.strings()
      default: try reader.skip()
      }
    }
  }

  /// A set, which Go writes as a map to empty objects.
  private static func keys(from reader: inout JSONReader) throws(JSONError) -> [String] {
    var keys: Set<String> = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      keys.insert(key)
      try reader.skip()
    }
    return keys.sorted()
  }

  /// Old builders wrote a single word without the list.
  private static func words(from reader: inout JSONReader) throws(JSONError) -> [String] {
    reader.kindOfNext() == .string ? [try reader.string()] : try reader.strings()
  }

  package func write(to writer: inout JSONWriter) {
    func set(_ keys: [String]) -> [String: JSONValue] {
      Dictionary(keys.map { ($0, [:]) }, uniquingKeysWith: { a, _ in a })
    }
    writer.object {
      if !user.isEmpty { $0.member("User", user) }
      if !exposedPorts.isEmpty { $0.member("ExposedPorts", set(exposedPorts)) }
      if !env.isEmpty { $0.member("Env", env) }
      if !entrypoint.isEmpty { $0.member("Entrypoint", entrypoint) }
      if !cmd.isEmpty { $0.member("Cmd", cmd) }
      if !volumes.isEmpty { $0.member("Volumes", set(volumes)) }
      if !workingDir.isEmpty { $0.member("WorkingDir", workingDir) }
      if !labels.isEmpty { $0.member("Labels", labels) }
      if !stopSignal.isEmpty { $0.member("StopSignal", stopSignal) }
      $0.member("Healthcheck", healthcheck)
      if !shell.isEmpty { $0.member("Shell", shell) }
      if !onBuild.isEmpty { $0.member("OnBuild", onBuild) }
    }
  }
}

extension ContainerDefaults.Healthcheck: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "Test": test = try reader.strings()
      case "Interval": interval = try reader.integer()
      case "Timeout": timeout = try reader.integer()
      case "StartPeriod": startPeriod = try reader.integer()
      case "StartInterval": startInterval = try reader.integer()
      case "Retries": retries = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      if !test.isEmpty { $0.member("Test", test) }
      if interval != 0 { $0.member("Interval", interval) }
      if timeout != 0 { $0.member("Timeout", timeout) }
      if startPeriod != 0 { $0.member("StartPeriod", startPeriod) }
      if startInterval != 0 { $0.member("StartInterval", startInterval) }
      if retries != 0 { $0.member("Retries", retries) }
    }
  }
}
