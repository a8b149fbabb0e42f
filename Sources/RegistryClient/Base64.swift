/// Base64 with padding (RFC 4648 section 4): what Basic authentication and docker's config.json write.
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var encoded: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      word <<= UInt32(8 * (3 - group.count))
      for index in 0..<4 {
        let digit = alphabet[Int(word >> UInt32(18 - 6 * index)) & 63]
        encoded.append(index <= group.count ? digit : UInt8(ascii: "="))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  /// Nil for what is not Base64, or not UTF-8 inside. Padding may be left out, as some tools do.
  static func decode(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var (word, bits) = (UInt32(0), 0)
    for byte in text.utf8.reversed().drop(while: { $0 == UInt8(ascii: "=") }).reversed() {
      guard let digit = alphabet.firstIndex(of: byte) else { return nil }
      word = (word << 6 | UInt32(digit)) & 0xfff
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
