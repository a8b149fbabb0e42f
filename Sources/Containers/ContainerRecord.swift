package import ImageSpec
package import JSON
package import Kernel

/// What was asked for when the container was made. Written once, before anything runs; `update` and `rename` replace it.
package struct ContainerRecord: Hashable, Sendable {
  package var identifier: String
  package var name: String
  package var created: Timestamp
  /// The reference as it was given, empty with --rootfs.
  package var image = ""
  /// The digest of the image's configuration.
  package var imageIdentifier = ""
  /// Unpacked layers, topmost first; empty with --rootfs.
  package var lower: [String] = []
  /// --rootfs.
  package var rootDirectory = ""
  package var command: [String] = []
  package var labels: [String: String] = [:]
  /// What was asked for beside the image's defaults.
  package var overrides = ContainerOverrides()
  package var hasTerminal = false
  package var isInteractive = false
  package var removesItself = false
  package var hasInit = false
  package var isPrivileged = false
  /// `bridge`, `none`, `host`, `container:ID` or a network's name.
  package var networkMode = "bridge"
  /// Its place on each of its networks, the one that was asked for first leading.
  package var networks: [NetworkRecord] = []
  package var ports: [PortRecord] = []
  /// Its supervisor answers when it asks for names.
  package var asksSupervisor = false
  /// `--dns`: whom it is to ask.
  package var nameServers: [String] = []
  package var wishes = NetworkWishes()
  package var restart = RestartPolicy()
  package var health: HealthCheck?
  package var stopSignal: Int32 = 15
  package var stopTimeout = 10
  /// `default`, `unconfined`, or the path of a profile.
  package var seccomp = "default"
  /// Limits as asked, for inspect; -1 and nil as in the request.
  package var memory: Int64?
  package var memorySwap: Int64?
  package var cpuQuota: Int64?
  package var cpuPeriod: UInt64?
  package var cpuShares: UInt64?
  package var processes: Int64?
  /// Volumes made for this container alone: gone with it.
  package var anonymousVolumes: [String] = []
  /// What was asked to be mounted, in the order of the mounts.
  package var mounts: [MountRecord] = []
  /// What beside all this was asked for, for `inspect` and for later starts.
  package var options = ContainerOptions()
  package var logging = LogSettings()

  package init(identifier: String, name: String, created: Timestamp) {
    self.identifier = identifier
    self.name = name
    self.created = created
  }
}

extension ContainerRecord: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(identifier: "", name: "", created: Timestamp(seconds: 0, nanoseconds: 0))
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "identifier": identifier = try reader.string()
      case "name": name = try reader.string()
      case "createdSeconds": created.seconds = try reader.integer()
      case "createdNanoseconds": created.nanoseconds = try reader.integer()
      case "image": image = try reader.string()
      case "imageIdentifier": imageIdentifier = try reader.string()
      case "lower": lower = try reader.strings()
      case "rootDirectory": rootDirectory = try reader.string()
      case "command": command = try reader.strings()
      case "labels": labels = try reader.stringMap()
      case "overrides": overrides = try reader.value()
      case "hasTerminal": hasTerminal = try reader.bool()
      case "isInteractive": isInteractive = try reader.bool()
      case "removesItself": removesItself = try reader.bool()
      case "hasInit": hasInit = try reader.bool()
      case "isPrivileged": isPrivileged = try reader.bool()
      case "networkMode": networkMode = try reader.string()
      case "network": networks = [try reader.value()]
      case "networks": networks = try reader.list()
      case "ports": ports = try reader.list()
      case "asksSupervisor": asksSupervisor = try reader.bool()
      case "nameServers": nameServers = try reader.strings()
      case "wishes": wishes = try reader.value()
      case "restart": restart = RestartPolicy(try reader.string()) ?? RestartPolicy()
      case "health": health = try reader.value()
      case "stopSignal": stopSignal = try reader.integer()
      case "stopTimeout": stopTimeout = try reader.integer()
      case "seccomp": seccomp = try reader.string()
      case "memory": memory = try reader.integer()
      case "memorySwap": memorySwap = try reader.integer()
      case "cpuQuota": cpuQuota = try reader.integer()
      case "cpuPeriod": cpuPeriod = try reader.integer()
      case "cpuShares": cpuShares = try reader.integer()
      case "processes": processes = try reader.integer()
      case "anonymousVolumes": anonymousVolumes = try reader.strings()
      case "mounts": mounts = try reader.list()
      case "options": options = try reader.value()
      case "logging": logging = try reader.value()
      case "logMaximumSize": logging.maximumSize = try reader.integer()
      case "logMaximumFiles": logging.maximumFiles = try reader.integer()
      case "logIsOff": if try reader.bool() { logging.driver = .none }
      // A newer Skiff may have written more than this one knows.
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("identifier", identifier)
      writer.member("name", name)
      writer.member("createdSeconds", created.seconds)
      writer.member("createdNanoseconds", created.nanoseconds)
      writer.member("image", image)
      writer.member("imageIdentifier", imageIdentifier)
      writer.member("lower", lower)
      writer.member("rootDirectory", rootDirectory)
      writer.member("command", command)
      writer.member("labels", labels)
      writer.member("overrides", overrides)
      writer.member("hasTerminal", hasTerminal)
      writer.member("isInteractive", isInteractive)
      writer.member("removesItself", removesItself)
      writer.member("hasInit", hasInit)
      writer.member("isPrivileged", isPrivileged)
      writer.member("networkMode", networkMode)
      writer.member("networks", networks.isEmpty ? nil : networks)
      writer.member("ports", ports.isEmpty ? nil : ports)
      writer.member("asksSupervisor", asksSupervisor ? true : nil)
      writer.member("nameServers", nameServers.isEmpty ? nil : nameServers)
      writer.member("wishes", wishes)
      writer.member("restart", restart.kind == .no ? nil : restart.description)
      writer.member("health", health)
      writer.member("stopSignal", stopSignal)
      writer.member("stopTimeout", stopTimeout)
      writer.member("seccomp", seccomp)
      writer.member("memory", memory)
      writer.member("memorySwap", memorySwap)
      writer.member("cpuQuota", cpuQuota)
      writer.member("cpuPeriod", cpuPeriod)
      writer.member("cpuShares", cpuShares)
      writer.member("processes", processes)
      writer.member("anonymousVolumes", anonymousVolumes)
      writer.member("mounts", mounts.isEmpty ? nil : mounts)
      writer.member("options", options)
      writer.member("logging", logging)
    }
  }
}
