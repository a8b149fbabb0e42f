/// What a person calls an image: `bash`, `bash:5.2`, `registry.example:5000/team/web@sha256:…`.
///
/// The grammar and the defaults are those of docker (github.com/distribution/reference): no registry means `docker.io`,
/// there a name without a slash is below `library/`, and a name with neither tag nor digest means `:latest`.
package struct Reference: Hashable, Sendable {
  /// The registry: `docker.io`, `localhost:5000`.
  package let domain: String
  /// The repository in it: `library/bash`.
  package let path: String
  package let tag: String?
  package let digest: Digest?

  package init(_ text: String) throws(ImageSpecError) {
    guard text.utf8.count <= 255 + 1 + 128 + 1 + 71 else {
      throw ImageSpecError("image name \(shown(text)) is too long")
    }
    var rest = Substring(text)
    var digest: Digest?
    // By bytes, here and below: everything that is looked for is one, and every start pays for it.
    if let at = rest.utf8.firstIndex(of: UInt8(ascii: "@")) {
      digest = try Digest(String(rest[rest.utf8.index(after: at)...]))
      rest = rest[..<at]
    }
    // A colon before a slash belongs to the registry's port.
    var tag: String?
    let lastSlash = rest.utf8.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex
    if let colon = rest[lastSlash...].utf8.lastIndex(of: UInt8(ascii: ":")) {
      tag = String(rest[rest.utf8.index(after: colon)...])
      rest = rest[..<colon]
    }
    if let tag, !Self.isTag(tag) { throw ImageSpecError("\(shown(tag)) in \(shown(text)) is not a tag") }
    let (domain, path) = Self.split(rest)
    try Self.check(domain: domain, path: path, of: text)
    self.domain = domain
    self.path = path
    self.digest = digest
    self.tag = tag ?? (digest == nil ? "latest" : nil)
  }

  private static func split(_ name: Substring) -> (domain: String, path: String) {
    var domain = "docker.io"
    var path = String(name)
    if let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) {
      let first = name[..<slash]
      // Anything that could be a host's name is one: a dot, a port, localhost, or upper case, which no path may have.
      if first.contains(".") || first.contains(":") || first == "localhost" || first != first.lowercased() {
        domain = String(first)
        path = String(name[name.utf8.index(after: slash)...])
      }
    }
    // The registry's name from before 2014.
    if domain == "index.docker.io" { domain = "docker.io" }
    if domain == "docker.io" && !path.utf8.contains(UInt8(ascii: "/")) { path = "library/\(path)" }
    return (domain, path)
  }

  private static func check(domain: String, path: String, of text: String) throws(ImageSpecError) {
    guard isDomain(domain) else { throw ImageSpecError("\(shown(domain)) in \(shown(text)) is not a registry") }
    if path.utf8.count + domain.utf8.count + 1 > 255 { throw ImageSpecError("image name \(shown(text)) is too long") }
    let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard components.allSatisfy({ isPathComponent($0) }) else {
      if path.contains(where: { $0.isUppercase }) {
        throw ImageSpecError("image name \(shown(text)) must be lower case")
      }
      throw ImageSpecError("\(shown(text)) is not an image name")
    }
    // `docker run 64 digits` means an identifier.
    if domain == "docker.io", components.count == 2, components[1].count == 64, path.hasPrefix("library/"),
      Digest(hex: String(Substring(components[1]))) != nil
    {
      throw ImageSpecError("\(shown(text)) is an image's identifier, not its name")
    }
  }
}

extension Reference {
  /// As short as it can be said: `bash:latest` for `docker.io/library/bash:latest`. Two references are the same exactly when
  /// these are, so it is what the local store writes down.
  package var familiar: String {
    var text = familiarName
    if let tag { text += ":\(tag)" }
    if let digest { text += "@\(digest)" }
    return text
  }

  /// Without tag and digest: `bash`.
  package var familiarName: String {
    guard domain == "docker.io" else { return "\(domain)/\(path)" }
    return path.hasPrefix("library/") ? String(path.dropFirst("library/".count)) : path
  }

  /// In full: `docker.io/library/bash:latest`.
  package var canonical: String {
    var text = "\(domain)/\(path)"
    if let tag { text += ":\(tag)" }
    if let digest { text += "@\(digest)" }
    return text
  }
}

extension Reference: CustomStringConvertible {
  package var description: String { familiar }
}

// MARK: - The grammar

extension Reference {
  private static func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
    byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x7a
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isLowerAlphanumeric(byte) || byte >= 0x41 && byte <= 0x5a
  }

  /// `[a-z0-9]+`, more of them behind one of `.`, `_`, `__` or any number of `-`.
  static func isPathComponent(_ text: Substring.UTF8View) -> Bool {
    var separator: [UInt8] = []
    var hasLetter = false
    for byte in text {
      if isLowerAlphanumeric(byte) {
        guard separator.isEmpty || (hasLetter && isSeparator(separator)) else { return false }
        separator.removeAll()
        hasLetter = true
      } else {
        separator.append(byte)
      }
    }
    return hasLetter && separator.isEmpty
  }

  private static func isSeparator(_ bytes: [UInt8]) -> Bool {
    switch bytes[0] {
    case UInt8(ascii: "."): bytes.count == 1
    case UInt8(ascii: "_"): bytes.count == 1 || bytes == [UInt8(ascii: "_"), UInt8(ascii: "_")]
    case UInt8(ascii: "-"): bytes.allSatisfy { $0 == UInt8(ascii: "-") }
    default: false
    }
  }

  /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
  static func isTag(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
    guard isAlphanumeric(first) || first == UInt8(ascii: "_") else { return false }
    return text.utf8.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
    }
  }

  /// Host name components with dots between them, or an IPv6 address in brackets, and a port.
  static func isDomain(_ text: String) -> Bool {
    var host = Substring(text)
    if let colon = host.utf8.lastIndex(of: UInt8(ascii: ":")), !host[colon...].utf8.contains(UInt8(ascii: "]")) {
      let port = host[host.utf8.index(after: colon)...].utf8
      guard !port.isEmpty, port.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return false }
      host = host[..<colon]
    }
    if host.hasPrefix("[") {
      guard host.hasSuffix("]"), host.utf8.count > 2 else { return false }
      return host.dropFirst().dropLast().utf8.allSatisfy {
        $0 == UInt8(ascii: ":") || $0 >= 0x30 && $0 <= 0x39 || ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x66
      }
    }
    return host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { component in
      guard let first = component.first, let last = component.last else { return false }
      return isAlphanumeric(first) && isAlphanumeric(last)
        && component.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }
}
