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

  /// What it is asked for.
  enum Use: Sendable {
    case reading(byDigest: Bool)
    /// Mirrors and other locations are for what is read.
    case writing
  }

  /// - Parameters:
  ///   - repository: whose credentials are used, and which may be elsewhere than others of the registry.
  ///   - verifiesTLS: false is `--tls-verify=false`, for the registry itself.
  ///   - credentials: those to use instead of the kept ones.
  init(
    _ domain: String, repository: String = "", settings: RegistrySettings, http: Transport, verifiesTLS: Bool,
    credentials: Credentials? = nil, for use: Use = .reading(byDigest: false)
  ) async throws {
    self.domain = domain
    var places = try settings.places(domain, repository, for: use)
    if !verifiesTLS { places[places.count - 1].isInsecure = true }
    let trust = TLSSource(
      unverified: Set(places.filter(\.isInsecure).map { Self.server(of: $0.address) } + settings.insecureServers))
    var connections: [RegistryConnection] = []
    for (index, place) in places.enumerated() {
      let base = await Self.base(of: place, http, trust)
      // The person's own words are for the registry that they named, and not for its mirrors.
      let given = index == places.count - 1 ? credentials : nil
      let keeper = WebAddress(place.address).map(\.authority) ?? place.address
      connections.append(
        RegistryConnection(base, place, settings: settings, http: http, trust: trust) {
          try given ?? CredentialStore().credentials(domain: keeper, repository: place.name(of: repository))
        })
    }
    self.connections = connections
  }

  /// docker.io has a server of another name (distribution/reference, moby's registry.DefaultV2Registry).
  private static func server(of domain: String) -> String { domain == "docker.io" ? "registry-1.docker.io" : domain }

  private static func base(of place: RegistryPlace, _ http: Transport, _ trust: TLSSource) async -> WebAddress {
    if let address = WebAddress(place.address) { return address }
    let authority = server(of: place.address)
    let encrypted = WebAddress(isEncrypted: true, authority: authority)
    guard encrypted.isLoopback || trust.isUnverified(encrypted), await speaksPlainHTTP(encrypted, http, trust) else {
      return encrypted
    }
    return WebAddress(isEncrypted: false, authority: authority)
  }

  /// Only asked where plain HTTP is allowed: TLS is tried first, and plain HTTP is spoken when there is none.
  private static func speaksPlainHTTP(_ address: WebAddress, _ http: Transport, _ trust: TLSSource) async -> Bool {
    var request = HTTPClientRequest(url: address.appending("/v2/").description)
    request.method = .HEAD
    do {
      request.tlsConfiguration = try trust.configuration(for: address)
      _ = try await http.execute(request, to: address, deadline: .now() + .seconds(10))
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
