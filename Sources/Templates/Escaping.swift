/// Text for places where some characters mean something.
enum Escaping {
  static func html(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&#34;"
      case "'": "&#39;"
      case "\0": "\u{fffd}"
      default: String(scalar)
      }
    }.joined()
  }

  static func javaScript(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "\\": "\\\\"
      case "'": "\\'"
      case "\"": "\\\""
      case "<", ">", "&", "=": "\\u00" + String(scalar.value, radix: 16, uppercase: true)
      case let control where control.value < 0x20:
        "\\u00" + (control.value < 16 ? "0" : "") + String(control.value, radix: 16, uppercase: true)
      default: String(scalar)
      }
    }.joined()
  }

  static func query(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: String(UnicodeScalar(byte))
      case 0x20: "+"
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }

  /// As a literal of Go's: `"a\n\"b\""`.
  static func quoted(_ text: String) -> String {
    let simple: [Unicode.Scalar: String] = [
      "\"": "\\\"", "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\u{7}": "\\a", "\u{8}": "\\b",
      "\u{b}": "\\v", "\u{c}": "\\f",
    ]
    let body = text.unicodeScalars.map { scalar in
      if let known = simple[scalar] { return known }
      guard scalar.value < 0x20 || scalar.value == 0x7f else { return String(scalar) }
      return "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
    }.joined()
    return "\"\(body)\""
  }
}
