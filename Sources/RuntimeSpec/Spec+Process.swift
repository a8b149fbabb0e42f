package import JSON

extension Spec {
  /// The program that runs in the container and all that is its own (config.md, "Process").
  package struct Process: Hashable, Sendable {
    package var terminal = false
    package var consoleSize: ConsoleSize?
    package var user = User()
    package var args: [String] = []
    /// `NAME=VALUE` each.
    package var env: [String] = []
    /// Absolute, inside the container.
    package var cwd = "/"
    package var capabilities: CapabilityLists?
    package var rlimits: [ResourceLimit] = []
    package var noNewPrivileges = false
    package var oomScoreAdj: Int?
    package var apparmorProfile: String?
    package var selinuxLabel: String?
    package var scheduler: Scheduler?
    package var ioPriority: IOPriority?
    package var execCPUAffinity: ExecCPUAffinity?

    package init() {}
  }

  /// In characters.
  package struct ConsoleSize: Hashable, Sendable {
    package var height: UInt
    package var width: UInt
    package init(height: UInt, width: UInt) {
      self.height = height
      self.width = width
    }
  }

  package struct User: Hashable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    package var umask: UInt32?
    package var additionalGids: [UInt32]
    package init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
      self.uid = uid
      self.gid = gid
      self.umask = umask
      self.additionalGids = additionalGids
    }
  }

  /// The five sets of capabilities(7) by their names: `CAP_CHOWN`.
  package struct CapabilityLists: Hashable, Sendable {
    package var bounding: [String] = []
    package var effective: [String] = []
    package var inheritable: [String] = []
    package var permitted: [String] = []
    package var ambient: [String] = []
    package init() {}
  }

  package struct ResourceLimit: Hashable, Sendable {
    /// `RLIMIT_NOFILE`, as getrlimit(2) names it.
    package var type: String
    package var soft: UInt64
    package var hard: UInt64
    package init(type: String, soft: UInt64, hard: UInt64) {
      self.type = type
      self.soft = soft
      self.hard = hard
    }
  }
}

extension Spec.Process: JSONReadable {
  package static var jsonLimits: JSONLimits { Spec.jsonLimits }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    cwd = ""
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "terminal": terminal = try reader.bool()
      case "consoleSize": consoleSize = try reader.value()
      case "user": user = try reader.value()
      case "args": args = try reader.strings()
      case "env": env = try reader.strings()
      case "cwd": cwd = try reader.string()
      case "capabilities": capabilities = try reader.value()
      case "rlimits": rlimits = try reader.list()
      case "noNewPrivileges": noNewPrivileges = try reader.bool()
      case "oomScoreAdj": oomScoreAdj = try reader.integer()
      case "apparmorProfile": apparmorProfile = try reader.nonEmptyString()
      case "selinuxLabel": selinuxLabel = try reader.nonEmptyString()
      case "scheduler": scheduler = try reader.value()
      case "ioPriority": ioPriority = try reader.value()
      case "execCPUAffinity": execCPUAffinity = try reader.value()
      default: try reader.skip()
      }
    }
  }
}

extension Spec.Process: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("terminal", terminal.orNil)
      $0.member("consoleSize", consoleSize)
      $0.member("user", user)
      $0.member("args", args.nonEmpty)
      $0.member("env", env.nonEmpty)
      $0.member("cwd", cwd)
      $0.member("capabilities", capabilities)
      $0.member("rlimits", rlimits.nonEmpty)
      $0.member("noNewPrivileges", noNewPrivileges.orNil)
      $0.member("oomScoreAdj", oomScoreAdj)
      $0.member("apparmorProfile", apparmorProfile)
      $0.member("selinuxLabel", selinuxLabel)
      $0.member("scheduler", scheduler)
      $0.member("ioPriority", ioPriority)
      $0.member("execCPUAffinity", execCPUAffinity)
    }
  }
}

extension Spec.ConsoleSize: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(height: 0, width: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "height": height = try reader.integer()
      case "width": width = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("height", height)
      $0.member("width", width)
    }
  }
}

extension Spec.User: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "uid": uid = try reader.integer()
      case "gid": gid = try reader.integer()
      case "umask": umask = try reader.integer()
      case "additionalGids": additionalGids = try reader.integers()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("uid", uid)
      $0.member("gid", gid)
      $0.member("umask", umask)
      $0.member("additionalGids", additionalGids.nonEmpty)
    }
  }
}

extension Spec.CapabilityLists: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "bounding": bounding = try reader.strings()
      case "effective": effective = try reader.strings()
      case "inheritable": inheritable = try reader.strings()
      case "permitted": permitted = try reader.strings()
      case "ambient": ambient = try reader.strings()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("bounding", bounding.nonEmpty)
      $0.member("effective", effective.nonEmpty)
      $0.member("inheritable", inheritable.nonEmpty)
      $0.member("permitted", permitted.nonEmpty)
      $0.member("ambient", ambient.nonEmpty)
    }
  }
}

extension Spec.ResourceLimit: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(type: "", soft: 0, hard: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "type": type = try reader.string()
      case "soft": soft = try reader.integer()
      case "hard": hard = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("type", type)
      $0.member("hard", hard)
      $0.member("soft", soft)
    }
  }
}
