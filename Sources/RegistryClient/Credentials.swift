internal import JSON

/// What lets a person into a registry. It is never printed.
enum Credentials: Hashable, Sendable {
  case anonymous
  case password(username: String, password: String)
  /// A refresh token (OAuth2), from a credential helper or a login elsewhere.
  case identityToken(String)

  /// As the value of `Authorization`, where a password can be one.
  var basic: String? {
    guard case .password(let username, let password) = self else { return nil }
    return "Basic " + Base64.encode("\(username):\(password)")
  }
}

extension Credentials: CustomStringConvertible {
  var description: String {
    switch self {
    case .anonymous: "no credentials"
    case .password: "a password"
    case .identityToken: "an identity token"
    }
  }
}

/// One entry below `auths` in docker's config.json.
struct StoredCredentials: JSONReadable {
  var credentials: Credentials = .anonymous

  init(from reader: inout JSONReader) throws(JSONError) {
    var (auth, username, password, token) = ("", "", "", "")
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "auth": auth = try reader.string()
      case "username": username = try reader.string()
      case "password": password = try reader.string()
      case "identitytoken": token = try reader.string()
      default: try reader.skip()
      }
    }
    if !auth.isEmpty {
      // docker pads with NUL bytes in front of old passwords' ends.
      guard let pair = Base64.decode(auth), let colon = pair.firstIndex(of: ":") else {
        throw reader.error("auth is not Base64 of NAME:PASSWORD")
      }
      username = String(pair[..<colon])
      password = String(pair[pair.index(after: colon)...].prefix { $0 != "\0" })
    }
    if !token.isEmpty {
      credentials = .identityToken(token)
    } else if !username.isEmpty {
      credentials = .password(username: username, password: password)
    }
  }
}

/// What matters of docker's config.json and podman's auth.json, which have one form.
struct CredentialFile: JSONReadable {
  var auths: [String: StoredCredentials] = [:]
  var helpers: [String: String] = [:]
  var store: String?

  init() {}

  init(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextMember() {
      switch key {
      case "auths": auths = try reader.map()
      case "credHelpers": helpers = try reader.stringMap()
      case "credsStore": store = try reader.string()
      default: try reader.skip()
      }
    }
  }

  /// The helper that keeps a registry's credentials, if one does.
  func helper(of server: String) -> String? {
    let name = helpers[server] ?? helpers[plainServer(server)] ?? store
    return name.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The entry for a repository: podman's may name a part of a registry (`quay.io/team`), the longest counts; docker's may be
  /// an address (`https://index.docker.io/v1/`).
  func entry(server: String, repository: String) -> Credentials? {
    if let exact = auths[server] { return exact.credentials }
    let plain = plainServer(server)
    let names = [plain] + (plain == "index.docker.io" ? ["docker.io"] : [])
    for name in names {
      var path = repository.isEmpty ? name : "\(name)/\(repository)"
      while true {
        if let found = auths[path] { return found.credentials }
        guard let slash = path.lastIndex(of: "/") else { break }
        path = String(path[..<slash])
      }
    }
    return auths.sorted { $0.key < $1.key }.first { plainServer($0.key) == plain }?.value.credentials
  }
}

/// `registry.example:5000` for `https://registry.example:5000/v1/`.
func plainServer(_ text: String) -> String {
  var rest = Substring(text)
  for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
  return String(rest.prefix { $0 != "/" })
}
