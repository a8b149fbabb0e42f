internal import Kernel
internal import NIOSSL

/// Whom a connection trusts: the system's roots (`SSL_CERT_FILE` names others), and what lies in docker's and podman's
/// directories for one registry, `/etc/docker/certs.d/HOST[:PORT]`: authorities in `*.crt`, and in `*.cert` with `*.key` the
/// certificate that this client shows (docs.docker.com/engine/security/certificates).
struct TrustStore: Sendable {
  let directories: [Path]
  private let home: Path?

  init() {
    home = environment("HOME").flatMap { $0.isEmpty ? nil : Path($0).appending(".config/containers/certs.d") }
    directories = (home.map { [$0] } ?? []) + ["/etc/containers/certs.d", "/etc/docker/certs.d"]
  }

  /// - Parameter authority: `registry.example:5000`.
  func configuration(for authority: String, verifies: Bool) throws -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.applicationProtocols = ["http/1.1"]
    if !verifies { configuration.certificateVerification = .none }
    if let file = environment("SSL_CERT_FILE"), !file.isEmpty { configuration.trustRoots = .file(file) }
    for directory in directories {
      let folder = directory.appending(authority)
      let names = ((try? entries(of: folder)) ?? []).map(\.name.string).sorted()
      for name in names { try add(folder, name, isHomes: directory == home, to: &configuration) }
    }
    return configuration
  }

  private func add(
    _ folder: Path, _ name: String, isHomes: Bool, to configuration: inout TLSConfiguration
  ) throws {
    let path = folder.appending(name)
    func read(_ file: Path) throws -> [UInt8] {
      isHomes ? try readHomeFile(file) : try readFile(file, limit: 1 << 20)
    }
    do {
      if name.hasSuffix(".crt") {
        configuration.additionalTrustRoots.append(
          .certificates(try NIOSSLCertificate.fromPEMBytes(try read(path))))
      } else if name.hasSuffix(".cert") {
        let key = folder.appending(String(name.dropLast(5)) + ".key")
        configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(try read(path)).map { .certificate($0) }
        configuration.privateKey = .privateKey(
          try NIOSSLPrivateKey(bytes: try read(key), format: .pem))
      }
    } catch let error as RegistryFailure {
      throw error
    } catch {
      throw RegistryFailure(
        "cannot use the certificate \(path): \(error)", hint: "it must be readable, in PEM, and a .cert needs its .key")
    }
  }
}
