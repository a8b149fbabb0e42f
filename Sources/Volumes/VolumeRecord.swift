internal import JSON

/// `volume.json`
struct VolumeRecord: JSONReadable, JSONWritable {
  var created: String
  var labels: [String: String]
  /// A container has had it, so what the image has was copied.
  var isUsed: Bool

  init(created: String, labels: [String: String], isUsed: Bool) {
    self.created = created
    self.labels = labels
    self.isUsed = isUsed
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(created: "", labels: [:], isUsed: false)
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "created": created = try reader.string()
      case "labels": labels = try reader.stringMap()
      case "isUsed": isUsed = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  func write(to writer: inout JSONWriter) {
    let object: JSONValue = [
      "created": .string(created), "isUsed": .bool(isUsed), "labels": .object(labels.mapped),
    ]
    object.write(to: &writer)
  }
}

extension [String: String] {
  fileprivate var mapped: JSONObject {
    var object = JSONObject()
    for (key, value) in sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
    return object
  }
}
