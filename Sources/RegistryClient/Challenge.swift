/// What a registry asks for with status 401 (RFC 9110 section 11.6.1; distribution's token specification).
struct Challenge: Hashable, Sendable {
  /// Lower case: `bearer`, `basic`.
  var scheme: String
  /// Names in lower case: `realm`, `service`, `scope`.
  var parameters: [String: String]

  /// All challenges of the `WWW-Authenticate` headers.
  static func parse(_ headers: [String]) -> [Challenge] { headers.flatMap { parse($0) } }

  private static func parse(_ header: String) -> [Challenge] {
    var found: [Challenge] = []
    var scanner = Scanner(Array(header.utf8))
    while true {
      scanner.skip { $0 == UInt8(ascii: ",") || $0 == 0x20 || $0 == 0x09 }
      guard let word = scanner.token() else { return found }
      scanner.skip { $0 == 0x20 || $0 == 0x09 }
      // A word with an equals sign behind it is a parameter of the challenge that began before.
      if scanner.take(UInt8(ascii: "=")) {
        scanner.skip { $0 == 0x20 || $0 == 0x09 }
        guard let value = scanner.value(), !found.isEmpty else { return found }
        found[found.count - 1].parameters[word.lowercased()] = value
      } else {
        found.append(Challenge(scheme: word.lowercased(), parameters: [:]))
      }
    }
  }

  private struct Scanner {
    let bytes: [UInt8]
    var position = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ isSkipped: (UInt8) -> Bool) {
      while position < bytes.count, isSkipped(bytes[position]) { position += 1 }
    }

    mutating func take(_ byte: UInt8) -> Bool {
      guard position < bytes.count, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    mutating func token() -> String? {
      let start = position
      skip { $0 > 0x20 && $0 < 0x7f && !"=,\"".utf8.contains($0) }
      return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    mutating func value() -> String? {
      guard take(UInt8(ascii: "\"")) else { return token() }
      var text: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
        if byte == UInt8(ascii: "\\"), position < bytes.count {
          text.append(bytes[position])
          position += 1
        } else {
          text.append(byte)
        }
      }
      return nil
    }
  }
}
