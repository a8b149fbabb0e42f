import DNS
import Kernel
import Testing

@testable import Resolving

/// A responder on 127.0.0.1 and those who ask it: everything on the loopback, in one thread, so that nothing is late.
final class Asked {
  var responder: Responder
  let port: UInt16
  let socket: Descriptor

  init(_ source: NameSource) throws {
    let datagrams = try makeSocket(.ipv4, .datagram, nonBlocking: true)
    try datagrams.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 0))
    let port = try #require(try datagrams.borrowed.localAddress().ipv4).port
    let listener = try makeSocket(.ipv4, .stream, nonBlocking: true)
    try listener.borrowed.reuseAddress()
    try listener.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: port))
    try listener.borrowed.listen()
    let responder = try Responder.answering(NameSockets(datagrams: datagrams, listener: listener), source)
    let socket = try makeSocket(.ipv4, .datagram, nonBlocking: true)
    try socket.borrowed.connect(.ipv4(IPv4Address(127, 0, 0, 1), port: port))
    self.port = port
    self.responder = responder
    self.socket = socket
  }

  var isBusy: Bool { responder.isBusy }

  /// Lets the responder and the servers work until `done` gives something; nil after a long while.
  func work<Value>(_ servers: [FakeServer] = [], until done: () throws -> Value?) throws -> Value? {
    let end = monotonicNanoseconds() + 60_000_000_000
    while monotonicNanoseconds() < end {
      if let value = try done() { return value }
      _ = try poll(responder.borrowed, .readable, milliseconds: 5)
      responder.serve()
      for server in servers { try server.serve() }
    }
    return nil
  }

  func ask(
    _ name: String, _ type: RecordType = .a, identifier: UInt16 = 77, servers: [FakeServer] = []
  ) throws -> Message {
    let query = Query(Question(try #require(DomainName(name)), type), identifier: identifier)
    _ = try socket.borrowed.send(query.bytes)
    return try #require(try answer(servers))
  }

  func answer(_ servers: [FakeServer] = []) throws -> Message? {
    let socket = socket.borrowed
    return try work(servers) {
      var buffer = [UInt8](repeating: 0, count: 4096)
      guard let count = try? socket.receive(into: &buffer, .doNotWait) else { return nil }
      return try #require(Message(Array(buffer[..<count])))
    }
  }
}

/// A server of the test on a port of its own. What it does with a question is up to `behave`.
final class FakeServer {
  let socket: Descriptor
  let server: NameServer
  var asked: [Query] = []
  private let behave: (Query, (([UInt8]) -> Void)) -> Void

  init(address: IPv4Address = IPv4Address(127, 0, 0, 1), _ behave: @escaping (Query, (([UInt8]) -> Void)) -> Void)
    throws
  {
    socket = try makeSocket(.ipv4, .datagram, nonBlocking: true)
    try socket.borrowed.bind(.ipv4(address, port: 0))
    server = NameServer(.v4(address), port: try #require(try socket.borrowed.localAddress().ipv4).port)
    self.behave = behave
  }

  /// Answers everything with one address.
  convenience init(answering address: String) throws {
    let record = AnswerRecord(.address(try #require(IPAddress(address))), lifetime: 60)
    try self.init { query, send in send(Reply(to: query, .success, [record]).bytes(limit: nil)) }
  }

  func serve() throws {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while let (count, sender) = try? socket.borrowed.receiveWithSender(into: &buffer, .doNotWait) {
      guard case .query(let query) = Incoming(Array(buffer[..<count])) else { continue }
      asked.append(query)
      behave(query) { _ = try? socket.borrowed.send($0, to: sender) }
    }
  }
}

extension NameSource {
  /// web has two addresses of IPv4, db one of each family; 10.9.0.0/24 is a network of ours.
  static func sample(_ upstream: @escaping @Sendable () -> Upstream) -> NameSource {
    let names = ["web": ["10.9.0.2", "10.9.0.3"], "db": ["10.9.0.4", "fd00::4"]]
    return NameSource(
      addresses: { name in
        names[name]?.compactMap { IPAddress($0).map { KnownAddress($0, container: name, network: "back") } }
      },
      owner: { address in
        guard case .v4(let address) = address, address.description.hasPrefix("10.9.0.") else { return .elsewhere }
        return address == IPv4Address(10, 9, 0, 4) ? .names(["db.back"]) : .nobody
      },
      upstream: upstream)
  }
}
