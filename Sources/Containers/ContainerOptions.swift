package import JSON

/// What a container was asked for beside its limits, files and networks, as `inspect` shows it; most containers have none of
/// it. What only the configuration needs to know is there alone.
package struct ContainerOptions: Hashable, Sendable {
  /// `none`, `host`, `shareable`, `container:ID`; empty is one of its own.
  package var ipc = ""
  /// `host`, `container:ID`; empty is one of its own.
  package var pid = ""
  /// `host`; empty is one of its own.
  package var uts = ""
  package var userNamespace = ""
  /// `host`; empty is one of its own.
  package var cgroupNamespace = ""
  /// Where its control group is made; nil is below Skiff's.
  package var cgroupParent: String?
  package var addedCapabilities: [String] = []
  package var droppedCapabilities: [String] = []
  package var addedGroups: [String] = []
  /// As given with --security-opt, without what `seccomp` of the record says.
  package var security: [String] = []
  /// As given: HOST:CONTAINER:rwm.
  package var devices: [String] = []
  package var deviceRules: [String] = []
  package var publishesAll = false
  /// The streams of -a; nil is what there is.
  package var attached: [String]?
  /// Seconds after which it is killed; nil is never.
  package var timeout: Int?
  package var timezone = ""
  package var umask: UInt32?
  /// By number: `NAME=/path`, or `NAME` alone for a variable.
  package var secrets: [String] = []
  /// Where each start finds them, by number: `MODE:USER:GROUP:/path of the host`.
  package var secretSources: [String] = []
  /// As given: vendor.com/class=name.
  package var namedDevices: [String] = []
  /// Of --storage-opt, as given; empty is without a limit.
  package var storageSize = ""
  /// Another OCI runtime makes it; nil where Skiff does.
  package var runtime: RuntimeChoice?

  package init() {}
}

extension ContainerOptions: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "ipc": ipc = try reader.string()
      case "pid": pid = try reader.string()
      case "uts": uts = try reader.string()
      case "userNamespace": userNamespace = try reader.string()
      case "cgroupNamespace": cgroupNamespace = try reader.string()
      case "cgroupParent": cgroupParent = try reader.string()
      case "addedCapabilities": addedCapabilities = try reader.strings()
      case "droppedCapabilities": droppedCapabilities = try reader.strings()
      case "addedGroups": addedGroups = try reader.strings()
      case "security": security = try reader.strings()
      case "devices": devices = try reader.strings()
      case "deviceRules": deviceRules = try reader.strings()
      case "publishesAll": publishesAll = try reader.bool()
      case "attached": attached = try reader.strings()
      case "timeout": timeout = try reader.integer()
      case "timezone": timezone = try reader.string()
      case "umask": umask = try reader.integer()
      case "secrets": secrets = try reader.strings()
      case "secretSources": secretSources = try reader.strings()
      case "namedDevices": namedDevices = try reader.strings()
      case "storageSize": storageSize = try reader.string()
      case "runtime": runtime = try reader.value()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    func some(_ text: String) -> String? { text.isEmpty ? nil : text }
    func some(_ list: [String]) -> [String]? { list.isEmpty ? nil : list }
    writer.object { writer in
      writer.member("ipc", some(ipc))
      writer.member("pid", some(pid))
      writer.member("uts", some(uts))
      writer.member("userNamespace", some(userNamespace))
      writer.member("cgroupNamespace", some(cgroupNamespace))
      writer.member("cgroupParent", cgroupParent)
      writer.member("addedCapabilities", some(addedCapabilities))
      writer.member("droppedCapabilities", some(droppedCapabilities))
      writer.member("addedGroups", some(addedGroups))
      writer.member("security", some(security))
      writer.member("devices", some(devices))
      writer.member("deviceRules", some(deviceRules))
      writer.member("publishesAll", publishesAll ? true : nil)
      writer.member("attached", attached)
      writer.member("timeout", timeout)
      writer.member("timezone", some(timezone))
      writer.member("umask", umask)
      writer.member("secrets", some(secrets))
      writer.member("secretSources", some(secretSources))
      writer.member("namedDevices", some(namedDevices))
      writer.member("storageSize", some(storageSize))
      writer.member("runtime", runtime)
    }
  }
}
