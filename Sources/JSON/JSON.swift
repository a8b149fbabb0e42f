/// A bounds-checked pull parser and a writer for JSON (RFC 8259).
///
/// It is for the start path, where JSONDecoder costs more than a container (MEASURED.md). It may know bytes and numbers; it may
/// not know what any document means.
///
/// Strict where RFC 8259 leaves a choice: UTF-8 only and without a byte order mark, no lone surrogates, nothing after the
/// value. A member that occurs twice has its last value, as in Go's encoding/json, which wrote most of what is read here.

/// How much of an input from outside is believed.
package struct JSONLimits: Hashable, Sendable {
  /// Bytes of the whole document.
  package var length: Int
  /// Objects and arrays inside one another.
  package var depth: Int
  /// Values of any kind in the whole document: one byte such as `0` costs a parsed tree far more than a byte.
  package var values: Int
  /// Whether `\u0000` may occur in a string. The kernel would read it as the end of a name.
  package var allowsNUL: Bool

  package init(length: Int = 16 << 20, depth: Int = 128, values: Int = 1 << 20, allowsNUL: Bool = true) {
    self.length = length
    self.depth = depth
    self.values = values
    self.allowsNUL = allowsNUL
  }

  package static let standard = JSONLimits()
}

/// What is wrong with a document, and where.
package struct JSONError: Error, Hashable, Sendable {
  /// `linux.namespaces[2].type`; empty for the document itself.
  package var path: String
  /// Bytes from the start of the document.
  package var offset: Int
  package var reason: String

  package init(path: String, offset: Int, reason: String) {
    self.path = path
    self.offset = offset
    self.reason = reason
  }
}

extension JSONError: CustomStringConvertible {
  /// `linux.namespaces[2].type: expected a string, found a number (byte 1033)`
  package var description: String {
    path.isEmpty ? "\(reason) (byte \(offset))" : "\(path): \(reason) (byte \(offset))"
  }
}

/// What can be read from JSON where it stands.
package protocol JSONReadable {
  /// How much of a document of this type is believed.
  static var jsonLimits: JSONLimits { get }
  init(from reader: inout JSONReader) throws(JSONError)
}

/// What writes itself as one JSON value.
package protocol JSONWritable {
  func write(to writer: inout JSONWriter)
}

extension JSONReadable {
  package static var jsonLimits: JSONLimits { .standard }

  /// The whole document as one value, with nothing behind it.
  package init(parsing bytes: [UInt8], limits: JSONLimits? = nil, isBrief: Bool = false) throws(JSONError) {
    var reader = try JSONReader(bytes, limits: limits ?? Self.jsonLimits)
    reader.isBrief = isBrief
    self = try Self(from: &reader)
    try reader.finish()
  }
}

extension JSONWritable {
  /// The value as a whole document. Pretty ends in a newline, as a text file does.
  package func jsonBytes(_ style: JSONWriter.Style = .compact) -> [UInt8] {
    var writer = JSONWriter(style)
    write(to: &writer)
    return writer.finish()
  }

  package func jsonString(_ style: JSONWriter.Style = .compact) -> String {
    String(decoding: jsonBytes(style), as: UTF8.self)
  }
}
