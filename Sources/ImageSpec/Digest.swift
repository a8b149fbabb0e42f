package import JSON

/// The SHA-256 of some bytes: what content is called by. It becomes a file name, so nothing but 64 lower-case hexadecimal
/// digits ever gets in (CVE-2024-3727: `sha256:../../x`).
package struct Digest: Hashable, Sendable {
  /// The 64 digits.
  package let hex: String

  /// - Parameter text: `sha256:` and 64 digits. Other algorithms are refused: nothing that is read here uses one.
  package init(_ text: String) throws(ImageSpecError) {
    let prefix = "sha256:"
    guard text.utf8.starts(with: prefix.utf8) else {
      throw ImageSpecError("digest \(shown(text)) is not sha256:…")
    }
    guard let digest = Digest(hex: String(Substring(text.utf8.dropFirst(prefix.utf8.count)))) else {
      throw ImageSpecError("digest \(shown(text)) has not 64 lower-case hexadecimal digits")
    }
    self = digest
  }

  /// Nil when it is not 64 lower-case hexadecimal digits.
  package init?(hex: String) {
    guard hex.utf8.count == 64, hex.utf8.allSatisfy({ isLowerHex($0) }) else { return nil }
    self.hex = hex
  }

  /// The 32 bytes that a hash function gave.
  package init(sha256 bytes: [UInt8]) {
    precondition(bytes.count == 32, "a SHA-256 is 32 bytes")
    let digits = Array("0123456789abcdef".utf8)
    var hex: [UInt8] = []
    hex.reserveCapacity(64)
    for byte in bytes {
      hex.append(digits[Int(byte >> 4)])
      hex.append(digits[Int(byte & 15)])
    }
    self.hex = String(decoding: hex, as: UTF8.self)
  }

  /// The first twelve digits, as lists show an image.
  package var short: String { String(hex.prefix(12)) }
}

extension Digest: CustomStringConvertible {
  /// `sha256:…`
  package var description: String { "sha256:\(hex)" }
}

extension Digest: JSONReadable, JSONWritable {
  package init(from reader: inout JSONReader) throws(JSONError) {
    let text = try reader.string()
    do throws(ImageSpecError) { try self.init(text) } catch { throw reader.error(error.reason) }
  }
  package func write(to writer: inout JSONWriter) { writer.string(description) }
}

func isLowerHex(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x66 }

/// Text from outside in quotes, cut short and without control characters, for an error message.
func shown(_ text: String) -> String {
  let start = text.unicodeScalars.prefix(80)
  let clean = String(String.UnicodeScalarView(start.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
  return "\"\(clean)\(start.count < text.unicodeScalars.count ? "…" : "")\""
}
