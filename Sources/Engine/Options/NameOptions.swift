internal import Arguments
package import Kernel

/// Docker's rule for names of containers, volumes and networks: a letter or digit, then letters, digits, `_`, `.` and `-`;
/// two at least. So a name is safe in a path.
package func isValidName(_ name: String) -> Bool {
  func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
  let bytes = Array(name.utf8)
  guard (2...128).contains(bytes.count), isAlphanumeric(bytes[0]) else { return false }
  return bytes.dropFirst().allSatisfy { isAlphanumeric($0) || [45, 46, 95].contains($0) }
}

package func parseName(_ text: String) throws(OptionError) -> String {
  // Docker's own output has names with a slash before them.
  let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
  if isValidName(name) { return name }
  throw OptionError("a name is a letter or digit, then letters, digits, _ . or -, two to 128 in all")
}

/// A host name of the container: what sethostname(2) takes and a line of /etc/hosts holds.
package func parseHostname(_ text: String) throws(OptionError) -> String {
  let isFine = text.utf8.allSatisfy { byte in
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || [45, 46, 95].contains(byte)
  }
  guard isFine, (1...64).contains(text.utf8.count), !text.hasPrefix("-"), !text.hasPrefix(".") else {
    throw OptionError("a host name is letters, digits, - . and _, at most 64 of them")
  }
  return text
}

/// `-w`: absolute, as the container sees it.
package func parseWorkingDirectory(_ text: String) throws(OptionError) -> String {
  guard text.hasPrefix("/") else { throw OptionError("it needs to be an absolute path") }
  if hasControlCharacters(text) { throw OptionError("it holds a control character") }
  return text
}

extension NetworkRequest {
  /// `--network`: `bridge`, `none`, `host`, `container:NAME`, `cni:NAME`, `pasta`, `slirp4netns[:OPTIONS]` or a network's name.
  package init(_ text: String) throws(OptionError) {
    switch text {
    case "bridge", "default": self = .bridge
    case "none": self = .none
    case "host": self = .host
    default:
      if text.hasPrefix("container:") {
        let name = String(text.dropFirst(10))
        guard isValidName(name) else { throw OptionError("container: needs a container's name or id after it") }
        self = .container(name)
      } else if text.hasPrefix("cni:") {
        guard text.utf8.count > 4 else {
          throw OptionError("cni: needs the name of a network in /etc/cni/net.d after it")
        }
        self = .plugins(String(text.dropFirst(4)))
      } else if text.hasPrefix("slirp4netns:") {
        _ = try SlirpOptions(mode: text)
        self = .named(text)
      } else if isValidName(text) {
        self = .named(text)
      } else {
        throw OptionError("expected bridge, none, host, container:NAME, cni:NAME or the name of a network")
      }
    }
  }
}

extension Label {
  /// `-l`: `NAME=VALUE`, or a name with an empty value.
  package init(label text: String) throws(OptionError) {
    let name = text.prefix { $0 != "=" }
    if name.isEmpty { throw OptionError("a label needs a name: NAME=VALUE") }
    if hasControlCharacters(String(name)) { throw OptionError("a label's name holds a control character") }
    self.init(name: String(name), value: String(text.dropFirst(name.count + 1)))
  }

  /// `--annotation`: `NAME=VALUE`, or a name with an empty value. Another runtime would read some as commands: a name is
  /// letters, digits and what stands in domain names and paths.
  package init(annotation text: String) throws(OptionError) {
    try self.init(label: text)
    if hasControlCharacters(value) { throw OptionError("the value of an annotation holds a control character") }
  }

  /// `--sysctl`: `net.ipv4.ip_forward=1`. Which ones a container may set is decided where the plan is made.
  package init(sysctl text: String) throws(OptionError) {
    let name = text.prefix { $0 != "=" }
    guard !name.isEmpty, name.count < text.count else {
      throw OptionError("expected NAME=VALUE, such as net.core.somaxconn=1024")
    }
    let value = String(text.dropFirst(name.count + 1))
    let isFine = name.utf8.allSatisfy { byte in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        || [45, 46, 47, 95].contains(byte)
    }
    guard isFine, !name.contains("..") else { throw OptionError("a sysctl's name is letters, digits, _ - and dots") }
    if hasControlCharacters(value) { throw OptionError("the value holds a control character") }
    // Both spellings of the same: sysctl(8) takes slashes too.
    self.init(name: String(name.map { $0 == "/" ? "." : $0 }), value: value)
  }

  /// `--add-host`: `NAME:ADDRESS` or `NAME=ADDRESS`; an address of IPv6 may stand in brackets, and `host-gateway` is the host
  /// as the container reaches it.
  package init(host text: String) throws(OptionError) {
    let name = text.prefix { $0 != ":" && $0 != "=" }
    var address = String(text.dropFirst(name.count + 1))
    if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
    guard !name.isEmpty else { throw OptionError("expected NAME:ADDRESS, such as db:10.0.0.5") }
    _ = try parseHostname(String(name))
    if address != Self.hostGateway { _ = try parseAddress(address) }
    self.init(name: String(name), value: address)
  }
}

extension Label {
  static let hostGateway = "host-gateway"
}

/// An address, as it stands in hosts and resolv.conf.
package func parseAddress(_ text: String) throws(OptionError) -> String {
  guard IPAddress(text) != nil else { throw OptionError("\"\(text)\" is no address, such as 10.0.0.5 or fd00::5") }
  return text
}

/// `--dns-search`: a domain, or `.` for none.
package func parseSearchDomain(_ text: String) throws(OptionError) -> String {
  let isFine = text.utf8.allSatisfy { byte in
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || [45, 46, 95].contains(byte)
  }
  guard isFine, (1...253).contains(text.utf8.count), text == "." || !text.hasPrefix("."), !text.hasPrefix("-") else {
    throw OptionError("a domain is letters, digits, - . and _, such as example.com; a single dot is none")
  }
  return text
}

/// `--dns-option`: a word of resolv.conf(5), such as `ndots:2`.
package func parseResolverOption(_ text: String) throws(OptionError) -> String {
  guard !text.isEmpty, text.utf8.count <= 255, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
    throw OptionError("expected one option of resolv.conf, such as ndots:2 or timeout:1")
  }
  return text
}

/// The lines of a `--label-file`: `NAME=VALUE`, or a name with an empty value; `#` before a comment.
package func parseLabelFile(_ bytes: [UInt8]) throws(OptionError) -> [Label] {
  // The same form as of variables, but that a name alone is a label too.
  try parseEnvironmentFile(bytes, host: { _ in "" }).map { (line) throws(OptionError) in try Label(label: line) }
}

/// `--since` and `--until` of `logs`: RFC 3339, seconds since the epoch, or how long ago. A time without a zone is UTC.
package func parseTime(_ text: String, now: Timestamp) throws(OptionError) -> Timestamp {
  if let time = Timestamp(rfc3339: text) { return time }
  if let ago = parseDuration(text), text != "0" { return now.adding(nanoseconds: ago == .min ? .max : -ago) }
  let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
  let fraction = parts.count > 1 ? parts[1] : "0"
  if let seconds = Int64(parts[0]), !fraction.isEmpty, fraction.count <= 9,
    let value = UInt32(fraction + String(repeating: "0", count: 9 - fraction.count)), value < 1_000_000_000
  {
    return Timestamp(seconds: seconds, nanoseconds: value)
  }
  throw OptionError("expected a time such as 2026-11-23T18:00:00Z, seconds since 1970, or how long ago, such as 10m")
}
