internal import Arguments
package import Kernel

/// `--secret`: a file of the host whose contents a container gets, in a file or in a variable.
package struct SecretRequest: Hashable, Sendable {
  package enum Place: Hashable, Sendable {
    case file(Path, mode: FileMode, user: UInt32, group: UInt32)
    case variable(String)
  }

  package var name: String
  package var source: Path
  package var place: Place

  /// `src=FILE`, with `id=`, `target=`, `mode=`, `uid=`, `gid=` and `type=mount|env`.
  package init(_ text: String, directory: Path) throws(OptionError) {
    var values: [String: String] = [:]
    let aliases = ["source": "src", "name": "id", "dst": "target", "destination": "target"]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let key = String(part.prefix { $0 != "=" })
      let value = String(part.dropFirst(key.count + 1))
      let word = aliases[key] ?? key
      guard ["src", "id", "target", "mode", "uid", "gid", "type"].contains(word), !value.isEmpty else {
        throw OptionError("expected src=FILE, and perhaps id=, target=, mode=, uid=, gid= or type=env, not \"\(part)\"")
      }
      if values.updateValue(value, forKey: word) != nil { throw OptionError("\(word) is given twice") }
    }
    guard let file = values["src"] else {
      throw OptionError(
        "src=FILE is missing", suggestion: "Skiff keeps no secrets: they are files of the host, src=FILE")
    }
    source = file.hasPrefix("/") ? Path(file) : directory.appending(file).lexicallyNormal
    name = values["id"] ?? source.name
    guard !name.contains("/"), !hasControlCharacters(name), name != ".." else {
      throw OptionError("\"\(name)\" is no name of a secret")
    }
    place = try Self.place(values, name)
  }

  private static func place(_ values: [String: String], _ name: String) throws(OptionError) -> Place {
    func number(_ key: String, _ radix: Int, _ initial: UInt32, most: UInt32) throws(OptionError) -> UInt32 {
      guard let text = values[key] else { return initial }
      guard let number = UInt32(text, radix: radix), number <= most else {
        throw OptionError("\(key)=\(text) is no \(key)")
      }
      return number
    }
    switch values["type"] ?? "mount" {
    case "mount":
      let target = values["target"] ?? name
      let mode = FileMode(rawValue: try number("mode", 8, 0o400, most: 0o777))
      return .file(
        try mountTarget(target.hasPrefix("/") ? target : "/run/secrets/" + target), mode: mode,
        user: try number("uid", 10, 0, most: .max - 1), group: try number("gid", 10, 0, most: .max - 1))
    case "env":
      for key in ["mode", "uid", "gid"] where values[key] != nil { throw OptionError("\(key) is for type=mount") }
      let variable = values["target"] ?? name
      guard !variable.contains("="), !hasControlCharacters(variable) else {
        throw OptionError("\"\(variable)\" is no name of a variable")
      }
      return .variable(variable)
    case let kind: throw OptionError("type=\(kind) is neither mount nor env")
    }
  }

  /// As the record keeps it.
  var word: String {
    switch place {
    case .file(let path, _, _, _): "\(name)=\(path)"
    case .variable(let variable): variable
    }
  }
}

/// `--tz`: a name of the time zone database, or `local`.
package func parseTimezone(_ text: String) throws(OptionError) -> String {
  let parts = text.split(separator: "/", omittingEmptySubsequences: false)
  let isFine = text.utf8.allSatisfy { byte in
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
      || [43, 45, 47, 95].contains(byte)
  }
  guard isFine, !parts.contains("") else { throw OptionError("expected a time zone such as Europe/Berlin, or local") }
  return text
}
