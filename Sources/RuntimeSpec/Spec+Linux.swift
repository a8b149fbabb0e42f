package import JSON

extension Spec {
  /// What only Linux has (config-linux.md).
  package struct Linux: Hashable, Sendable {
    package var namespaces: [Namespace] = []
    package var uidMappings: [IDMapping] = []
    package var gidMappings: [IDMapping] = []
    /// By clock: `monotonic`, `boottime`.
    package var timeOffsets: [String: TimeOffset] = [:]
    package var devices: [Device] = []
    /// By name on the host.
    package var netDevices: [String: NetDevice] = [:]
    package var cgroupsPath: String?
    package var resources: Resources?
    /// `private`, `slave`, `shared`, `unbindable`, each with an `r` before it too.
    package var rootfsPropagation: String?
    package var seccomp: Seccomp?
    package var sysctl: [String: String] = [:]
    package var maskedPaths: [String] = []
    package var readonlyPaths: [String] = []
    package var mountLabel: String?
    package var intelRdt: IntelRdt?
    package var memoryPolicy: MemoryPolicy?
    package var personality: Personality?

    package init() {}
  }

  package enum NamespaceType: String, Hashable, Sendable, CaseIterable {
    case pid, network, mount, ipc, uts, user, cgroup, time
  }

  package struct Namespace: Hashable, Sendable {
    package var type: NamespaceType
    /// The namespace to join; nil makes a new one.
    package var path: String?
    package init(_ type: NamespaceType, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// How far a clock of the time namespace is ahead of the host's.
  package struct TimeOffset: Hashable, Sendable {
    package var secs: Int64
    package var nanosecs: UInt32
    package init(secs: Int64, nanosecs: UInt32 = 0) {
      self.secs = secs
      self.nanosecs = nanosecs
    }
  }

  /// A device file to make in the container.
  package struct Device: Hashable, Sendable {
    package var path: String
    /// `c`, `b`, `u` or `p`, as mknod(1) has them.
    package var type: String
    package var major: Int64
    package var minor: Int64
    package var fileMode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    package init(
      path: String, type: String, major: Int64 = 0, minor: Int64 = 0, fileMode: UInt32? = nil, uid: UInt32? = nil,
      gid: UInt32? = nil
    ) {
      self.path = path
      self.type = type
      self.major = major
      self.minor = minor
      self.fileMode = fileMode
      self.uid = uid
      self.gid = gid
    }
  }

  /// A network device to move from the host into the container.
  package struct NetDevice: Hashable, Sendable {
    /// Its name there; nil keeps the one it has.
    package var name: String?
    package init(name: String? = nil) { self.name = name }
  }
}

extension Spec.Linux: JSONReadable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "namespaces": namespaces = try reader.list()
      case "uidMappings": uidMappings = try reader.list()
      case "gidMappings": gidMappings = try reader.list()
      case "timeOffsets": timeOffsets = try reader.map()
      case "devices": devices = try reader.list()
      case "netDevices": netDevices = try reader.map()
      case "cgroupsPath": cgroupsPath = try reader.nonEmptyString()
      case "resources": resources = try reader.value()
      case "rootfsPropagation": rootfsPropagation = try reader.nonEmptyString()
      case "seccomp": seccomp = try Spec.Seccomp.read(from: &reader)
      case "sysctl": sysctl = try reader.stringMap()
      case "maskedPaths": maskedPaths = try reader.strings()
      case "readonlyPaths": readonlyPaths = try reader.strings()
      case "mountLabel": mountLabel = try reader.nonEmptyString()
      case "intelRdt": intelRdt = try reader.value()
      case "memoryPolicy": memoryPolicy = try reader.value()
      case "personality": personality = try reader.value()
      default: try reader.skip()
      }
    }
  }
}

extension Spec.Linux: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("uidMappings", uidMappings.nonEmpty)
      $0.member("gidMappings", gidMappings.nonEmpty)
      $0.member("sysctl", sysctl.nonEmpty)
      $0.member("resources", resources)
      $0.member("cgroupsPath", cgroupsPath)
      $0.member("namespaces", namespaces.nonEmpty)
      $0.member("devices", devices.nonEmpty)
      $0.member("netDevices", netDevices.nonEmpty)
      $0.member("seccomp", seccomp)
      $0.member("rootfsPropagation", rootfsPropagation)
      $0.member("maskedPaths", maskedPaths.nonEmpty)
      $0.member("readonlyPaths", readonlyPaths.nonEmpty)
      $0.member("mountLabel", mountLabel)
      $0.member("intelRdt", intelRdt)
      $0.member("memoryPolicy", memoryPolicy)
      $0.member("personality", personality)
      $0.member("timeOffsets", timeOffsets.nonEmpty)
    }
  }
}

extension Spec.Namespace: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    var type: Spec.NamespaceType?
    var path: String?
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "type": type = try reader.choice()
      case "path": path = try reader.nonEmptyString()
      default: try reader.skip()
      }
    }
    guard let type else { throw reader.error("a namespace without a type") }
    self.init(type, path: path)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("type", type.rawValue)
      $0.member("path", path)
    }
  }
}

extension Spec.TimeOffset: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(secs: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "secs": secs = try reader.integer()
      case "nanosecs": nanosecs = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("secs", secs)
      $0.member("nanosecs", nanosecs)
    }
  }
}

extension Spec.Device: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(path: "", type: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "path": path = try reader.string()
      case "type": type = try reader.string()
      case "major": major = try reader.integer()
      case "minor": minor = try reader.integer()
      case "fileMode": fileMode = try reader.integer()
      case "uid": uid = try reader.integer()
      case "gid": gid = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("path", path)
      $0.member("type", type)
      $0.member("major", major)
      $0.member("minor", minor)
      $0.member("fileMode", fileMode)
      $0.member("uid", uid)
      $0.member("gid", gid)
    }
  }
}

extension Spec.NetDevice: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "name": name = try reader.nonEmptyString()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { $0.member("name", name) }
  }
}

extension JSONReader {
  /// One of the words of an enumeration.
  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ type: Choice.Type = Choice.self
  ) throws(JSONError) -> Choice {
    let word = try string()
    return try choice(named: word)
  }

  /// The same, or nil for an empty string.
  mutating func choiceOrEmpty<Choice: RawRepresentable<String> & CaseIterable>(
    _ type: Choice.Type = Choice.self
  ) throws(JSONError) -> Choice? {
    let word = try string()
    return word.isEmpty ? nil : try choice(named: word)
  }

  private mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(named word: String) throws(JSONError)
    -> Choice
  {
    if let choice = Choice(rawValue: word) { return choice }
    let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw error("\"\(word)\" is none of \(known)")
  }
}
