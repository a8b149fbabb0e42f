internal import AsyncHTTPClient
internal import Blobs
internal import Kernel
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

// What went wrong below HTTP, in words.

extension RegistryFailure {
  /// - Parameter cause: an error of the HTTP client, the event loop, TLS or the store.
  init(_ what: String, cause: any Error) {
    self.init("\(what): \(reason(cause))")
    if isUntrusted(cause) {
      hint =
        "put the authority's certificate into /etc/docker/certs.d/HOST/ca.crt, or use --tls-verify=false to trust anybody"
    }
    if let error = cause as? StoreError { hint = error.hint ?? error.fault?.usualHint }
    if isTransient(cause) { kind = .transient }
  }
}

extension RegistryConnection {
  static func failure(_ what: String, _ error: any Error) -> any Error {
    error is RegistryFailure ? error : RegistryFailure(what, cause: error)
  }
}

/// Whether the same call may succeed in a moment.
func isTransient(_ error: any Error) -> Bool {
  if let failure = error as? RegistryFailure { return failure.kind == .transient }
  if let error = error as? ProxiedError { return isTransient(error.cause) }
  if isUntrusted(error) { return false }
  switch error {
  case let error as HTTPClientError:
    let transient: [HTTPClientError] = [
      .remoteConnectionClosed, .readTimeout, .writeTimeout, .connectTimeout, .getConnectionFromPoolTimeout,
    ]
    return transient.contains(error)
  // A name that is not known, or a port where nobody listens, will be so in five seconds too.
  case let error as IOError: return error.errnoCode != Errno.connectionRefused.rawValue
  case let error as NIOConnectionError:
    return error.connectionErrors.contains { ($0.error as? IOError)?.errnoCode != Errno.connectionRefused.rawValue }
  case is ChannelError: return true
  // An answer that ended in its middle.
  case let error as HTTPParserError: return error == .invalidEOFState
  // A stream that was cut without TLS's goodbye.
  case NIOSSLError.uncleanShutdown: return true
  default: return false
  }
}

/// Whether TLS refused the other side's certificate.
func isUntrusted(_ error: any Error) -> Bool {
  if error is NIOSSLExtraError { return true }
  if let error = error as? ProxiedError { return isUntrusted(error.cause) }
  guard case NIOSSLError.handshakeFailed(let cause) = error else { return false }
  return "\(cause)".contains("CERTIFICATE_VERIFY_FAILED")
}

private func reason(_ error: any Error) -> String {
  if isUntrusted(error) { return "its certificate is not one to trust" }
  switch error {
  case let error as ProxiedError: return "\(reason(error.cause)), through the proxy \(error.proxy)"
  case let error as HTTPClientError:
    switch error {
    case .readTimeout: return "it has sent nothing for too long"
    case .connectTimeout: return "no connection in time"
    case .deadlineExceeded: return "it takes too long"
    case .proxyAuthenticationRequired: return "the proxy wants another user name and password"
    case .invalidProxyResponse: return "the proxy refuses to connect to it"
    case .httpProxyHandshakeTimeout, .socksHandshakeTimeout: return "the proxy does not answer"
    case .remoteConnectionClosed: return "the connection was cut"
    default: return error.shortDescription.lowercased()
    }
  case let error as NIOConnectionError:
    if let first = error.connectionErrors.first { return "\(error.host):\(error.port): \(reason(first.error))" }
    if error.dnsAError != nil || error.dnsAAAAError != nil { return "no address is known for \(error.host)" }
    return "no connection"
  case let error as IOError: return Errno(rawValue: error.errnoCode).description
  case let error as HTTPParserError:
    return error == .invalidEOFState ? "the connection was cut" : "what answers there does not speak HTTP"
  case NIOSSLError.uncleanShutdown: return "the connection was cut"
  case NIOSSLError.handshakeFailed: return "what answers there does not speak TLS with this client"
  default: return "\(error)"
  }
}
