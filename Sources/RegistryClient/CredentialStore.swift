internal import JSON
internal import Kernel

/// Where credentials are kept: docker's config.json (`DOCKER_CONFIG`, `~/.docker`) and the helper programs that it names; read
/// too are `REGISTRY_AUTH_FILE`, which comes first, and podman's, which come last: `${XDG_RUNTIME_DIR}/containers/auth.json` and
/// `~/.config/containers/auth.json` (containers-auth.json(5)).
struct CredentialStore: Sendable {
  let configuration: Path
  private let files: [Path]

  init() {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    // In an ordinary user's namespace everybody is root, and the files are still the user's.
    let user = userOfHost()
    let home = value("HOME") ?? homeDirectory(of: user) ?? "/root"
    let directory = value("DOCKER_CONFIG") ?? "\(home)/.docker"
    configuration = Path(directory).appending("config.json")
    let runtime = value("XDG_RUNTIME_DIR") ?? "/run/user/\(user)"
    let settings = value("XDG_CONFIG_HOME") ?? "\(home)/.config"
    files =
      (value("REGISTRY_AUTH_FILE").map { [Path($0)] } ?? []) + [configuration]
      + [runtime, settings].map { Path($0).appending("containers/auth.json") }
  }

  /// docker.io's entry has the name of its first server.
  static func server(of domain: String) -> String {
    domain == "docker.io" ? "https://index.docker.io/v1/" : domain
  }

  /// The credentials for a repository of a registry; anonymous when there are none.
  func credentials(domain: String, repository: String = "") throws -> Credentials {
    let server = Self.server(of: domain)
    for path in files {
      guard let file = try read(path) else { continue }
      if let helper = file.helper(of: server) {
        if let found = try CredentialHelper(helper).get(server) { return found }
      }
      if let found = file.entry(server: server, repository: repository), found != .anonymous { return found }
    }
    return .anonymous
  }

  private func read(_ path: Path) throws -> CredentialFile? {
    do {
      let bytes = try readHomeFile(
        path, "choose the credentials, nor programs that keep them, of another user",
        cure: "HOME, DOCKER_CONFIG or REGISTRY_AUTH_FILE to what is yours")
      return try CredentialFile(parsing: bytes)
    } catch let error as Fault {
      if error.errno == .noSuchFile || error.errno == .notDirectory { return nil }
      throw RegistryFailure("cannot read \(path): \(error)")
    } catch let error as JSONError {
      throw RegistryFailure("\(path) is damaged: \(error)")
    }
  }

  /// Keeps a password, as docker does: in the helper where one is set, else in config.json.
  ///
  /// - Returns: the file that now holds it unencrypted, nil when a helper has it.
  func save(_ domain: String, username: String, password: String) throws -> Path? {
    let server = Self.server(of: domain)
    if let helper = try read(configuration)?.helper(of: server) {
      try CredentialHelper(helper).store(server, username: username, secret: password)
      return nil
    }
    try changeAuths { $0[server] = ["auth": .string(Base64.encode("\(username):\(password)"))] }
    return configuration
  }

  /// False when there was nothing to forget.
  func erase(_ domain: String) throws -> Bool {
    let server = Self.server(of: domain)
    let file = try read(configuration)
    var wasThere = false
    if let helper = file?.helper(of: server) {
      wasThere = try CredentialHelper(helper).get(server) != nil
      if wasThere { try CredentialHelper(helper).erase(server) }
    }
    let names = (file?.auths.keys ?? [:].keys).filter { $0 == server || plainServer($0) == plainServer(server) }
    guard !names.isEmpty else { return wasThere }
    try changeAuths { auths in for name in names { auths[name] = nil } }
    return true
  }

  /// Whatever else stands in the file stays as it is.
  private func changeAuths(_ change: (inout JSONObject) -> Void) throws {
    do {
      var document = JSONObject()
      if let bytes = try? readFile(configuration, limit: 1 << 20), let object = try JSONValue(parsing: bytes).object {
        document = object
      }
      var auths = document["auths"]?.object ?? JSONObject()
      change(&auths)
      document["auths"] = .object(auths)
      try makeDirectories(configuration.parent, mode: 0o700)
      // A link, as people keep their dotfiles, stays one.
      var target = configuration
      if let link = try? readSymbolicLink(configuration) {
        target = configuration.parent.appending(link).lexicallyNormal
      }
      try replaceFile(target, with: JSONValue.object(document).jsonBytes(.tabs))
    } catch { throw RegistryFailure("cannot keep credentials in \(configuration): \(error)") }
  }
}

/// As passwd(5) has it.
private func homeDirectory(of user: UInt32) -> String? {
  for line in ((try? readText("/etc/passwd", limit: 4 << 20)) ?? "").split(separator: "\n") {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    if fields.count > 5, UInt32(fields[2]) == user, fields[5].hasPrefix("/") { return String(fields[5]) }
  }
  return nil
}
