/// Walks over a document value by value; the caller says what it expects next.
///
/// ```
/// try reader.beginObject()
/// while let key = try reader.nextMember() {
///   switch key {
///   case "path": path = try reader.string()
///   default: try reader.skip()
///   }
/// }
/// ```
package struct JSONReader: Sendable {
  let bytes: [UInt8]
  let limits: JSONLimits
  /// Whoever reads may skip what is long, which its caller does not need or has in another form.
  package var isBrief = false
  var position = 0
  private var frames: [Frame] = []
  private var valueCount = 0

  /// An open object or array: only what the path of an error needs, so that walking allocates nothing.
  private struct Frame {
    var isObject: Bool
    /// Members or elements that were begun.
    var count = 0
    /// The current key's bytes between the quotes, still escaped.
    var keyStart = 0
    var keyEnd = 0
  }

  package init(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
    self.bytes = bytes
    self.limits = limits
    frames.reserveCapacity(16)
    if bytes.count > limits.length {
      throw JSONError(path: "", offset: limits.length, reason: "longer than \(limits.length) bytes")
    }
  }

  /// Nothing but white space may follow the value.
  package mutating func finish() throws(JSONError) {
    skipWhiteSpace()
    if position < bytes.count { throw error("unexpected \(found) after the end of the document") }
  }

  // MARK: Objects and arrays

  package mutating func beginObject() throws(JSONError) {
    try begin(UInt8(ascii: "{"), "an object", isObject: true)
  }

  /// The next key; nil when the object has ended. The value must be read or skipped before the next call.
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try advance(closing: UInt8(ascii: "}"), "'}'") else { return nil }
    guard peek() == UInt8(ascii: "\"") else { throw error("expected a member name, found \(found)") }
    let token = try scanString()
    frames[frames.count - 1].keyStart = token.start
    frames[frames.count - 1].keyEnd = token.end
    let key = try text(of: token)
    skipWhiteSpace()
    guard peek() == UInt8(ascii: ":") else { throw error("expected ':', found \(found)") }
    position += 1
    return key
  }

  /// The next key whose value is not null: to Go, a null member is as good as an absent one, for every type.
  package mutating func nextMember() throws(JSONError) -> String? {
    while let key = try nextKey() {
      if try !readNull() { return key }
    }
    return nil
  }

  package mutating func beginArray() throws(JSONError) {
    try begin(UInt8(ascii: "["), "an array", isObject: false)
  }

  /// Whether there is another element, to be read next; false when the array has ended.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try advance(closing: UInt8(ascii: "]"), "']'")
  }

  private mutating func begin(_ bracket: UInt8, _ expected: StaticString, isObject: Bool) throws(JSONError) {
    try beginValue()
    guard peek() == bracket else { throw error("expected \(expected), found \(found)") }
    if frames.count >= limits.depth { throw error("nested deeper than \(limits.depth)") }
    position += 1
    frames.append(Frame(isObject: isObject))
  }

  /// Moves over the comma to the next item, or over the closing bracket.
  private mutating func advance(closing bracket: UInt8, _ expected: StaticString) throws(JSONError) -> Bool {
    skipWhiteSpace()
    let top = frames.count - 1
    precondition(top >= 0, "no object or array is open")
    if peek() == bracket {
      position += 1
      frames.removeLast()
      return false
    }
    if frames[top].count > 0 {
      guard peek() == UInt8(ascii: ",") else { throw error("expected ',' or \(expected), found \(found)") }
      position += 1
      skipWhiteSpace()
    }
    frames[top].count += 1
    return true
  }

  // MARK: Values

  /// Whether the next value is null; it is consumed then.
  package mutating func readNull() throws(JSONError) -> Bool {
    skipWhiteSpace()
    guard peek() == UInt8(ascii: "n") else { return false }
    try beginValue()
    try literal("null")
    return true
  }

  package mutating func bool() throws(JSONError) -> Bool {
    try beginValue()
    switch peek() {
    case UInt8(ascii: "t"):
      try literal("true")
      return true
    case UInt8(ascii: "f"):
      try literal("false")
      return false
    default: throw error("expected true or false, found \(found)")
    }
  }

  package mutating func string() throws(JSONError) -> String {
    try beginValue()
    guard peek() == UInt8(ascii: "\"") else { throw error("expected a string, found \(found)") }
    return try text(of: scanString())
  }

  /// Moves over one value of any kind, which is checked all the same.
  package mutating func skip() throws(JSONError) {
    switch kindOfNext() {
    case .object:
      try beginObject()
      while try nextKey() != nil { try skip() }
    case .array:
      try beginArray()
      while try nextElement() { try skip() }
    case .string: try skipString()
    case .number: _ = try number()
    case .bool: _ = try bool()
    case .null: _ = try readNull()
    case nil: throw error("expected a value, found \(found)")
    }
  }

  package enum Kind: Hashable, Sendable { case object, array, string, number, bool, null }

  /// What the next value begins like; nil where no value can begin.
  package mutating func kindOfNext() -> Kind? {
    skipWhiteSpace()
    switch peek() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    default: return nil
    }
  }

  // MARK: Steps of the scanner

  mutating func beginValue() throws(JSONError) {
    skipWhiteSpace()
    valueCount += 1
    if valueCount > limits.values { throw error("more than \(limits.values) values") }
  }

  @inline(__always)
  mutating func skipWhiteSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0a, 0x0d, 0x09: position += 1
      default: return
      }
    }
  }

  /// The byte at the position; 0, which no token begins with, at the end.
  @inline(__always)
  func peek() -> UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func literal(_ word: StaticString) throws(JSONError) {
    let start = position
    for letter in word.description.utf8 {
      guard peek() == letter else { throw error("expected '\(word)'", at: start) }
      position += 1
    }
  }

  // MARK: Errors

  /// An error where the reader stands: for what only the caller can know to be wrong.
  package func error(_ reason: String, at offset: Int? = nil) -> JSONError {
    JSONError(path: path, offset: offset ?? position, reason: reason)
  }

  /// What stands at the position, in words.
  var found: String {
    guard position < bytes.count else { return "the end" }
    switch bytes[position] {
    case UInt8(ascii: "{"): return "an object"
    case UInt8(ascii: "["): return "an array"
    case UInt8(ascii: "\""): return "a string"
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return "a number"
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return "a boolean"
    case UInt8(ascii: "n"): return "null"
    case 0x21...0x7e: return "'\(Character(Unicode.Scalar(bytes[position])))'"
    default: return "byte 0x\(String(bytes[position], radix: 16))"
    }
  }

  /// The way to the current value.
  package var path: String {
    var path = ""
    for frame in frames where frame.count > 0 {
      if !frame.isObject {
        path += "[\(frame.count - 1)]"
        continue
      }
      let key = String(decoding: bytes[frame.keyStart..<frame.keyEnd], as: UTF8.self)
      let isPlain =
        !key.isEmpty
        && key.utf8.allSatisfy {
          ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a || $0 == 0x5f || ($0 >= 0x30 && $0 <= 0x39)
        }
      if !isPlain {
        path += "[\"\(key)\"]"
      } else {
        path += path.isEmpty ? key : ".\(key)"
      }
    }
    return path
  }
}
