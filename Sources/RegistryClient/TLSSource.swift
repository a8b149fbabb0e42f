internal import NIOSSL
internal import Synchronization

/// The TLS configuration of each host that a registry leads to, made once.
final class TLSSource: Sendable {
  private let store = TrustStore()
  /// Hosts whose certificates nobody looks at: the person said so.
  private let unverified: Set<String>
  private let made = Mutex<[String: TLSConfiguration]>([:])

  /// - Parameter unverified: authorities, `registry.example:5000`.
  init(unverified: Set<String>) { self.unverified = unverified }

  func configuration(for address: WebAddress) throws -> TLSConfiguration {
    let authority = address.authority
    if let known = made.withLock({ $0[authority] }) { return known }
    let configuration = try store.configuration(for: authority, verifies: !unverified.contains(authority))
    made.withLock { $0[authority] = configuration }
    return configuration
  }

  func isUnverified(_ address: WebAddress) -> Bool { unverified.contains(address.authority) }
}
