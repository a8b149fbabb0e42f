package import JSON

extension Spec {
  /// A mount beside the root (config.md, "Mounts").
  package struct Mount: Hashable, Sendable {
    /// Inside the container.
    package var destination: String
    package var type: String?
    package var source: String?
    package var options: [String]
    /// For an id-mapped mount.
    package var uidMappings: [IDMapping] = []
    package var gidMappings: [IDMapping] = []
    package init(destination: String, type: String? = nil, source: String? = nil, options: [String] = []) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }

  /// A range of user or group ids (user_namespaces(7)).
  package struct IDMapping: Hashable, Sendable {
    package var containerID: UInt32
    package var hostID: UInt32
    package var size: UInt32
    package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }
}

extension Spec.Mount: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(destination: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "destination": destination = try reader.string()
      case "type": type = try reader.nonEmptyString()
      case "source": source = try reader.nonEmptyString()
      case "options": options = try reader.strings()
      case "uidMappings": uidMappings = try reader.list()
      case "gidMappings": gidMappings = try reader.list()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("destination", destination)
      $0.member("type", type)
      $0.member("source", source)
      $0.member("options", options.nonEmpty)
      $0.member("uidMappings", uidMappings.nonEmpty)
      $0.member("gidMappings", gidMappings.nonEmpty)
    }
  }
}

extension Spec.IDMapping: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(containerID: 0, hostID: 0, size: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "containerID": containerID = try reader.integer()
      case "hostID": hostID = try reader.integer()
      case "size": size = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("containerID", containerID)
      $0.member("hostID", hostID)
      $0.member("size", size)
    }
  }
}
