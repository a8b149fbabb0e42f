import Foundation
import Kernel
import Synchronization
import Testing

@testable import Monitoring

/// A relay between sockets of the loopback.
@Suite struct PortRelayTests {
  /// Descriptors of a test, closed with it.
  private final class Sockets: @unchecked Sendable {
    private var numbers: [Int32] = []
    deinit { for number in numbers { _ = Descriptor(owning: number) } }

    func keep(_ socket: consuming Descriptor) -> BorrowedDescriptor {
      let number = socket.release()
      numbers.append(number)
      return BorrowedDescriptor(rawValue: number)
    }

    func bound(_ kind: SocketKind) throws -> (socket: BorrowedDescriptor, address: SocketAddress) {
      let socket = try makeSocket(.ipv4, kind)
      try socket.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 0))
      if kind == .stream { try socket.borrowed.listen() }
      try socket.borrowed.setReceiveTimeout(seconds: 10)
      let address = try socket.borrowed.localAddress()
      return (keep(socket), address)
    }

    func connected(_ kind: SocketKind, to address: SocketAddress) throws -> BorrowedDescriptor {
      let socket = try makeSocket(.ipv4, kind)
      try socket.borrowed.connect(address)
      try socket.borrowed.setReceiveTimeout(seconds: 10)
      return keep(socket)
    }
  }

  /// - Parameter body: with the address of the relay, and how many connections it has.
  private func withRelay(
    _ kind: SocketKind, to target: SocketAddress?, most: Int = 512,
    _ body: (Sockets, SocketAddress, () -> Int) throws -> Void
  ) throws {
    let sockets = Sockets()
    let (listener, address) = try sockets.bound(kind)
    let shared = Shared()
    let done = DispatchSemaphore(value: 0)
    let port = RelayedPort(listener: listener.rawValue, isDatagram: kind == .datagram) { target }
    Thread.detachNewThread {
      do {
        var relay = try PortRelay([port], mostStreams: most)
        while !shared.isOver.withLock({ $0 }) {
          try relay.turn(milliseconds: 20)
          let count = relay.streamCount
          shared.count.withLock { $0 = count }
        }
      } catch { shared.failure.withLock { $0 = "\(error)" } }
      done.signal()
    }
    defer {
      shared.isOver.withLock { $0 = true }
      done.wait()
      #expect(shared.failure.withLock { $0 } == nil)
    }
    try body(sockets, address) { shared.count.withLock { $0 } }
  }

  private final class Shared: Sendable {
    let isOver = Mutex(false)
    let count = Mutex(0)
    let failure = Mutex<String?>(nil)
  }

  @Test func bothDirectionsArriveWhole() throws {
    let own = Sockets()
    let (server, target) = try own.bound(.stream)
    try withRelay(.stream, to: target) { sockets, address, count in
      // More than all buffers on the way hold, so that each end waits for the other.
      let up = (0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
      let down = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 11 &+ $0 >> 7) }
      let client = try sockets.connected(.stream, to: address)
      let inside = sockets.keep(try server.accept())
      let sent = DispatchSemaphore(value: 0)
      for (socket, bytes) in [(client, up), (inside, down)] {
        Thread.detachNewThread {
          try? socket.write(bytes)
          try? socket.shutDown(reading: false, writing: true)
          sent.signal()
        }
      }
      let got = Mutex<[UInt8]>([])
      let read = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        let bytes = (try? inside.readAll()) ?? []
        got.withLock { $0 = bytes }
        read.signal()
      }
      #expect(try client.readAll() == down)
      for semaphore in [sent, sent, read] { semaphore.wait() }
      #expect(got.withLock { $0 } == up)
      for _ in 0..<100 where count() > 0 { Thread.sleep(forTimeInterval: 0.02) }
      #expect(count() == 0)
    }
  }

  /// One side has said all that it has to say; the other has not.
  @Test func aHalfClosedConnectionGoesOn() throws {
    let own = Sockets()
    let (server, target) = try own.bound(.stream)
    try withRelay(.stream, to: target) { sockets, address, _ in
      let client = try sockets.connected(.stream, to: address)
      let inside = sockets.keep(try server.accept())
      try client.write("question")
      try client.shutDown(reading: false, writing: true)
      #expect(String(decoding: try inside.readAll(), as: UTF8.self) == "question")
      try inside.write("answer")
      try inside.shutDown(reading: false, writing: true)
      #expect(String(decoding: try client.readAll(), as: UTF8.self) == "answer")
    }
  }

  @Test func whoIsLedNowhereHearsSo() throws {
    let own = Sockets()
    let closed = try own.bound(.datagram).address
    for target in [nil, closed] {
      try withRelay(.stream, to: target) { sockets, address, count in
        let client = try sockets.connected(.stream, to: address)
        let fault = #expect(throws: Fault.self) { try client.readAll() }
        #expect(fault?.errno == .connectionReset)
        #expect(count() <= 1)
      }
    }
  }

  /// Who calls then waits until somebody has gone.
  @Test func thereAreNoMoreAtOnceThanAllowed() throws {
    let own = Sockets()
    let (server, target) = try own.bound(.stream)
    try withRelay(.stream, to: target, most: 2) { sockets, address, count in
      var clients: [BorrowedDescriptor] = []
      for _ in 0..<3 { clients.append(try sockets.connected(.stream, to: address)) }
      for _ in 0..<2 { _ = sockets.keep(try server.accept()) }
      #expect(try poll(server, .readable, milliseconds: 200).isEmpty)
      #expect(count() == 2)
      try clients[0].resetOnClose()
      try clients[0].shutDown(reading: true, writing: true)
      let inside = try clients[1].writeSome([1])
      #expect(inside == 1)
      // The first one's place is free once both its ends are gone.
      #expect(try poll(server, .readable, milliseconds: 200).isEmpty)
    }
  }

  @Test func eachCallerHasHisOwnAnswers() throws {
    let own = Sockets()
    let (server, target) = try own.bound(.datagram)
    try withRelay(.datagram, to: target) { sockets, address, _ in
      let callers = try (0..<3).map { _ in try sockets.connected(.datagram, to: address) }
      for round in 0..<2 {
        for (number, caller) in callers.enumerated() { _ = try caller.send([UInt8(number), UInt8(round)]) }
        for _ in callers {
          var buffer = [UInt8](repeating: 0, count: 64)
          let (length, sender) = try server.receiveWithSender(into: &buffer)
          _ = try server.send(Array(buffer[..<length]) + [9], to: sender)
        }
        for (number, caller) in callers.enumerated() {
          var buffer = [UInt8](repeating: 0, count: 64)
          #expect(try caller.receive(into: &buffer) == 3)
          #expect(buffer.prefix(3) == [UInt8(number), UInt8(round), 9])
        }
      }
    }
  }
}
