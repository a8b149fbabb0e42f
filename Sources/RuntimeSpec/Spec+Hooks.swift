package import JSON

extension Spec {
  /// Programs to call at points of a container's life (config.md, "POSIX-platform Hooks"), each list in order.
  package struct Hooks: Hashable, Sendable {
    /// Deprecated by the specification, and still what most tools write.
    package var prestart: [Hook] = []
    package var createRuntime: [Hook] = []
    package var createContainer: [Hook] = []
    package var startContainer: [Hook] = []
    package var poststart: [Hook] = []
    package var poststop: [Hook] = []
    package init() {}
  }

  package struct Hook: Hashable, Sendable {
    package var path: String
    /// As execv(3) takes them, so the first is the program's name.
    package var args: [String]
    package var env: [String]
    /// Seconds.
    package var timeout: Int?
    package init(path: String, args: [String] = [], env: [String] = [], timeout: Int? = nil) {
      self.path = path
      self.args = args
      self.env = env
      self.timeout = timeout
    }
  }
}

extension Spec.Hooks: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "prestart": prestart = try reader.list()
      case "createRuntime": createRuntime = try reader.list()
      case "createContainer": createContainer = try reader.list()
      case "startContainer": startContainer = try reader.list()
      case "poststart": poststart = try reader.list()
      case "poststop": poststop = try reader.list()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("prestart", prestart.nonEmpty)
      $0.member("createRuntime", createRuntime.nonEmpty)
      $0.member("createContainer", createContainer.nonEmpty)
      $0.member("startContainer", startContainer.nonEmpty)
      $0.member("poststart", poststart.nonEmpty)
      $0.member("poststop", poststop.nonEmpty)
    }
  }
}

extension Spec.Hook: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(path: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "path": path = try reader.string()
      case "args": args = try reader.strings()
      case "env": env = try reader.strings()
      case "timeout": timeout = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("path", path)
      $0.member("args", args.nonEmpty)
      $0.member("env", env.nonEmpty)
      $0.member("timeout", timeout)
    }
  }
}
