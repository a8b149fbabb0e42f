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

  static func read() throws(RegistryFailure) -> RegistrySettings {
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
