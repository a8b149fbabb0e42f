/// Writes one document. Members stand in the order in which they were written; maps are sorted by key, so equal values are
/// equal bytes.
package struct JSONWriter: Sendable {
  package enum Style: Hashable, Sendable {
    /// Nothing that could be left out.
    case compact
    /// One member a line, two spaces a level.
    case pretty
    /// One member a line, a tab a level and no newline at the end: what Go's programs write for people to edit.
    case tabs
  }

  private let style: Style
  private var bytes: [UInt8] = []
  private var depth = 0
  /// Whether the next item is the first of its object or array.
  private var isFirst = true
  /// Whether a key was just written, so that the next value stands behind it.
  private var isAfterKey = false

  package init(_ style: Style = .compact) { self.style = style }

  /// The document.
  package consuming func finish() -> [UInt8] {
    precondition(depth == 0, "an object or array was not ended")
    if style == .pretty { bytes.append(0x0a) }
    return bytes
  }

  // MARK: Objects and arrays

  package mutating func beginObject() { begin(UInt8(ascii: "{")) }
  package mutating func endObject() { end(UInt8(ascii: "}")) }
  package mutating func beginArray() { begin(UInt8(ascii: "[")) }
  package mutating func endArray() { end(UInt8(ascii: "]")) }

  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    beginObject()
    body(&self)
    endObject()
  }

  package mutating func array(_ body: (inout JSONWriter) -> Void) {
    beginArray()
    body(&self)
    endArray()
  }

  package mutating func key(_ key: String) {
    separate()
    appendQuoted(key)
    bytes.append(UInt8(ascii: ":"))
    if style != .compact { bytes.append(0x20) }
    isAfterKey = true
  }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    depth += 1
    isFirst = true
  }

  private mutating func end(_ bracket: UInt8) {
    depth -= 1
    if !isFirst { breakLine() }
    bytes.append(bracket)
    isFirst = false
  }

  private mutating func separate() {
    if isAfterKey {
      isAfterKey = false
      return
    }
    if depth > 0 {
      if !isFirst { bytes.append(UInt8(ascii: ",")) }
      breakLine()
    }
    isFirst = false
  }

  private mutating func breakLine() {
    guard style != .compact else { return }
    bytes.append(0x0a)
    let isTabs = style == .tabs
    bytes.append(contentsOf: repeatElement(isTabs ? 0x09 : 0x20, count: isTabs ? depth : depth * 2))
  }

  // MARK: Values

  package mutating func null() { raw("null") }
  package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
  package mutating func integer(_ value: some BinaryInteger) { raw(String(value)) }

  /// JSON has no infinity and no NaN: those become null.
  package mutating func double(_ value: Double) { raw(value.isFinite ? value.description : "null") }

  package mutating func string(_ value: String) {
    separate()
    appendQuoted(value)
  }

  private mutating func raw(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0a: bytes.append(contentsOf: "\\n".utf8)
      case 0x0d: bytes.append(contentsOf: "\\r".utf8)
      case 0x09: bytes.append(contentsOf: "\\t".utf8)
      case ..<0x20, 0x7f:
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
