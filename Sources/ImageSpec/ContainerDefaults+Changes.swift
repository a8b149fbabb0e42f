internal import JSON

extension ContainerDefaults {
  /// Applies Dockerfile instructions in order, as `docker commit --change` does: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD,
  /// STOPSIGNAL, USER, VOLUME, WORKDIR.
  package mutating func apply(changes: [String]) throws(ImageSpecError) {
    var setsCommand = false
    for change in changes {
      let line = change.trimmedSpaces
      let name = line.prefix { $0 != " " && $0 != "\t" }.uppercased()
      let rest = String(line.dropFirst(name.count)).trimmedSpaces
      guard !rest.isEmpty else { throw ImageSpecError("instruction \(shown(change)) lacks its argument") }
      switch name {
      case "CMD":
        cmd = try Self.command(rest)
        setsCommand = true
      case "ENTRYPOINT":
        entrypoint = try Self.command(rest)
        // The old command was meant for the old entry point.
        if !setsCommand { cmd = [] }
      case "ENV": set(environment: try Self.pairs(rest, of: change).map { "\($0)=\($1)" })
      case "LABEL": for (name, value) in try Self.pairs(rest, of: change) { labels[name] = value }
      case "EXPOSE":
        for word in try Self.words(rest) { exposedPorts.append(try Self.port(word)) }
        exposedPorts = Set(exposedPorts).sorted()
      case "VOLUME":
        let paths = if let list = try Self.list(rest) { list } else { try Self.words(rest) }
        volumes = Set(volumes + paths).sorted()
      case "USER": user = rest
      case "WORKDIR": workingDir = rest.hasPrefix("/") ? rest : "\(workingDir)/\(rest)"
      case "STOPSIGNAL": stopSignal = rest
      case "ONBUILD": onBuild.append(rest)
      default: throw ImageSpecError("\(shown(name)) is not an instruction that can change an image")
      }
    }
  }

  /// A JSON list of words, or a line for the shell.
  private static func command(_ text: String) throws(ImageSpecError) -> [String] {
    if let words = try list(text) { return words }
    return ["/bin/sh", "-c", text]
  }

  private static func list(_ text: String) throws(ImageSpecError) -> [String]? {
    guard text.hasPrefix("[") else { return nil }
    do throws(JSONError) {
      var reader = try JSONReader(Array(text.utf8), limits: JSONLimits(allowsNUL: false))
      let words = try reader.strings()
      try reader.finish()
      return words
    } catch { throw ImageSpecError("\(shown(text)) is not a list of strings: \(error.reason)") }
  }

  /// `80`, `80/udp`, each in docker's form.
  private static func port(_ text: String) throws(ImageSpecError) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let kind = parts.count > 1 ? parts[1].lowercased() : "tcp"
    guard parts.count <= 2, let port = UInt16(parts[0]), port > 0, ["tcp", "udp", "sctp"].contains(kind) else {
      throw ImageSpecError("\(shown(text)) is not a port such as 80 or 53/udp")
    }
    return "\(port)/\(kind)"
  }

  /// `a=1 b="x y"`, or the old form of one pair: `a x y`.
  private static func pairs(_ text: String, of change: String) throws(ImageSpecError) -> [(String, String)] {
    let words = try words(text)
    guard let first = words.first, !first.hasPrefix("=") else { throw ImageSpecError("\(shown(change)) lacks a name") }
    if !first.contains("=") {
      let value = String(text.drop { $0 != " " && $0 != "\t" }).trimmedSpaces
      guard !value.isEmpty else { throw ImageSpecError("\(shown(change)) lacks a value") }
      return [(first, value)]
    }
    var pairs: [(String, String)] = []
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
        throw ImageSpecError("\(shown(word)) in \(shown(change)) is not NAME=VALUE")
      }
      pairs.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
    }
    return pairs
  }

  /// Words between blanks; quotes and backslashes keep blanks in a word.
  private static func words(_ text: String) throws(ImageSpecError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\" && quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if character == " " || character == "\t" {
        if let ended = word { words.append(ended) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { throw ImageSpecError("\(shown(text)) ends inside a quotation") }
    if let word { words.append(word) }
    return words
  }
}

extension String {
  fileprivate var trimmedSpaces: String {
    func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" || character == "\n" }
    return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}
