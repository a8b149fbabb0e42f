extension JSONReader {
  package mutating func strings() throws(JSONError) -> [String] {
    var list: [String] = []
    try beginArray()
    while try nextElement() { list.append(try string()) }
    return list
  }

  package mutating func integers<Value: FixedWidthInteger>(
    _ type: Value.Type = Value.self
  ) throws(JSONError) -> [Value] {
    var list: [Value] = []
    try beginArray()
    while try nextElement() { list.append(try integer(type)) }
    return list
  }

  package mutating func list<Element: JSONReadable>(
    of type: Element.Type = Element.self
  ) throws(JSONError) -> [Element] {
    var list: [Element] = []
    try beginArray()
    while try nextElement() { list.append(try Element(from: &self)) }
    return list
  }

  /// An object whose values are all strings.
  package mutating func stringMap() throws(JSONError) -> [String: String] {
    var map: [String: String] = [:]
    try beginObject()
    while let key = try nextKey() { map[key] = try string() }
    return map
  }

  package mutating func map<Value: JSONReadable>(
    of type: Value.Type = Value.self
  ) throws(JSONError) -> [String: Value] {
    var map: [String: Value] = [:]
    try beginObject()
    while let key = try nextKey() { map[key] = try Value(from: &self) }
    return map
  }

  package mutating func value<Value: JSONReadable>(_ type: Value.Type = Value.self) throws(JSONError) -> Value {
    try Value(from: &self)
  }
}
