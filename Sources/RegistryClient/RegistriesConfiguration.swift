internal import Kernel
internal import TOML

/// podman's and skopeo's registries.conf (containers-registries.conf(5), version 2): where repositories are read from, what is
/// blocked, and where certificates do not count. A short name means docker.io here whatever it says: `unqualified-search-registries`
/// and aliases would make `debian` another image than for docker.
struct RegistriesConfiguration: Hashable, Sendable {
  struct Mirror: Hashable, Sendable {
    enum Use: String, Hashable, Sendable {
      case all
      case digestOnly = "digest-only"
      case tagOnly = "tag-only"
    }
    var location: String
    var isInsecure = false
    var use = Use.all
  }

  /// One `[[registry]]`.
  struct Entry: Hashable, Sendable {
    /// `registry.example/team`, or `*.example`.
    var prefix: String
    /// Empty is where the prefix says.
    var location: String
    var isInsecure = false
    var isBlocked = false
    var mirrors: [Mirror] = []
  }

  private(set) var entries: [Entry] = []

  init() {}

  /// The entry of the longest prefix.
  ///
  /// - Parameter repository: empty for a registry as a whole.
  func entry(_ domain: String, _ repository: String) -> Entry? {
    let name = repository.isEmpty ? domain : "\(domain)/\(repository)"
    let host = domain.prefix { $0 != ":" }
    return entries.filter { entry in
      if entry.prefix.hasPrefix("*.") { return host.hasSuffix(entry.prefix.dropFirst()) }
      return name == entry.prefix || name.hasPrefix(entry.prefix + "/")
    }.max { $0.prefix.utf8.count < $1.prefix.utf8.count }
  }

  // MARK: Reading

  /// What the files say: `CONTAINERS_REGISTRIES_CONF`, or the person's own, or the machine's, and then the files in the
  /// directories beside them, each entry in place of an earlier one of its prefix.
  static func read() throws(RegistryFailure) -> RegistriesConfiguration {
    let home = environment("HOME").flatMap { $0.isEmpty ? nil : Path($0).appending(".config/containers") }
    var files: [Path] = []
    let given = environment("CONTAINERS_REGISTRIES_CONF").flatMap { $0.isEmpty ? nil : Path($0) }
    if let given {
      files = [given]
    } else {
      let own = home?.appending("registries.conf")
      let hasOwn = own.map { exists($0) } ?? false
      files = [hasOwn ? own ?? "" : "/etc/containers/registries.conf"]
      let folders = (hasOwn ? [] : ["/etc/containers/registries.conf.d"]) + [home?.appending("registries.conf.d")]
      for case let folder? in folders {
        let names = ((try? Kernel.entries(of: folder)) ?? []).map(\.name.string)
        files += names.filter { $0.hasSuffix(".conf") }.sorted().map { folder.appending($0) }
      }
    }
    var configuration = RegistriesConfiguration()
    for file in files {
      let isHomes = given == nil && home.map { file.string.hasPrefix($0.string + "/") } ?? false
      guard let bytes = try contents(of: file, isHomes: isHomes, mayBeMissing: given == nil) else { continue }
      do { try configuration.add(try TOMLReader.read(bytes)) } catch let error as RegistryFailure {
        throw RegistryFailure("\(file) is refused: \(error.message)")
      } catch { throw RegistryFailure("\(file) is refused: \(error)") }
    }
    return configuration
  }

  private static func contents(
    of file: Path, isHomes: Bool, mayBeMissing: Bool
  ) throws(RegistryFailure) -> [UInt8]? {
    do { return isHomes ? try readHomeFile(file) : try readFile(file, limit: 1 << 20) } catch let error
      as RegistryFailure
    {
      throw error
    } catch {
      if mayBeMissing, (error as? Fault)?.errno == .noSuchFile { return nil }
      throw RegistryFailure("cannot read the settings of registries: \(error)")
    }
  }

  mutating func add(_ document: [String: TOMLValue]) throws(RegistryFailure) {
    if document["registries"] != nil {
      throw RegistryFailure("it is in the format of version 1, which nothing reads any more")
    }
    for table in try Self.tables(document, "registry") {
      let entry = try Self.entry(table)
      entries.removeAll { $0.prefix == entry.prefix }
      entries.append(entry)
    }
  }

  private static func entry(_ table: [String: TOMLValue]) throws(RegistryFailure) -> Entry {
    let location = try address(table, "location")
    let prefix = try address(table, "prefix")
    guard !location.isEmpty || prefix.hasPrefix("*.") || !prefix.isEmpty else {
      throw RegistryFailure("a [[registry]] without prefix and location")
    }
    var entry = Entry(prefix: prefix.isEmpty ? location : prefix, location: location)
    entry.isInsecure = try flag(table, "insecure")
    entry.isBlocked = try flag(table, "blocked")
    let isByDigestOnly = try flag(table, "mirror-by-digest-only")
    for table in try tables(table, "mirror") {
      var mirror = Mirror(location: try address(table, "location"))
      guard !mirror.location.isEmpty else { throw RegistryFailure("a mirror of \(entry.prefix) without location") }
      mirror.isInsecure = try flag(table, "insecure")
      let use = try text(table, "pull-from-mirror")
      guard let known = use.isEmpty ? .all : Mirror.Use(rawValue: use) else {
        throw RegistryFailure("pull-from-mirror is all, digest-only or tag-only, and not \(use)")
      }
      mirror.use = isByDigestOnly ? .digestOnly : known
      entry.mirrors.append(mirror)
    }
    return entry
  }

  private static func tables(
    _ table: [String: TOMLValue], _ name: String
  ) throws(RegistryFailure) -> [[String: TOMLValue]] {
    switch table[name] {
    case nil: return []
    case .tables(let list): return list
    // `mirror = [{location = "…"}]`
    case .array(let values):
      var list: [[String: TOMLValue]] = []
      for value in values {
        guard case .table(let table) = value else { throw RegistryFailure("\(name) is no list of tables") }
        list.append(table)
      }
      return list
    default: throw RegistryFailure("\(name) is no list of tables")
    }
  }

  private static func flag(_ table: [String: TOMLValue], _ name: String) throws(RegistryFailure) -> Bool {
    switch table[name] {
    case nil: return false
    case .boolean(let value): return value
    default: throw RegistryFailure("\(name) is neither true nor false")
    }
  }

  private static func text(_ table: [String: TOMLValue], _ name: String) throws(RegistryFailure) -> String {
    switch table[name] {
    case nil: return ""
    case .string(let value): return value
    default: throw RegistryFailure("\(name) is no text")
    }
  }

  /// `host[:port][/path]`, without a scheme.
  private static func address(_ table: [String: TOMLValue], _ name: String) throws(RegistryFailure) -> String {
    var value = try text(table, name)
    if value.hasSuffix("/") { value.removeLast() }
    let plain = value.hasPrefix("*.") ? String(value.dropFirst(2)) : value
    guard value.isEmpty || WebAddress("https://\(plain)") != nil, !value.contains("://") else {
      throw RegistryFailure("\(name) is HOST[:PORT][/PATH], without a scheme, and not \(value)")
    }
    return value
  }
}
