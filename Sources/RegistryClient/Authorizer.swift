internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// What opens one registry: finds the credentials once, gets a token for each set of scopes once, and answers challenges.
actor Authorizer {
  private let address: WebAddress
  private let credentials: @Sendable () throws -> Credentials
  private let http: Transport
  private let trust: TLSSource
  private var found: Credentials?
  private var tokens: [Set<Scope>: String] = [:]
  private var usesBasic = false

  /// - Parameter credentials: asked at most once, and only when the registry wants any.
  init(
    _ address: WebAddress, http: Transport, trust: TLSSource, credentials: @escaping @Sendable () throws -> Credentials
  ) {
    self.address = address
    self.http = http
    self.trust = trust
    self.credentials = credentials
  }

  /// The value of `Authorization` for a request that needs these scopes; nil while the registry has asked for nothing.
  func header(for scopes: Set<Scope>) throws -> String? {
    if usesBasic { return try known().basic }
    return tokens[scopes].map { "Bearer \($0)" }
  }

  /// Gets what the registry asked for.
  ///
  /// - Parameter refused: the header that it did not take, nil when none was sent.
  /// - Returns: the next header to try; nil when there is none, so that the registry's own answer is what is told.
  func answer(_ challenges: [Challenge], for scopes: Set<Scope>, refused: String?) async throws -> String? {
    // Another request may have got a new one meanwhile.
    if let current = try header(for: scopes), current != refused { return current }
    if let challenge = challenges.first(where: { $0.scheme == "bearer" && $0.parameters["realm"] != nil }) {
      // A token that was just made and is refused will not be better the second time.
      let token = try await token(for: challenge, scopes)
      if "Bearer \(token)" == refused { return nil }
      tokens[scopes] = token
      return "Bearer \(token)"
    }
    guard challenges.contains(where: { $0.scheme == "basic" }), let basic = try known().basic, basic != refused else {
      return nil
    }
    usesBasic = true
    return basic
  }

  private func known() throws -> Credentials {
    if let found { return found }
    let fresh = try credentials()
    found = fresh
    return fresh
  }

  // MARK: Tokens

  private func token(for challenge: Challenge, _ scopes: Set<Scope>) async throws -> String {
    guard let realm = challenge.parameters["realm"].flatMap({ WebAddress($0) }) else {
      throw RegistryFailure("\(address.authority) asks for a token from an address that is no http or https URL")
    }
    // Whoever can change a plain answer would get the password.
    guard realm.isEncrypted || !address.isEncrypted || realm.isLoopback else {
      throw RegistryFailure(
        "\(address.authority) asks for a token from \(realm.shown), over plain HTTP: refused",
        hint: "the registry's configuration (its token realm) is to name an https address")
    }
    var words = Set(scopes.map(\.text))
    if let asked = challenge.parameters["scope"] { words.formUnion(asked.split(separator: " ").map(String.init)) }
    let credentials = try known()
    let request = Self.request(
      realm, service: challenge.parameters["service"], scopes: Self.merged(words), credentials,
      tls: try trust.configuration(for: realm))
    let body: [UInt8]
    do {
      let response = try await http.execute(request, to: realm, deadline: .now() + .seconds(60))
      body = Array((try await response.body.collect(upTo: 1 << 20)).readableBytesView)
      guard response.status == .ok else {
        var failure = RegistryFailure(
          "\(realm.authority) gives no token for \(address.authority)", status: response.status,
          headers: response.headers, body: body)
        if failure.kind == .unauthorized {
          failure.hint =
            credentials == .anonymous
            ? "log in with 'skiff login \(address.authority)'"
            : "the user name or the password is wrong: 'skiff login \(address.authority)' asks again"
        }
        throw failure
      }
    } catch let error as RegistryFailure { throw error } catch {
      throw RegistryFailure("cannot ask \(realm.shown) for a token", cause: error)
    }
    let document = try? JSONValue(parsing: body)
    guard let token = document?["token"]?.string ?? document?["access_token"]?.string, !token.isEmpty,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw RegistryFailure("\(realm.authority) answered without a token") }
    return token
  }

  /// Actions of one repository as one scope: some servers look at the first of a name alone.
  private static func merged(_ scopes: Set<String>) -> [String] {
    var actions: [String: Set<Substring>] = [:]
    for scope in scopes {
      guard let colon = scope.lastIndex(of: ":") else { continue }
      actions[String(scope[..<colon]), default: []].formUnion(scope[scope.index(after: colon)...].split(separator: ","))
    }
    return actions.map { "\($0.key):\($0.value.sorted().joined(separator: ","))" }.sorted()
  }

  private static func request(
    _ realm: WebAddress, service: String?, scopes: [String], _ credentials: Credentials, tls: TLSConfiguration
  ) -> HTTPClientRequest {
    var fields: [(String, String)] = service.map { [("service", $0)] } ?? []
    if case .identityToken(let token) = credentials {
      // OAuth2 (distribution's token/oauth): one field with all scopes.
      fields += [("grant_type", "refresh_token"), ("client_id", "skiff"), ("refresh_token", token)]
      fields.append(("scope", scopes.joined(separator: " ")))
      var request = HTTPClientRequest(url: realm.description)
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
      let form = fields.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }.joined(separator: "&")
      request.body = .bytes(ByteBuffer(string: form))
      request.tlsConfiguration = tls
      return request
    }
    var address = realm
    for (name, value) in fields + scopes.map({ ("scope", $0) }) { address = address.adding(name, value) }
    if case .password(let username, _) = credentials { address = address.adding("account", username) }
    var request = HTTPClientRequest(url: address.description)
    if let basic = credentials.basic { request.headers.add(name: "authorization", value: basic) }
    request.tlsConfiguration = tls
    return request
  }
}
