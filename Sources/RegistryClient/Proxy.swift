/// A proxy that connections go through, and what lets us into it. It is never printed with its password.
struct Proxy: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    /// By the method CONNECT, whatever is spoken with the registry behind it.
    case http
    case socks5
  }
  var kind: Kind
  var host: String
  var port: Int
  /// `NAME:PASSWORD`, for an HTTP proxy.
  var credentials: String?

  /// `http://NAME:PASSWORD@proxy.example:3128`, `socks5://proxy.example`, or without a scheme, which is http.
  ///
  /// - Throws: the reason in words that hold nothing of the text: it may have a password in it.
  init(_ text: String) throws(RegistryFailure) {
    var rest = Substring(text)
    var scheme = "http"
    if let mark = rest.firstRange(of: "://") {
      scheme = rest[..<mark.lowerBound].lowercased()
      rest = rest[mark.upperBound...]
    }
    switch scheme {
    case "http": kind = .http
    case "socks5", "socks5h": kind = .socks5
    case "https":
      throw RegistryFailure(
        "a proxy that is itself spoken to over TLS (https://) is not supported", hint: "give it as http://HOST:PORT")
    default: throw RegistryFailure("it is no address of a proxy", hint: "it is http://HOST:PORT or socks5://HOST:PORT")
    }
    rest = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if let at = rest.lastIndex(of: "@") {
      guard let decoded = percentDecoded(rest[..<at]) else {
        throw RegistryFailure("the user name or the password in it is not escaped as %XX")
      }
      guard kind == .http else { throw RegistryFailure("a SOCKS proxy with a password is not supported") }
      credentials = decoded.contains(":") ? decoded : decoded + ":"
      rest = rest[rest.index(after: at)...]
    }
    guard let address = WebAddress("http://\(rest)") else {
      throw RegistryFailure("it is no address of a proxy", hint: "it is http://HOST:PORT or socks5://HOST:PORT")
    }
    // What connects wants an IPv6 address without its brackets.
    host = String(address.host.drop { $0 == "[" }.prefix { $0 != "]" })
    port = address.port ?? (kind == .http ? 80 : 1080)
  }

  /// For errors: without what lets us in.
  var shown: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension Proxy: CustomStringConvertible {
  var description: String { shown }
}

/// The text with each %XX as the byte that it stands for; nil where that is none, or no UTF-8.
func percentDecoded(_ text: Substring) -> String? {
  var bytes: [UInt8] = []
  var rest = text.utf8[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal) else {
      return nil
    }
    bytes.append(high << 4 | low)
  }
  return String(validating: bytes, as: UTF8.self)
}

private func hexadecimal(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}
