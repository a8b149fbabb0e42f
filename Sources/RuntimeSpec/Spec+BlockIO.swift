package import JSON

extension Spec {
  /// The blkio (v1) or io (v2) controller.
  package struct BlockIO: Hashable, Sendable {
    package var weight: UInt16?
    package var leafWeight: UInt16?
    package var weightDevice: [WeightDevice] = []
    /// Bytes per second.
    package var throttleReadBpsDevice: [ThrottleDevice] = []
    package var throttleWriteBpsDevice: [ThrottleDevice] = []
    /// Operations per second.
    package var throttleReadIOPSDevice: [ThrottleDevice] = []
    package var throttleWriteIOPSDevice: [ThrottleDevice] = []
    package init() {}
  }

  package struct WeightDevice: Hashable, Sendable {
    package var major: Int64
    package var minor: Int64
    package var weight: UInt16?
    package var leafWeight: UInt16?
    package init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
      self.major = major
      self.minor = minor
      self.weight = weight
      self.leafWeight = leafWeight
    }
  }

  package struct ThrottleDevice: Hashable, Sendable {
    package var major: Int64
    package var minor: Int64
    package var rate: UInt64
    package init(major: Int64, minor: Int64, rate: UInt64) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }
  }
}

extension Spec.BlockIO: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "weight": weight = try reader.integer()
      case "leafWeight": leafWeight = try reader.integer()
      case "weightDevice": weightDevice = try reader.list()
      case "throttleReadBpsDevice": throttleReadBpsDevice = try reader.list()
      case "throttleWriteBpsDevice": throttleWriteBpsDevice = try reader.list()
      case "throttleReadIOPSDevice": throttleReadIOPSDevice = try reader.list()
      case "throttleWriteIOPSDevice": throttleWriteIOPSDevice = try reader.list()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("weight", weight)
      $0.member("leafWeight", leafWeight)
      $0.member("weightDevice", weightDevice.nonEmpty)
      $0.member("throttleReadBpsDevice", throttleReadBpsDevice.nonEmpty)
      $0.member("throttleWriteBpsDevice", throttleWriteBpsDevice.nonEmpty)
      $0.member("throttleReadIOPSDevice", throttleReadIOPSDevice.nonEmpty)
      $0.member("throttleWriteIOPSDevice", throttleWriteIOPSDevice.nonEmpty)
    }
  }
}

extension Spec.WeightDevice: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(major: 0, minor: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "major": major = try reader.integer()
      case "minor": minor = try reader.integer()
      case "weight": weight = try reader.integer()
      case "leafWeight": leafWeight = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("major", major)
      $0.member("minor", minor)
      $0.member("weight", weight)
      $0.member("leafWeight", leafWeight)
    }
  }
}

extension Spec.ThrottleDevice: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(major: 0, minor: 0, rate: 0)
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "major": major = try reader.integer()
      case "minor": minor = try reader.integer()
      case "rate": rate = try reader.integer()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object {
      $0.member("major", major)
      $0.member("minor", minor)
      $0.member("rate", rate)
    }
  }
}
