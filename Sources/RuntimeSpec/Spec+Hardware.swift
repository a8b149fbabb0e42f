package import JSON

// What few hosts have: cache allocation, memory nodes, other personalities.

extension Spec {
  /// Intel's Resource Director Technology (the kernel's resctrl.rst).
  package struct IntelRdt: Hashable, Sendable {
    package var closID: String?
    package var schemata: [String] = []
    package var l3CacheSchema: String?
    package var memBwSchema: String?
    package var enableMonitoring = false
    package init() {}
  }

  /// set_mempolicy(2).
  package struct MemoryPolicy: Hashable, Sendable {
    /// `MPOL_BIND`.
    package var mode: String
    /// `0-3,7`.
    package var nodes: String
    /// `MPOL_F_STATIC_NODES`.
    package var flags: [String]
    package init(mode: String, nodes: String = "", flags: [String] = []) {
      self.mode = mode
      self.nodes = nodes
      self.flags = flags
    }
  }

  /// personality(2).
  package struct Personality: Hashable, Sendable {
    /// `LINUX` or `LINUX32`.
    package var domain: String
    package var flags: [String]
    package init(domain: String, flags: [String] = []) {
      self.domain = domain
      self.flags = flags
    }
  }
}

extension Spec.IntelRdt: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "closID": closID = try reader.nonEmptyString()
      case "schemata": schemata = try reader.strings()
      case "l3CacheSchema": l3CacheSchema = try reader.nonEmptyString()
      case "memBwSchema": memBwSchema = try reader.nonEmptyString()
      case "enableMonitoring": enableMonitoring = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("closID", closID)
      $0.member("schemata", schemata.nonEmpty)
      $0.member("l3CacheSchema", l3CacheSchema)
      $0.member("memBwSchema", memBwSchema)
      $0.member("enableMonitoring", enableMonitoring.orNil)
    }
  }
}

extension Spec.MemoryPolicy: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(mode: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "mode": mode = try reader.string()
      case "nodes": nodes = try reader.string()
      case "flags": flags = try reader.strings()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("mode", mode)
      $0.member("nodes", nodes)
      $0.member("flags", flags.nonEmpty)
    }
  }
}

extension Spec.Personality: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(domain: "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "domain": domain = try reader.string()
      case "flags": flags = try reader.strings()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("domain", domain)
      $0.member("flags", flags.nonEmpty)
    }
  }
}
