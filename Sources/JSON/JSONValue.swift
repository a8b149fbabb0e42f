/// A document as a tree, for where no model is worth its lines and time does not matter.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// Members in the order of their first appearance, each with its last value.
package struct JSONObject: Hashable, Sendable {
  package private(set) var keys: [String] = []
  private var values: [String: JSONValue] = [:]

  package init() {}

  package var count: Int { keys.count }

  package subscript(key: String) -> JSONValue? {
    get { values[key] }
    set {
      if let newValue {
        if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
      } else if values.removeValue(forKey: key) != nil {
        keys.removeAll { $0 == key }
      }
    }
  }

  /// Two objects are equal whatever the order of their members.
  package static func == (a: JSONObject, b: JSONObject) -> Bool { a.values == b.values }
  package func hash(into hasher: inout Hasher) { hasher.combine(values) }
}

// MARK: - Access; nil where the value is of another kind

extension JSONValue {
  package subscript(key: String) -> JSONValue? { object?[key] }
  package subscript(index: Int) -> JSONValue? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
  package var array: [JSONValue]? { if case .array(let array) = self { array } else { nil } }
  package var string: String? { if case .string(let string) = self { string } else { nil } }
  package var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
  package var isNull: Bool { self == .null }

  package var integer: Int64? { if case .number(.integer(let value)) = self { value } else { nil } }
  package var unsigned: UInt64? {
    switch self {
    case .number(.integer(let value)): UInt64(exactly: value)
    case .number(.unsigned(let value)): value
    default: nil
    }
  }
  package var double: Double? {
    switch self {
    case .number(.integer(let value)): Double(value)
    case .number(.unsigned(let value)): Double(value)
    case .number(.double(let value)): value
    default: nil
    }
  }
}

// MARK: - In and out

extension JSONValue: JSONReadable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    switch reader.kindOfNext() {
    case .object:
      var object = JSONObject()
      try reader.beginObject()
      while let key = try reader.nextKey() { object[key] = try JSONValue(from: &reader) }
      self = .object(object)
    case .array: self = .array(try reader.list())
    case .string: self = .string(try reader.string())
    case .number: self = .number(try reader.number())
    case .bool: self = .bool(try reader.bool())
    case .null:

      _ = try reader.readNull()
      self = .null
    case nil: throw reader.error("expected a value, found \(reader.found)")
    }
  }
}

extension JSONValue: JSONWritable {
  package func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .bool(let value): writer.bool(value)
    case .number(.integer(let value)): writer.integer(value)
    case .number(.unsigned(let value)): writer.integer(value)
    case .number(.double(let value)): writer.double(value)
    case .string(let value): writer.string(value)
    case .array(let values): writer.array { for value in values { value.write(to: &$0) } }
    case .object(let object): writer.object { for key in object.keys { $0.member(key, object[key]) } }
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .number(.integer(value)) }
  package init(floatLiteral value: Double) { self = .number(.double(value)) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
