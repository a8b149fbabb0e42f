internal import ImageSpec
internal import JSON
internal import Kernel

/// What the machine's keeper says about registries, in `/etc/skiff/registries.json` (`SKIFF_REGISTRIES` names another file):
///
/// ```
/// {
///   "registries": {
///     "docker.io": {"mirrors": ["https://mirror.example", "http://10.0.0.2:5000/hub"]},
///     "registry.example:5000": {"insecure": true}
///   },
///   "stallSeconds": 60, "attempts": 5, "chunkBytes": 67108864
/// }
/// ```
/// Mirrors are asked in their order before the registry itself, and only for what is read.
struct RegistrySettings: Hashable, Sendable, JSONReadable {
  struct Registry: Hashable, Sendable, JSONReadable {
    /// The mirror's address; what is asked for follows it as `/v2/…`.
    var mirrors: [WebAddress] = []
    /// Certificates are not checked, and plain HTTP is spoken where there is no TLS.
    var isInsecure = false

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let key = try reader.nextMember() {
        switch key {
        case "mirrors":
          for text in try reader.strings() {
            guard let address = WebAddress(text) else { throw reader.error("\"\(text)\" is no http or https address") }
            mirrors.append(address)
          }
        case "insecure": isInsecure = try reader.bool()
        default: throw reader.error("\(key) is no setting of a registry; there are mirrors and insecure")
        }
      }
    }
  }

  var registries: [String: Registry] = [:]
  /// registries.conf, for the registries that are not above.
  var configuration = RegistriesConfiguration()
  /// How long a registry may send nothing before the connection is given up.
  var stallSeconds: Int64 = 60
  /// Larger blobs are uploaded in parts of this size, so that a failure costs one part.
  var chunkBytes = 64 << 20
  /// How often one thing is tried.
  var attempts = 5

  init() {}

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "registries": registries = try reader.map()
      case "stallSeconds": stallSeconds = max(1, try reader.integer())
      case "chunkBytes": chunkBytes = max(1 << 16, try reader.integer())
      case "attempts": attempts = max(1, try reader.integer())
      default:
        throw reader.error("\(key) is no setting; there are registries, stallSeconds, attempts and chunkBytes")
      }
    }
  }

  /// Hosts that are trusted whatever they show.
  var insecureServers: [String] { registries.filter { $0.value.isInsecure }.map(\.key) }

  /// Where a repository is: the mirrors in their order, and last the registry itself.
  ///
  /// - Throws: when the keeper of the machine has blocked it.
  func places(
    _ domain: String, _ repository: String, for use: RegistryClient.Registry.Use
  ) throws(RegistryFailure) -> [RegistryPlace] {
    if let own = registries[domain] {
      var places = [RegistryPlace(domain, isInsecure: own.isInsecure)]
      if case .reading = use { places = own.mirrors.map { RegistryPlace($0.description) } + places }
      return places
    }
    guard let entry = configuration.entry(domain, repository) else { return [RegistryPlace(domain)] }
    if entry.isBlocked {
      throw RegistryFailure(
        "\(entry.prefix) is blocked on this machine", hint: "registries.conf says so (containers-registries.conf(5))")
    }
    guard case .reading(let byDigest) = use else { return [RegistryPlace(domain, isInsecure: entry.isInsecure)] }
    let mirrors = entry.mirrors.filter { $0.use == .all || ($0.use == .digestOnly) == byDigest }
    return mirrors.map { Self.place($0.location, $0.isInsecure, of: entry, domain) }
      + [
        entry.location.isEmpty
          ? RegistryPlace(domain, isInsecure: entry.isInsecure)
          : Self.place(entry.location, entry.isInsecure, of: entry, domain)
      ]
  }

  /// What follows the prefix follows the location.
  private static func place(
    _ location: String, _ isInsecure: Bool, of entry: RegistriesConfiguration.Entry, _ domain: String
  ) -> RegistryPlace {
    func path(_ text: String) -> String { String(text.drop { $0 != "/" }.dropFirst()) }
    let prefix = entry.prefix.hasPrefix("*.") ? "" : path(entry.prefix)
    return RegistryPlace(
      String(location.prefix { $0 != "/" }), isInsecure: isInsecure,
      renaming: RegistryPlace.Renaming(prefix: prefix, replacement: path(location)))
  }

  static func read() throws(RegistryFailure) -> RegistrySettings {
    var settings = try readOwn()
    settings.configuration = try RegistriesConfiguration.read()
    return settings
  }

  private static func readOwn() throws(RegistryFailure) -> RegistrySettings {
    let given = environment("SKIFF_REGISTRIES").flatMap { $0.isEmpty ? nil : $0 }
    let path = Path(given ?? "/etc/skiff/registries.json")
    do {
      return try RegistrySettings(parsing: try readFile(path, limit: 1 << 20))
    } catch let error as Fault {
      if given == nil && error.errno == .noSuchFile { return RegistrySettings() }
      throw RegistryFailure("cannot read the settings of registries: \(error)")
    } catch {
      throw RegistryFailure("\(path) is refused: \(error)")
    }
  }
}
