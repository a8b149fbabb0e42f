internal import Arguments
internal import Engine
internal import Kernel
internal import TOML

/// `config.toml`: what options are where the command line does not say. A table is a command, a name in it one of the
/// command's options without its dashes; the names above all tables are where Skiff keeps its things. So there is nothing to
/// learn beside `--help`.
///
/// The command line comes before the environment, that before the user's file, and that before the machine's.
struct Configuration {
  /// Names above all tables, and the variables that say the same.
  static let settings: KeyValuePairs = [
    "root": "SKIFF_ROOT", "state": "SKIFF_STATE", "cache-size": "SKIFF_CACHE_SIZE",
    "publish-address": "SKIFF_PUBLISH_ADDRESS", "registries": "SKIFF_REGISTRIES",
  ]

  private var documents: [(path: Path, tables: [String: TOMLValue])] = []

  /// Reads what there is, the user's first, and sets the variables that the environment does not have.
  static func read() throws -> Configuration {
    var configuration = Configuration()
    for path in paths() {
      guard let tables = try document(path) else { continue }
      configuration.documents.append((path, tables))
      for (name, value) in tables.sorted(by: { $0.key < $1.key }) {
        if case .table = value { continue }
        guard let variable = settings.first(where: { $0.key == name })?.value, let text = value.words?.first else {
          throw refusal(
            path, "\(name) is no setting", nearest(to: name, in: settings.map(\.key)).map { "did you mean \($0)?" })
        }
        setEnvironment(variable, unlessSetTo: text)
      }
    }
    return configuration
  }

  /// $SKIFF_CONFIG alone, where it is set; an empty one is no file.
  private static func paths() -> [Path] {
    if let given = environment("SKIFF_CONFIG") { return given.isEmpty ? [] : [Path(given)] }
    let own =
      environment("XDG_CONFIG_HOME").flatMap { $0.isEmpty ? nil : $0 }
      ?? environment("HOME").flatMap { $0.isEmpty ? nil : $0 + "/.config" }
    return (own.map { [Path($0).appending("skiff/config.toml")] } ?? []) + ["/etc/skiff/config.toml"]
  }

  private static func document(_ path: Path) throws -> [String: TOMLValue]? {
    let file: Descriptor
    // Whoever's home it is, a FIFO there does not hold root's command until somebody writes.
    do throws(Fault) { file = try open(path, [.readOnly, .nonBlocking, .noControllingTerminal]) } catch {
      if error.errno == .noSuchFile || error.errno == .notDirectory { return nil }
      throw refusal(path, "cannot read it: \(error.errno)", nil)
    }
    // With sudo it may be another user's home: what that user writes is not root's command.
    let status = try status(of: file.borrowed)
    if status.kind != .regular {
      if status.kind == .characterDevice, status.device == DeviceNumber(major: 1, minor: 3) { return nil }
      throw refusal(path, "it is no regular file", "an empty SKIFF_CONFIG reads none")
    }
    guard status.owner == 0 || status.owner == effectiveUser(), status.mode.rawValue & 0o022 == 0 else {
      throw refusal(path, "somebody else may write to it", "chown root \(path); chmod 644 \(path)")
    }
    do { return try TOMLReader.read(try file.borrowed.readAll(limit: 1 << 20)) } catch {
      throw refusal(path, "\(error)", nil)
    }
  }

  /// Of `[run]`, `create` has what it shares with that; a command of a group stands as `[image.pull]`.
  func adopt(into arguments: inout ParsedArguments, of name: String) throws {
    for (path, tables) in documents {
      do throws(UsageError) {
        try arguments.adopt(Self.defaults(name, in: tables))
        guard name == "create" else { continue }
        let shared = Self.defaults("run", in: tables).filter { entry in
          arguments.command.options.contains { $0.name == entry.name }
        }
        try arguments.adopt(shared)
      } catch { throw Self.refusal(path, "[\(name)]: \(error.message)", error.suggestion) }
    }
  }

  private static func defaults(_ name: String, in tables: [String: TOMLValue]) -> [OptionDefault] {
    var found = TOMLValue.table(tables)
    for word in name.split(separator: " ") {
      guard case .table(let inner) = found, let next = inner[String(word)] else { return [] }
      found = next
    }
    guard case .table(let options) = found else { return [] }
    return options.sorted { $0.key < $1.key }.compactMap { name, value in
      value.words.map { OptionDefault(name: name, values: $0) }
    }
  }

  private static func refusal(_ path: Path, _ reason: String, _ suggestion: String?) -> Failure {
    Failure(.usage, "\(path): \(reason)", hint: suggestion)
  }
}

extension TOMLValue {
  /// What would be typed; nil for a table, or a list of anything but words.
  fileprivate var words: [String]? {
    switch self {
    case .string(let text), .other(let text): return [text]
    case .boolean(let value): return [value ? "true" : "false"]
    case .array(let list):
      let words = list.compactMap(\.words)
      return words.count == list.count && words.allSatisfy { $0.count == 1 } ? words.flatMap { $0 } : nil
    case .table, .tables: return nil
    }
  }
}
