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
    ).ports.map(\.hostPort)
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

  private static func table() throws -> String {
    String(try run("nft", "list", "tables").split(whereSeparator: \.isWhitespace).last ?? "")
  }

  private static func handle() throws -> String {
    String(try run("nft", "-a", "list", "tables").split(separator: "handle ").last ?? "")
  }

  private static func led() throws -> Set<String> {
    Set(try run("nft", "list", "ruleset").matches(of: /(tcp|udp) \. (\d+) : [^ ]+ \. \d+/).map { String($0.0) })
  }

  /// Elements come and go: the table is the same one, whatever others do to theirs.
  @Test func aPortMoreIsAnElementMore() throws {
    try withStore { store in
      let first = PortRequest(.tcp, hostPorts: 8080...8080, containerPort: 80)
      _ = try Self.publish([first], 1, store)
      let handle = try Self.handle()
      let alone = try run("nft", "list", "ruleset")
      _ = try Self.publish([PortRequest(.udp, hostPorts: 53...53, containerPort: 5353)], 2, store)
      #expect(try Self.led().count == 2)
      try run("nft", "add", "table", "inet", "theirs")
      var local = first
      local.hostPorts = 9090...9090
      local.address = .v4(IPv4Address(127, 0, 0, 1))
      _ = try Self.publish([local], 3, store)
      #expect(try Self.led().count == 3)
      for number in [2, 3] { try store.release(identifier(number)) }
      try run("nft", "delete", "table", "inet", "theirs")
      #expect(try run("nft", "list", "ruleset") == alone)
      #expect(try Self.handle() == handle)
      // Whoever comes when the last one is gone finds the chains there.
      try store.release(identifier(1))
      #expect(try Self.led().isEmpty)
      _ = try Self.publish([first], 4, store)
      #expect(try Self.led() == ["tcp . 8080 : 172.17.0.2 . 80"])
      #expect(try Self.handle() == handle)
    }
  }

  /// As if somebody had been killed on the way: rules without what was written down of them, a claim without a rule, a rule that
  /// leads to the one before. Whoever comes next puts it right.
  @Test func whatAKillLeavesIsPutRight() throws {
    try withStore { store in
      func port(_ number: UInt16) -> PortRequest { PortRequest(.tcp, hostPorts: number...number, containerPort: 80) }
      _ = try Self.publish([port(8080)], 1, store)
      let state = store.run.appending(".firewall")
      let before = try readFile(state)
      _ = try Self.publish([port(8081)], 2, store)
      // Right behind the transaction.
      try replaceFile(state, with: before, durable: false)
      _ = try Self.publish([port(8082)], 3, store)
      #expect(try Self.led().count == 3)

      // A claim of somebody dead, with its rule or without: who wants the port gets it, and it leads to nobody else.
      _ = try Self.publish([port(8083)], 4, store, isAlive: everybody)
      for number in [8082, 8083] {
        let claim = store.run.appending(".ports/tcp-0.0.0.0-\(number)")
        let words = try readSymbolicLink(claim).string.split(separator: "/").map(String.init)
        try removeFile(claim)
        try makeSymbolicLink(claim, to: Path(([words[0], "0"] + words[2...]).joined(separator: "/")))
      }
      try run("nft", "delete", "element", "inet", Self.table(), "ports", "{ tcp . 8083 }")
      let dead: @Sendable (String) -> Bool = { ![identifier(3), identifier(4)].contains($0) }
      _ = try Self.publish([port(8082), port(8083)], 5, store, isAlive: dead)
      #expect(
        try Self.led() == [
          "tcp . 8080 : 172.17.0.2 . 80", "tcp . 8081 : 172.17.0.3 . 80", "tcp . 8082 : 172.17.0.6 . 80",
          "tcp . 8083 : 172.17.0.6 . 80",
        ])
      // The rule is gone and the claim is not: it goes too.
      try run("nft", "delete", "element", "inet", Self.table(), "ports", "{ tcp . 8081 }")
      try store.release(identifier(2))
      for number in [1, 5] { try store.release(identifier(number)) }
      #expect(try Self.led().isEmpty && entries(of: store.run.appending(".ports")).isEmpty)
    }
  }
}
