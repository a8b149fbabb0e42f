internal import JSON

/// `volume.json`
struct VolumeRecord: JSONReadable, JSONWritable {
  var created: String
  var labels: [String: String]
  /// `-o` of its maker; empty for a directory of the store.
  var options: [String: String]
  /// A container has had it, so what the image has was copied.
  var isUsed: Bool
  /// All of what the image has is in it, below one name, and is being moved up.
  var isFilling = false

  init(created: String, labels: [String: String], options: [String: String] = [:], isUsed: Bool) {
    self.created = created
    self.labels = labels
    self.options = options
    self.isUsed = isUsed
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(created: "", labels: [:], isUsed: false)
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "created": created = try reader.string()
      case "labels": labels = try reader.stringMap()
      case "options": options = try reader.stringMap()
      case "isFilling": isFilling = try reader.bool()
      case "isUsed": isUsed = try reader.bool()
      default: try reader.skip()
      }
    }
  }

  func write(to writer: inout JSONWriter) {
    var object: JSONObject = JSONObject()
    object["created"] = .string(created)
    object["isUsed"] = .bool(isUsed)
    object["labels"] = .object(labels.mapped)
    if !options.isEmpty { object["options"] = .object(options.mapped) }
    if isFilling { object["isFilling"] = .bool(true) }
    JSONValue.object(object).write(to: &writer)
  }
}

extension [String: String] {
  fileprivate var mapped: JSONObject {
    var object = JSONObject()
    for (key, value) in sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
    return object
  }
}
