package import JSON

/// How a container's log is kept.
package struct LogSettings: Hashable, Sendable {
  package enum Driver: String, Sendable, CaseIterable {
    case jsonFile = "json-file"
    case local, journald, syslog, none

    /// `logs` finds what it kept in files of ours.
    package var keepsFiles: Bool { self == .jsonFile || self == .local }
  }

  package var driver = Driver.jsonFile
  /// As they were given.
  package var options: [String: String] = [:]
  /// The labels and variables that go beside each line.
  package var attributes: [String: String] = [:]
  /// Bytes of one file before it is rotated.
  package var maximumSize = 10 << 20
  package var maximumFiles = 3
  package var compresses = false

  package init() {}
}

extension LogSettings: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "driver":
        let word = try reader.string()
        guard let driver = Driver(rawValue: word) else { throw reader.error("no log driver: \(word)") }
        self.driver = driver
      case "options": options = try reader.stringMap()
      case "attributes": attributes = try reader.stringMap()
      case "maximumSize": maximumSize = try reader.integer()
      case "maximumFiles": maximumFiles = try reader.integer()
      case "compresses": compresses = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("driver", driver.rawValue)
      writer.member("options", options.isEmpty ? nil : options)
      writer.member("attributes", attributes.isEmpty ? nil : attributes)
      writer.member("maximumSize", maximumSize)
      writer.member("maximumFiles", maximumFiles)
      writer.member("compresses", compresses ? true : nil)
    }
  }
}
