import Foundation
import Kernel
import Testing

/// A server of a test's own on 127.0.0.1, ended with it.
final class LoopbackServer {
  let port: UInt16
  private let shell: Shell

  /// - Parameter command: a shell line that becomes the server; `$PORT` is its port.
  init(_ command: String, log: String) throws {
    port = try Self.freePort()
    shell = try Shell("PORT=\(port); exec >\(log) 2>&1 </dev/null; exec \(command)")
    for _ in 0..<500 {
      if let socket = try? makeSocket(.ipv4, .stream),
        (try? socket.borrowed.connect(.ipv4(IPv4Address(127, 0, 0, 1), port: port))) != nil
      {
        return
      }
      usleep(20_000)
    }
    throw Sandbox.Failure(
      description: "no server on \(port): \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
  }

  private static func freePort() throws -> UInt16 {
    let socket = try makeSocket(.ipv4, .stream)
    try socket.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 0))
    let bytes = try socket.borrowed.localAddress().bytes
    return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
  }
}

/// Debian's docker-registry with an empty store.
final class LoopbackRegistry {
  let server: LoopbackServer
  var host: String { "localhost:\(server.port)" }

  static var isHere: Bool { mayExecute("/usr/bin/docker-registry") }

  /// - Parameters:
  ///   - tls: whether it has a certificate, signed by the authority in `authority`.
  ///   - name: whom the certificate is for.
  ///   - password: of the user alice, when it lets nobody else in.
  init(in folder: URL, tls: Bool = false, name: String = "localhost", password: String? = nil) throws {
    let place = folder.appending(path: "registry-\(UUID().uuidString.prefix(8))").path
    authority = place + "/ca.crt"
    var lines = ["mkdir -p \(place)/data", "cd \(place)"]
    var http = "addr: 127.0.0.1:$PORT"
    if tls {
      lines += [
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=test-authority -days 2",
        "openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=\(name)",
        "printf 'subjectAltName=DNS:\(name)' >extensions",
        "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile extensions",
      ]
      http += ", tls: {certificate: \(place)/server.crt, key: \(place)/server.key}"
    }
    var auth = ""
    if let password {
      lines.append("htpasswd -Bbc users alice '\(password)'")
      auth = "auth: {htpasswd: {realm: test, path: \(place)/users}}"
    }
    lines.append(
      """
      cat >config.yml <<END
      version: 0.1
      storage: {filesystem: {rootdirectory: \(place)/data}, delete: {enabled: true}}
      http: {\(http)}
      \(auth)
      END
      """)
    let script = place + ".sh"
    try Data(("set -e\n" + lines.joined(separator: "\n") + "\nexec docker-registry serve config.yml\n").utf8)
      .write(to: URL(filePath: script))
    server = try LoopbackServer("env PORT=$PORT /bin/sh \(script)", log: place + ".log")
  }

  let authority: String
}
