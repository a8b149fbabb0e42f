internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// What is asked of a registry.
struct RegistryCall: Sendable {
  var method: HTTPMethod = .GET
  var address: WebAddress
  var headers: HTTPHeaders = [:]
  /// Made anew for each try.
  var body: (@Sendable () throws -> HTTPClientRequest.Body)?
  var scopes: Set<Scope> = []
  /// The whole answer must be there by then; nil for blobs, of which only the pauses are bounded.
  var seconds: Int64? = 120
  /// Whether it may be sent again when nobody knows how much of it arrived.
  var isRepeatable = true

  init(_ method: HTTPMethod = .GET, _ address: WebAddress, scopes: Set<Scope>) {
    self.method = method
    self.address = address
    self.scopes = scopes
  }
}

/// One address of a registry, or of its mirror: sends calls, follows redirects, answers challenges, tries again what may go
/// better the next time.
final class RegistryConnection: Sendable {
  let base: WebAddress
  private let place: RegistryPlace
  let settings: RegistrySettings
  private let http: Transport
  private let trust: TLSSource
  private let authorizer: Authorizer
  private static let maximumRedirects = 10

  init(
    _ base: WebAddress, _ place: RegistryPlace, settings: RegistrySettings, http: Transport, trust: TLSSource,
    credentials: @escaping @Sendable () throws -> Credentials
  ) {
    self.base = base
    self.place = place
    self.settings = settings
    self.http = http
    self.trust = trust
    authorizer = Authorizer(base, http: http, trust: trust, credentials: credentials)
  }

  /// `/v2/library/bash/` and the rest.
  func address(_ repository: String, _ rest: String) -> WebAddress {
    base.appending("/v2/\(name(repository))/\(rest)")
  }

  /// What this address calls a repository.
  func name(_ repository: String) -> String { place.name(of: repository) }

  func pulling(_ repository: String) -> Scope { .pull(name(repository)) }

  /// Sends a call until it is answered by something that will not change by itself.
  ///
  /// - Parameter what: for errors: `cannot read …`.
  func send(_ call: RegistryCall, _ what: String) async throws -> HTTPClientResponse {
    var attempt = 1
    while true {
      let wait: Int64
      do {
        let response = try await once(call, what)
        guard call.isRepeatable, [408, 429, 500, 502, 503, 504].contains(response.status.code),
          attempt < settings.attempts,
          let pause = Self.pause(beforeAttempt: attempt + 1, told: response.headers.first(name: "retry-after"))
        else { return response }
        wait = pause
      } catch {
        guard call.isRepeatable, isTransient(error), attempt < settings.attempts else {
          throw Self.failure(what, error)
        }
        wait = Self.pause(beforeAttempt: attempt + 1, told: nil) ?? 0
      }
      try await Task.sleep(nanoseconds: UInt64(wait) * 1_000_000)
      attempt += 1
    }
  }

  /// The same for an answer that is small.
  ///
  /// - Throws: also when the status is none of `accepted`.
  func fetch(
    _ call: RegistryCall, _ what: String, accepted: Set<UInt> = [200], limit: Int = 1 << 20
  ) async throws -> (head: HTTPClientResponse, body: [UInt8]) {
    var attempt = 1
    while true {
      let response = try await send(call, what)
      let isWanted = accepted.contains(response.status.code)
      do {
        let buffer = try await response.body.collect(upTo: isWanted ? limit : 1 << 16)
        let body = Array(buffer.readableBytesView)
        if isWanted { return (response, body) }
        throw RegistryFailure(what, status: response.status, headers: response.headers, body: body)
      } catch is NIOTooManyBytesError {
        if !isWanted { throw RegistryFailure(what, status: response.status, headers: response.headers, body: []) }
        throw RegistryFailure("\(what): the answer is longer than \(limit) bytes")
      } catch {
        guard !(error is RegistryFailure), isTransient(error), attempt < settings.attempts else {
          throw Self.failure(what, error)
        }
      }
      attempt += 1
      try await pause(before: attempt)
    }
  }

  /// Waits as long as one does before trying something for the so-many-eth time.
  func pause(before attempt: Int) async throws {
    try await Task.sleep(nanoseconds: UInt64(Self.pause(beforeAttempt: attempt, told: nil) ?? 0) * 1_000_000)
  }

  /// Milliseconds before the next try; nil when the registry wants a longer pause than anybody waits for.
  static func pause(beforeAttempt attempt: Int, told: String?) -> Int64? {
    if let told, let seconds = Int64(told) { return seconds <= 60 ? max(0, seconds) * 1000 : nil }
    // Half a second, then twice as long each time, and up to half as much again so that many clients do not come at once.
    let base = Int64(250) << Int64(min(attempt - 1, 6))
    return base + Int64.random(in: 0...base / 2)
  }

  // MARK: One try

  private func once(_ call: RegistryCall, _ what: String) async throws -> HTTPClientResponse {
    var address = call.address
    var authorization = address.hasSameOrigin(as: base) ? try await authorizer.header(for: call.scopes) : nil
    var (redirects, answers) = (0, 0)
    while true {
      let isOwn = address.hasSameOrigin(as: base)
      let response = try await execute(call, at: address, authorization: isOwn ? authorization : nil)
      if response.status == .unauthorized, isOwn, answers < 2 {
        answers += 1
        let challenges = Challenge.parse(response.headers["www-authenticate"])
        let next = try await authorizer.answer(challenges, for: call.scopes, refused: authorization)
        if let next {
          authorization = next
          continue
        }
      }
      guard [301, 302, 303, 307, 308].contains(response.status.code), call.method == .GET || call.method == .HEAD,
        let location = response.headers.first(name: "location")
      else { return response }
      redirects += 1
      guard redirects <= Self.maximumRedirects else { throw RegistryFailure("\(what): redirected without an end") }
      address = try follow(location, from: address, what)
    }
  }

  /// A redirect leads only where the person could have meant to go: never to a file, never from TLS to plain HTTP, and from
  /// plain HTTP on this machine not to another one.
  private func follow(_ location: String, from address: WebAddress, _ what: String) throws -> WebAddress {
    guard let target = address.resolving(location) else {
      throw RegistryFailure("\(what): \(address.authority) redirects to what is no http or https address: refused")
    }
    let mayBePlain = target.hasSameOrigin(as: base) || target.isLoopback || trust.isUnverified(target)
    if !target.isEncrypted && (address.isEncrypted || !mayBePlain) {
      throw RegistryFailure("\(what): \(address.authority) redirects to plain HTTP, \(target.shown): refused")
    }
    return target
  }

  private func execute(
    _ call: RegistryCall, at address: WebAddress, authorization: String?
  ) async throws -> HTTPClientResponse {
    var request = HTTPClientRequest(url: address.description)
    request.method = call.method
    request.headers = call.headers
    request.headers.add(name: "user-agent", value: "skiff")
    if let authorization { request.headers.add(name: "authorization", value: authorization) }
    request.body = try call.body?()
    request.tlsConfiguration = try trust.configuration(for: address)
    let deadline = call.seconds.map { NIODeadline.now() + .seconds($0) } ?? .distantFuture
    return try await http.execute(request, to: address, deadline: deadline)
  }
}
