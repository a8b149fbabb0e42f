package import JSON

/// What an image says of itself (config.md): the platform, the layers' contents, and how its containers run.
package struct ImageConfig: Hashable, Sendable {
  /// RFC 3339.
  package var created: String?
  package var author: String?
  package var platform: Platform
  package var config = ContainerDefaults()
  /// The digests of the layers' uncompressed tars, the lowest first.
  package var diffIDs: [Digest] = []
  package var history: [History] = []

  package init(platform: Platform = .host) { self.platform = platform }

  /// Gives each layer a step of the history, as readers count them (config.md, history): a tool that wrote none would have
  /// the next step, which is about another layer, told of its first.
  package mutating func completeHistory() {
    let told = history.count { !$0.emptyLayer }
    for _ in 0..<max(0, diffIDs.count - told) { history.append(History()) }
  }

  /// One step of how the image was made.
  package struct History: Hashable, Sendable {
    package var created: String?
    package var createdBy: String?
    package var author: String?
    package var comment: String?
    /// The step changed the config only: no layer belongs to it.
    package var emptyLayer = false
    package init(created: String? = nil, createdBy: String? = nil, comment: String? = nil, emptyLayer: Bool = false) {
      self.created = created
      self.createdBy = createdBy
      self.comment = comment
      self.emptyLayer = emptyLayer
    }
  }
}

/// What a container of the image has unless its user says otherwise.
package struct ContainerDefaults: Hashable, Sendable {
  /// `user`, `uid`, `user:group`, …; empty for root.
  package var user = ""
  /// `80/tcp`, sorted.
  package var exposedPorts: [String] = []
  /// `NAME=VALUE` each.
  package var env: [String] = []
  package var entrypoint: [String] = []
  package var cmd: [String] = []
  /// Directories that get a volume of their own, sorted.
  package var volumes: [String] = []
  package var workingDir = ""
  package var labels: [String: String] = [:]
  /// `SIGTERM` or `15`.
  package var stopSignal = ""
  package var healthcheck: Healthcheck?
  package var shell: [String] = []
  package var onBuild: [String] = []
  package init() {}

  /// Docker's addition. Times in nanoseconds.
  package struct Healthcheck: Hashable, Sendable {
    /// `NONE`, `CMD` and arguments, or `CMD-SHELL` and a line.
    package var test: [String] = []
    package var interval: Int64 = 0
    package var timeout: Int64 = 0
    package var startPeriod: Int64 = 0
    package var startInterval: Int64 = 0
    package var retries: Int64 = 0
    package init() {}
  }
}

extension ImageConfig: JSONReadable, JSONWritable {
  package static var jsonLimits: JSONLimits {
    JSONLimits(length: 8 << 20, depth: 32, values: 200_000, allowsNUL: false)
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(platform: Platform(architecture: "", os: ""))
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "created": created = try reader.string()
      case "author": author = try reader.string()
      case "architecture": platform.architecture = try reader.string()
      case "os": platform.os = try reader.string()
      case "variant": platform.variant = try reader.string()
      case "os.version": platform.osVersion = try reader.string()
      case "os.features": platform.osFeatures = try reader.strings()
      case "config": config = try reader.value()
      case "rootfs": diffIDs = try Self.diffIDs(from: &reader)
      case "history": history = try reader.list()
      default: try reader.skip()
      }
    }
  }

  private static func diffIDs(from reader: inout JSONReader) throws(JSONError) -> [Digest] {
    var identifiers: [Digest] = []
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "type":
        let type = try reader.string()
        if type != "layers" { throw reader.error("\(shown(type)) is not layers") }
      case "diff_ids": identifiers = try reader.list()
      default: try reader.skip()
      }
    }
    return identifiers
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("created", created)
      $0.member("author", author)
      $0.member("architecture", platform.architecture)
      $0.member("os", platform.os)
      $0.member("os.version", platform.osVersion)
      if !platform.osFeatures.isEmpty { $0.member("os.features", platform.osFeatures) }
      $0.member("variant", platform.variant)
      $0.member("config", config)
      $0.member(
        "rootfs",
        object: {
          $0.member("type", "layers")
          $0.member("diff_ids", diffIDs)
        })
      if !history.isEmpty { $0.member("history", history) }
    }
  }
}

extension ImageConfig.History: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "created": created = try reader.string()
      case "created_by": createdBy = try reader.string()
      case "author": author = try reader.string()
      case "comment": comment = try reader.string()
      case "empty_layer": emptyLayer = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("created", created)
      $0.member("created_by", createdBy)
      $0.member("author", author)
      $0.member("comment", comment)
      if emptyLayer { $0.member("empty_layer", true) }
    }
  }
}
