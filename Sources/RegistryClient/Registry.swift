internal import AsyncHTTPClient
internal import ImageSpec
internal import NIOCore
internal import NIOHTTP1

/// A registry as a person names it, reached through its mirrors and itself.
struct Registry: Sendable {
  /// As in a reference: `docker.io`.
  let domain: String
  /// In the order in which they are asked; the registry itself is the last.
  let connections: [RegistryConnection]

  /// The registry itself, which alone is written to.
  var origin: RegistryConnection { connections[connections.count - 1] }

  /// - Parameters:
  ///   - repository: whose credentials are used.
  ///   - verifiesTLS: false is `--tls-verify=false`, for the registry itself.
  ///   - credentials: those to use instead of the kept ones.
  init(
    _ domain: String, repository: String = "", settings: RegistrySettings, http: HTTPClient, verifiesTLS: Bool,
    credentials: Credentials? = nil
  ) async throws {
    self.domain = domain
    let own = settings.registries[domain]
    // docker.io has a server of another name (distribution/reference, moby's registry.DefaultV2Registry).
    let authority = domain == "docker.io" ? "registry-1.docker.io" : domain
    var unverified = Set(settings.registries.filter { $0.value.isInsecure }.map(\.key))
    if !verifiesTLS { unverified.insert(authority) }
    let trust = TLSSource(unverified: unverified)
    var connections: [RegistryConnection] = []
    for mirror in own?.mirrors ?? [] {
      let host = mirror.authority
      connections.append(
        RegistryConnection(mirror, isMirror: true, settings: settings, http: http, trust: trust) {
          try CredentialStore().credentials(domain: host)
        })
    }
    func connection(_ base: WebAddress) -> RegistryConnection {
      RegistryConnection(base, isMirror: false, settings: settings, http: http, trust: trust) {
        try credentials ?? CredentialStore().credentials(domain: domain, repository: repository)
      }
    }
    let encrypted = WebAddress(isEncrypted: true, authority: authority)
    let plain = WebAddress(isEncrypted: false, authority: authority)
    if encrypted.isLoopback || trust.isUnverified(encrypted), await Self.speaksPlainHTTP(encrypted, http, trust) {
      connections.append(connection(plain))
    } else {
      connections.append(connection(encrypted))
    }
    self.connections = connections
  }

  /// Only asked where plain HTTP is allowed: TLS is tried first, and plain HTTP is spoken when there is none.
  private static func speaksPlainHTTP(_ address: WebAddress, _ http: HTTPClient, _ trust: TLSSource) async -> Bool {
    var request = HTTPClientRequest(url: address.appending("/v2/").description)
    request.method = .HEAD
    do {
      request.tlsConfiguration = try trust.configuration(for: address)
      _ = try await http.execute(request, deadline: .now() + .seconds(10))
      return false
    } catch {
      // Whom TLS does not trust is not asked without it.
      return !isUntrusted(error) && !(error is RegistryFailure)
    }
  }

  /// Does it with each connection in turn until one can; the last one's failure is told.
  func first<Result: Sendable>(
    _ body: (RegistryConnection) async throws -> Result
  ) async throws -> Result {
    for connection in connections.dropLast() {
      if let result = try? await body(connection) { return result }
      try Task.checkCancellation()
    }
    return try await body(origin)
  }
}
