internal import Kernel

/// Which proxy leads to an address: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the same in lower case, by the rules of
/// Go's httpproxy package (golang.org/x/net/http/httpproxy), which docker, podman and skopeo go by.
struct ProxyRules: Hashable, Sendable {
  private var encrypted: Proxy?
  private var plain: Proxy?
  /// What is reached without one.
  private var exceptions: [Exception] = []
  private var reachesAllDirectly = false

  private enum Exception: Hashable, Sendable {
    /// An address, all of whose first bits count, and a port if one was given.
    case network(bytes: [UInt8], bits: Int, port: Int?)
    /// `.example.com`; whether example.com itself is meant too, and a port.
    case domain(suffix: String, includesItself: Bool, port: Int?)
  }

  /// - Parameter value: what a variable of the environment says.
  init(_ value: (String) -> String?) throws(RegistryFailure) {
    func first(_ names: String...) -> (name: String, text: String)? {
      for name in names { if let text = value(name), !text.isEmpty { return (name, text) } }
      return nil
    }
    func proxy(_ found: (name: String, text: String)?) throws(RegistryFailure) -> Proxy? {
      guard let found else { return nil }
      do throws(RegistryFailure) { return try Proxy(found.text) } catch {
        throw RegistryFailure("\(found.name) is refused: \(error.message)", hint: error.hint)
      }
    }
    encrypted = try proxy(first("HTTPS_PROXY", "https_proxy"))
    // Whoever calls a CGI program chooses HTTP_PROXY by a header called Proxy (httpoxy, CVE-2016-5385).
    plain = try value("REQUEST_METHOD") == nil ? proxy(first("HTTP_PROXY", "http_proxy")) : nil
    for word in (first("NO_PROXY", "no_proxy")?.text ?? "").lowercased().split(separator: ",") {
      let entry = word.drop { $0 == " " || $0 == "\t" }
      let trimmed = String(entry.prefix { $0 != " " && $0 != "\t" })
      if trimmed == "*" { reachesAllDirectly = true }
      if let exception = Self.exception(trimmed) { exceptions.append(exception) }
    }
  }

  private static func exception(_ text: String) -> Exception? {
    if let slash = text.firstIndex(of: "/") {
      guard let bytes = addressBytes(text[..<slash]), let bits = Int(text[text.index(after: slash)...]),
        (0...bytes.count * 8).contains(bits)
      else { return nil }
      return .network(bytes: bytes, bits: bits, port: nil)
    }
    var host = Substring(text)
    var port: Int?
    // A colon with others before it belongs to an IPv6 address, unless brackets say where that ends.
    if let colon = host.lastIndex(of: ":"), host[..<colon].hasSuffix("]") || !host[..<colon].contains(":") {
      guard let number = Int(host[host.index(after: colon)...]) else { return nil }
      (host, port) = (host[..<colon], number)
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    if let bytes = addressBytes(host) { return .network(bytes: bytes, bits: bytes.count * 8, port: port) }
    if host.hasPrefix("*.") { host = host.dropFirst() }
    guard !host.isEmpty else { return nil }
    return host.hasPrefix(".")
      ? .domain(suffix: String(host), includesItself: false, port: port)
      : .domain(suffix: ".\(host)", includesItself: true, port: port)
  }

  /// Nil for what is reached directly: this machine always is.
  func proxy(for address: WebAddress) -> Proxy? {
    guard let proxy = address.isEncrypted ? encrypted : plain, !reachesAllDirectly else { return nil }
    let host = address.host.hasPrefix("[") ? String(address.host.dropFirst().dropLast()) : address.host
    if host == "localhost" { return nil }
    let bytes = addressBytes(host)
    if let bytes, bytes.count == 4 ? bytes[0] == 127 : bytes == [UInt8](repeating: 0, count: 15) + [1] { return nil }
    let isException = exceptions.contains { exception in
      switch exception {
      case .network(let network, let bits, let port):
        guard let bytes, bytes.count == network.count else { return false }
        return (port == nil || port == address.effectivePort) && Self.agree(bytes, network, bits)
      case .domain(let suffix, let includesItself, let port):
        guard port == nil || port == address.effectivePort else { return false }
        return host.hasSuffix(suffix) || includesItself && host == suffix.dropFirst()
      }
    }
    return isException ? nil : proxy
  }

  private static func agree(_ a: [UInt8], _ b: [UInt8], _ bits: Int) -> Bool {
    let (whole, rest) = (bits / 8, bits % 8)
    guard a[..<whole] == b[..<whole] else { return false }
    return rest == 0 || (a[whole] ^ b[whole]) >> UInt8(8 - rest) == 0
  }
}

/// The 4 or 16 bytes of an address; nil for a name. An IPv4 address in IPv6's clothes is the IPv4 address.
func addressBytes(_ text: some StringProtocol) -> [UInt8]? {
  if let address = IPv4Address(text) { return address.bytes }
  guard text.contains(":") else { return nil }
  let whole = Substring(text)
  let gap = whole.firstRange(of: "::")
  guard let front = groups(whole[..<(gap?.lowerBound ?? whole.endIndex)], isLast: gap == nil),
    let back = gap.map({ groups(whole[$0.upperBound...], isLast: true) }) ?? []
  else { return nil }
  let missing = 16 - front.count - back.count
  guard gap != nil ? missing >= 2 : missing == 0 else { return nil }
  let bytes = front + [UInt8](repeating: 0, count: missing) + back
  return bytes[..<12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff][...] ? Array(bytes[12...]) : bytes
}

/// Groups of four hexadecimal digits; the last of an address may be an IPv4 address.
private func groups(_ text: Substring, isLast: Bool) -> [UInt8]? {
  if text.isEmpty { return [] }
  var bytes: [UInt8] = []
  let parts = text.split(separator: ":", omittingEmptySubsequences: false)
  for (index, part) in parts.enumerated() {
    if isLast, index == parts.count - 1, let address = IPv4Address(part) {
      bytes += address.bytes
      continue
    }
    guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
      let value = UInt16(part, radix: 16)
    else { return nil }
    bytes += [UInt8(value >> 8), UInt8(value & 255)]
  }
  return bytes.count <= 16 ? bytes : nil
}
