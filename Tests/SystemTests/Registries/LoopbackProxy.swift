import Foundation

/// An HTTP proxy on loopback that knows the method CONNECT alone, leads to one port whatever it is asked for, and writes down
/// what it was asked.
final class LoopbackProxy {
  private let server: LoopbackServer
  private let record: String
  var address: String { "127.0.0.1:\(server.port)" }

  /// - Parameters:
  ///   - target: the port that all of it leads to.
  ///   - credentials: `NAME:PASSWORD`, without which it refuses.
  init(in folder: URL, to target: UInt16, credentials: String) throws {
    let script = folder.appending(path: "proxy-\(UUID().uuidString.prefix(8)).py").path
    try Data(Self.program.utf8).write(to: URL(filePath: script))
    record = script + ".record"
    FileManager.default.createFile(atPath: record, contents: nil)
    server = try LoopbackServer("python3 \(script) $PORT \(target) '\(credentials)' \(record)", log: script + ".log")
  }

  /// `CONNECT registry.test:443`, line by line; `refused` behind it where the password was not right.
  func requests() throws -> [String] {
    try String(contentsOfFile: record, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private static let program = #"""
    import base64, socket, socketserver, sys, threading

    port, target, record = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
    expected = "Basic " + base64.b64encode(sys.argv[3].encode()).decode()
    lock = threading.Lock()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline().decode().strip()
            headers = {}
            while (header := self.rfile.readline().decode().strip()):
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            if not line: return
            method, where, _ = line.split()
            may = headers.get("proxy-authorization") == expected
            with lock, open(record, "a") as out: out.write(f"{method} {where}{'' if may else ' refused'}\n")
            if not may: return self.wfile.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
            if method != "CONNECT": return self.wfile.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
            upstream = socket.create_connection(("127.0.0.1", target))
            self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            def pump(source, sink):
                try:
                    while (data := source.recv(65536)): sink.sendall(data)
                except OSError: pass
                for end in (source, sink):
                    try: end.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            back = threading.Thread(target=pump, args=(upstream, self.connection))
            back.start()
            pump(self.connection, upstream)
            back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    Server(("127.0.0.1", port), Handler).serve_forever()
    """#
}
