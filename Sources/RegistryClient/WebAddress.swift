/// An http or https URL (RFC 3986), as far as registries need one. Nothing else becomes one: neither file: nor a user's
/// name and password in front of the host.
struct WebAddress: Hashable, Sendable {
  var isEncrypted: Bool
  /// Lower case; an IPv6 address in its brackets.
  var host: String
  /// Nil is the scheme's own.
  var port: Int?
  /// Begins with a slash.
  var path: String
  /// Without the question mark.
  var query: String?

  init(isEncrypted: Bool, authority: String, path: String = "/") {
    self.isEncrypted = isEncrypted
    (host, port) = Self.split(authority) ?? (authority, nil)
    self.path = path
  }

  /// Nil for what is no such URL.
  init?(_ text: String) {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    switch text[..<colon].lowercased() {
    case "https": isEncrypted = true
    case "http": isEncrypted = false
    default: return nil
    }
    var rest = text[text.index(after: colon)...]
    guard rest.hasPrefix("//"), Self.isPrintable(rest) else { return nil }
    rest = rest.dropFirst(2)
    if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard let (host, port) = Self.split(String(rest[..<end])) else { return nil }
    (self.host, self.port) = (host, port)
    (path, query) = Self.splitQuery(rest[end...])
  }

  private static func isPrintable(_ text: Substring) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } }

  private static func splitQuery(_ text: Substring) -> (path: String, query: String?) {
    let mark = text.firstIndex(of: "?") ?? text.endIndex
    let path = text[..<mark]
    return (path.isEmpty ? "/" : String(path), mark == text.endIndex ? nil : String(text[text.index(after: mark)...]))
  }

  private static func split(_ authority: String) -> (host: String, port: Int?)? {
    var host = Substring(authority)
    var port: Int?
    if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
      let digits = host[host.index(after: colon)...]
      guard let number = Int(digits), (1...65535).contains(number), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
      else { return nil }
      (port, host) = (number, host[..<colon])
    }
    // An @ would put somebody's password in front of the host.
    let isHost = host.utf8.allSatisfy { byte in
      (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a || byte >= 0x30 && byte <= 0x39 || "-._:[]".utf8.contains(byte)
    }
    guard isHost, !host.isEmpty else { return nil }
    return (host.lowercased(), port)
  }

  /// `registry.example:5000`
  var authority: String { port.map { "\(host):\($0)" } ?? host }

  var effectivePort: Int { port ?? (isEncrypted ? 443 : 80) }

  /// Whether both lead to the same program: what may see the same secrets.
  func hasSameOrigin(as other: WebAddress) -> Bool {
    isEncrypted == other.isEncrypted && host == other.host && effectivePort == other.effectivePort
  }

  /// Whether no other machine can be at its end.
  var isLoopback: Bool {
    host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]"
      || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 0x2e || $0 >= 0x30 && $0 <= 0x39 }
  }

  /// Where a `Location` leads from here (RFC 3986 5.2, without dot segments). Nil for what no client may follow.
  func resolving(_ location: String) -> WebAddress? {
    if location.hasPrefix("//") { return WebAddress((isEncrypted ? "https:" : "http:") + location) }
    let scheme = location.prefix { $0 != ":" && $0 != "/" && $0 != "?" && $0 != "#" }
    if location[scheme.endIndex...].hasPrefix(":") { return WebAddress(location) }
    guard !location.isEmpty, Self.isPrintable(Substring(location)) else { return nil }
    var target = self
    let plain = location.prefix { $0 != "#" }
    if plain.hasPrefix("/") {
      (target.path, target.query) = Self.splitQuery(plain)
    } else if plain.hasPrefix("?") {
      target.query = String(plain.dropFirst())
    } else {
      let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
      (target.path, target.query) = Self.splitQuery(Substring(folder + plain))
    }
    return target
  }

  /// The same with one more parameter, its value escaped.
  func adding(_ name: String, _ value: String) -> WebAddress {
    var changed = self
    let parameter = "\(percentEncoded(name))=\(percentEncoded(value))"
    changed.query = query.map { $0.isEmpty ? parameter : "\($0)&\(parameter)" } ?? parameter
    return changed
  }

  func appending(_ path: String) -> WebAddress {
    var changed = self
    changed.path = (self.path.hasSuffix("/") ? String(self.path.dropLast()) : self.path) + path
    return changed
  }
}

extension WebAddress: CustomStringConvertible {
  var description: String {
    "\(isEncrypted ? "https" : "http")://\(authority)\(path)\(query.map { "?\($0)" } ?? "")"
  }

  /// For errors and logs: a query may hold a signature that lets its bearer in.
  var shown: String { "\(isEncrypted ? "https" : "http")://\(authority)\(path)" }
}

/// Everything but the unreserved characters of RFC 3986 as %XX.
func percentEncoded(_ text: String) -> String {
  let digits = Array("0123456789ABCDEF".utf8)
  var bytes: [UInt8] = []
  for byte in text.utf8 {
    let isPlain =
      (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a || byte >= 0x30 && byte <= 0x39 || "-._~".utf8.contains(byte)
    if isPlain { bytes.append(byte) } else { bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
  }
  return String(decoding: bytes, as: UTF8.self)
}
