internal import Kernel

/// Where another runtime sends the master of the pseudo terminal that it has made (runc's docs/terminals.md, "detached new
/// terminal"): one message with one descriptor, at a socket.
struct RuntimeConsole: ~Copyable {
  private let path: Path?
  private let listener: Descriptor?
  private let directory: Descriptor?
  /// The path that the runtime gets in place of one that is too long for sun_path.
  let replacement: (path: Path, by: Path)?

  /// Nothing, for a container without a terminal.
  static func listening(at path: Path?) throws(Fault) -> RuntimeConsole {
    guard let path else { return RuntimeConsole(nil, nil, nil, nil) }
    let listener = try listenUnix(path)
    if path.bytes.count <= 107 { return RuntimeConsole(path, listener, nil, nil) }
    let opened = try open(path.parent, [.path, .directory])
    let short = Path("/proc/\(processIdentifier())/fd/\(opened.rawValue)/\(path.name)")
    return RuntimeConsole(path, listener, opened, (path, short))
  }

  private init(
    _ path: Path?, _ listener: consuming Descriptor?, _ directory: consuming Descriptor?,
    _ replacement: (path: Path, by: Path)?
  ) {
    self.path = path
    self.listener = listener
    self.directory = directory
    self.replacement = replacement
  }

  /// The terminal that has been sent.
  borrowing func take() throws(Fault) -> Descriptor? {
    guard let path, let listener = listener.view else { return nil }
    defer { try? removeFile(path) }
    // By now the runtime has ended: what it sent is here.
    guard try !poll(listener, .readable, milliseconds: 1000).isEmpty else { throw Self.missing }
    let socket = try listener.accept()
    var buffer = [UInt8](repeating: 0, count: 4096)
    var message = try socket.borrowed.receiveMessage(into: &buffer, descriptorLimit: 1)
    guard let terminal = message.descriptors.take() else { throw Self.missing }
    return terminal
  }

  private static let missing = Fault(
    "recvmsg", .badMessage, arguments: "the console socket", hint: "the runtime has sent no terminal")
}
