// A member and its value in one call. A nil value leaves the member out, as `omitempty` does in Go.

extension JSONWriter {
  package mutating func member(_ name: String, _ value: String?) {
    guard let value else { return }
    key(name)
    string(value)
  }

  package mutating func member(_ name: String, _ value: Bool?) {
    guard let value else { return }
    key(name)
    bool(value)
  }

  package mutating func member(_ name: String, _ value: (some BinaryInteger)?) {
    guard let value else { return }
    key(name)
    integer(value)
  }

  package mutating func member(_ name: String, _ value: Double?) {
    guard let value else { return }
    key(name)
    double(value)
  }

  package mutating func member(_ name: String, _ value: (some JSONWritable)?) {
    guard let value else { return }
    key(name)
    value.write(to: &self)
  }

  package mutating func member(_ name: String, _ values: [String]?) {
    guard let values else { return }
    key(name)
    array { for value in values { $0.string(value) } }
  }

  package mutating func member(_ name: String, _ values: [some BinaryInteger]?) {
    guard let values else { return }
    key(name)
    array { for value in values { $0.integer(value) } }
  }

  package mutating func member(_ name: String, _ values: [some JSONWritable]?) {
    guard let values else { return }
    key(name)
    array { for value in values { value.write(to: &$0) } }
  }

  package mutating func member(_ name: String, _ map: [String: String]?) {
    guard let map else { return }
    key(name)
    object { for (name, value) in map.sorted(by: { $0.key < $1.key }) { $0.member(name, value) } }
  }

  package mutating func member(_ name: String, _ map: [String: some JSONWritable]?) {
    guard let map else { return }
    key(name)
    object { for (name, value) in map.sorted(by: { $0.key < $1.key }) { $0.member(name, value) } }
  }

  /// A member that is an object.
  package mutating func member(_ name: String, object body: (inout JSONWriter) -> Void) {
    key(name)
    object(body)
  }

  /// A member that is an array.
  package mutating func member(_ name: String, array body: (inout JSONWriter) -> Void) {
    key(name)
    array(body)
  }
}
