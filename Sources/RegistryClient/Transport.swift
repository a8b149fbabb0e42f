internal import AsyncHTTPClient
internal import Kernel
internal import NIOCore
internal import Synchronization

/// Carries calls to where they go, directly or through the proxy that the environment names.
final class Transport: Sendable {
  private let rules: ProxyRules
  private let stallSeconds: Int64
  /// A client goes through one proxy or none.
  private let clients = Mutex<[Proxy?: HTTPClient]>([:])

  init(stallSeconds: Int64) throws(RegistryFailure) {
    self.stallSeconds = stallSeconds
    rules = try ProxyRules { environment($0) }
  }

  /// - Parameter address: where the request goes, which says whether a proxy is on the way.
  func execute(
    _ request: HTTPClientRequest, to address: WebAddress, deadline: NIODeadline
  ) async throws -> HTTPClientResponse {
    let proxy = rules.proxy(for: address)
    do { return try await client(proxy).execute(request, deadline: deadline) } catch {
      guard let proxy else { throw error }
      throw ProxiedError(proxy: proxy, cause: error)
    }
  }

  private func client(_ proxy: Proxy?) -> HTTPClient {
    clients.withLock { clients in
      if let made = clients[proxy] { return made }
      let made = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration(proxy))
      clients[proxy] = made
      return made
    }
  }

  private func configuration(_ proxy: Proxy?) -> HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration()
    // They are followed where it is known what may go where.
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    configuration.timeout = .init(connect: .seconds(10), read: .seconds(stallSeconds))
    configuration.decompression = .disabled
    // Tries are counted by the connection; the client's own would go on until a call's deadline.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.proxy = proxy.map { proxy in
      switch proxy.kind {
      case .socks5: .socksServer(host: proxy.host, port: proxy.port)
      case .http:
        .server(
          host: proxy.host, port: proxy.port,
          authorization: proxy.credentials.map { .basic(credentials: Base64.encode($0)) })
      }
    }
    return configuration
  }

  func shutdown() async throws {
    for client in clients.withLock({ Array($0.values) }) { try await client.shutdown() }
  }
}

/// What went wrong on the way through a proxy, or at it.
struct ProxiedError: Error {
  var proxy: Proxy
  var cause: any Error
}
