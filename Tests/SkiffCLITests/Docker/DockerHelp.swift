import Foundation

/// A command of the docker client that is installed, as its `--help` tells of it.
struct DockerCommand {
  struct Flag {
    var name: String
    var short: Character?
    /// What the help calls its value; empty where it takes none.
    var value: String

    /// `-m, --memory bytes`
    var shown: String { (short.map { "-\($0), " } ?? "") + "--\(name)" + (value.isEmpty ? "" : " \(value)") }
  }

  /// `image ls`; empty is the client itself.
  var name: String
  /// All its spellings, this one among them: `images`, `image ls`, `image list`.
  var spellings: [String]
  var flags: [Flag]
}

/// What docker's commands take, read once from the client and kept beside the tests for as long as it is the same client.
struct DockerHelp {
  /// `28.2.2`
  let version: String
  private var texts: [String: String]

  /// Nil where no docker client is installed.
  init?() throws {
    guard let said = try Self.docker(["--version"]),
      let version = said.split(separator: " ").dropFirst(2).first?.split(separator: ",").first
    else { return nil }
    self.version = String(version)
    let kept = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "docker-help-\(version).json")
    if let bytes = try? Data(contentsOf: kept),
      let texts = try? JSONDecoder().decode([String: String].self, from: bytes)
    {
      self.texts = texts
      return
    }
    texts = [:]
    try read("")
    try JSONEncoder().encode(texts).write(to: kept, options: .atomic)
  }

  private mutating func read(_ name: String) throws {
    let words = name.split(separator: " ").map(String.init)
    let text = try Self.docker(words + ["--help"]) ?? ""
    texts[name] = text
    // Another spelling of a command that has its own page is the same command.
    for child in Self.children(of: text) { try read(name.isEmpty ? child : "\(name) \(child)") }
  }

  private static func docker(_ words: [String]) throws -> String? {
    guard let path = ["/usr/local/bin/docker", "/usr/bin/docker"].first(where: FileManager.default.isExecutableFile)
    else { return nil }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = words
    // Wrapped at 80 columns, and no plugin of the user's own among the commands.
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DOCKER_CONFIG": "/nonexistent"]
    let output = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: said, as: UTF8.self)
  }

  /// The words below `Commands:`; those of swarm and those of plugins (`buildx*`, `compose*`) are left out.
  private static func children(of text: String) -> [String] {
    var found: [String] = []
    var isListing = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if !line.hasPrefix(" ") { isListing = line.hasSuffix("Commands:") && line != "Swarm Commands:" }
      guard isListing, line.hasPrefix("  "), !line.hasPrefix("   ") else { continue }
      let word = line.split(separator: " ")[0]
      if !word.hasSuffix("*") { found.append(String(word)) }
    }
    return found
  }

  /// Each command once, under its shortest name, in the order of the names.
  var commands: [DockerCommand] {
    var found: [String: DockerCommand] = [:]
    for (name, text) in texts where name.isEmpty || Self.children(of: text).isEmpty {
      let spellings = Self.spellings(in: text, else: name)
      let shortest = spellings.first { !$0.contains(" ") } ?? name
      found[shortest] = DockerCommand(name: shortest, spellings: spellings, flags: Self.flags(in: text))
    }
    return found.values.sorted { $0.name < $1.name }
  }

  private static func spellings(in text: String, else name: String) -> [String] {
    let lines = text.split(separator: "\n")
    guard let heading = lines.firstIndex(of: "Aliases:"), heading + 1 < lines.count else { return [name] }
    return lines[heading + 1].split(separator: ",").map {
      $0.split(separator: " ").dropFirst().joined(separator: " ")
    }
  }

  /// `  -m, --memory bytes      Memory limit`: a name stands in the third or seventh column, its sentence far behind.
  private static func flags(in text: String) -> [DockerCommand.Flag] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      let indent = line.prefix { $0 == " " }.count
      guard let first = words.first, indent == 2 && first.count == 3 && first.hasSuffix(",") || indent == 6,
        let name = words.first(where: { $0.hasPrefix("--") })
      else { return nil }
      let rest = line[name.endIndex...]
      let value = rest.hasPrefix("  ") ? nil : rest.split(separator: " ").first
      return DockerCommand.Flag(
        name: String(name.dropFirst(2)), short: first.hasSuffix(",") ? first.dropFirst().first : nil,
        value: value.map(String.init) ?? "")
    }
  }
}
