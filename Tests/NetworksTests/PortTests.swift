import Kernel
import Networks
import Steps
import Testing

@Suite(.enabled(if: namespacesAreMissing == nil, "needs root: \(namespacesAreMissing ?? "")"))
struct PortTests {
  private static func publish(
    _ requests: [PortRequest], _ number: Int, _ store: NetworkStore, isAlive: (String) -> Bool = everybody
  ) throws -> [UInt16] {
    let attachment = try store.attach(identifier(number), to: "bridge", isAlive: everybody)
    return try store.publish(
      requests, for: identifier(number), at: attachment, isAlive: isAlive, name: { _ in "web" }
    ).map(\.hostPort)
  }

  private static func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "nothing was refused"
  }

  @Test func nobodyGetsAPortTwice() throws {
    try withStore { store in
      let all = PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 80)
      var local = all
      local.address = .v4(IPv4Address(127, 0, 0, 1))
      let first = try Self.publish([all], 1, store)
      #expect(first == [8080])
      // All addresses are that one too.
      for request in [all, local] {
        let words = Self.refusal { _ = try Self.publish([request], 2, store) }
        #expect(words.contains("8080/tcp is in use by container web"), "\(words)")
      }
      // Another transport, another port.
      var other = all
      other.transport = .udp
      let second = try Self.publish([other], 3, store)
      #expect(second == [8080])
      // Of a range the first that is free; of two addresses each has its own.
      local.hostPorts = 8080...8082
      let third = try Self.publish([local], 4, store)
      #expect(third == [8081])
      local.hostPorts = 8081...8081
      local.address = .v4(IPv4Address(127, 0, 0, 2))
      let fourth = try Self.publish([local], 5, store)
      #expect(fourth == [8081])
      // All or nothing.
      let words = Self.refusal {
        _ = try Self.publish([PortRequest(.tcp, hostPorts: 9000...9000, containerPort: 1), all], 6, store)
      }
      #expect(words.contains("8080"))
      let fifth = try Self.publish([PortRequest(.tcp, hostPorts: 9000...9000, containerPort: 1)], 7, store)
      #expect(fifth.count == 1)
    }
  }

  @Test func aProgramOfTheHostIsNamed() throws {
    try withStore { store in
      let socket = try makeSocket(.ipv4, .stream)
      try socket.borrowed.bind(.ipv4(IPv4Address(127, 0, 0, 1), port: 7777))
      try socket.borrowed.listen()
      let request = PortRequest(.tcp, hostPorts: 7777...7777, containerPort: 80)
      let words = Self.refusal { _ = try Self.publish([request], 1, store) }
      // A thread's namespace is not the process's, whose /proc/net lists others: then it is not found by name.
      #expect(words.contains("port 0.0.0.0:7777/tcp is in use by "), "\(words)")
      #expect(
        try Self.publish([PortRequest(.tcp, containerPort: 80)], 1, store).allSatisfy { $0 > 1023 })
    }
  }

  @Test func theDeadAndTheEndedGiveTheirPortsBack() throws {
    try withStore { store in
      let request = PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 80)
      _ = try Self.publish([request], 1, store)
      #expect(try run("nft", "list", "ruleset").contains("tcp . 8080 : "))
      try store.release(identifier(1))
      #expect(try !run("nft", "list", "ruleset").contains("8080"))

      _ = try Self.publish([request], 2, store)
      // As if the command that took it had been killed.
      let claim = store.run.appending(".ports/tcp-0.0.0.0-8080")
      let target = try readSymbolicLink(claim).string.split(separator: "/").map(String.init)
      try removeFile(claim)
      try makeSymbolicLink(claim, to: Path(([target[0], "0"] + target[2...]).joined(separator: "/")))
      try makeSymbolicLink(store.run.appending(".ports/nonsense"), to: "x")
      let healed = try store.heal { $0 != identifier(2) }
      #expect(healed.contains { $0.contains("port 0.0.0.0:8080/tcp") })
      #expect(try entries(of: store.run.appending(".ports")).isEmpty)
      #expect(try !run("nft", "list", "ruleset").contains("8080"))
    }
  }

  @Test func whoFlushesTheRulesGetsThemBackWithTheNextContainer() throws {
    try withStore { store in
      _ = try Self.publish([PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 80)], 1, store)
      let before = try run("nft", "list", "ruleset")
      try run("nft", "flush", "ruleset")
      _ = try store.attach(identifier(2), to: "bridge", isAlive: everybody)
      #expect(try run("nft", "list", "ruleset") == before)
    }
  }

  @Test func fiftyAtOnceEachGetAPortOfTheirOwn() throws {
    try withStore { store in
      let namespace = try currentNamespace()
      let here = namespace.borrowed
      let workers = (0..<50).map { number in
        background {
          try joinNamespace(here, .network)
          _ = try Self.publish([PortRequest(.tcp, hostPorts: 20_000...20_099, containerPort: 80)], number, store)
        }
      }
      for worker in workers { try worker() }
      let claims = try entries(of: store.run.appending(".ports")).map(\.name.string)
      #expect(Set(claims).count == 50)
      #expect(
        try run("nft", "list", "ruleset").split(separator: "\n").joined().matches(of: /tcp \. 20\d+ : 172/).count == 50)
    }
  }
}
