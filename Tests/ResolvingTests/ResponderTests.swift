import DNS
import Kernel
import Testing

@testable import Resolving

@Suite struct KnownNameTests {
  private func asked() throws -> Asked { try Asked(.sample { .closed("network back is internal") }) }

  @Test func addressesComeInTurn() throws {
    let asked = try asked()
    var first: [String] = []
    for _ in 0..<4 {
      let message = try asked.ask("WEB")
      #expect(message.code == .success)
      #expect(message.answers.count == 2)
      first.append(message.answers[0].valueText)
      // Asked for together, as programs do; it must not take a turn of the other.
      #expect(try asked.ask("web", .aaaa).answers == [])
    }
    #expect(Set(first[..<2]) == ["10.9.0.2", "10.9.0.3"])
    #expect(first[0] == first[2] && first[1] == first[3])
  }

  @Test func aKnownNameWithoutTheKindIsNoError() throws {
    let asked = try asked()
    for type in [RecordType.aaaa, RecordType(15), RecordType(65)] {
      let message = try asked.ask("web", type)
      #expect(message.code == .success)
      #expect(message.answers == [])
    }
    #expect(try asked.ask("db", .aaaa).answers.map(\.valueText) == ["fd00::4"])
    #expect(try asked.ask("db", .any).answers.count == 2)
  }

  @Test func addressesHaveNames() throws {
    let asked = try asked()
    #expect(try asked.ask("4.0.9.10.in-addr.arpa", .ptr).answers.map(\.valueText) == ["db.back."])
    #expect(try asked.ask("9.0.9.10.in-addr.arpa", .ptr).code == .noSuchName)
  }

  @Test func nothingIsForwardedWhereNothingMayBe() throws {
    let asked = try asked()
    let message = try asked.ask("example.test")
    #expect(message.code == .serverFailure)
    #expect(message.errorText == "network back is internal")
    #expect(!asked.isBusy)
  }

  @Test func namesAreRememberedUntilOneChanges() throws {
    let looks = Monitor(0)
    let generation = Monitor<UInt64?>(1)
    let address = KnownAddress(.v4(IPv4Address(10, 9, 0, 2)), container: "web", network: "back")
    var source = NameSource.sample { .closed("closed") }
    source.addresses = { name in
      looks.update { $0 += 1 }
      return name == "web" ? [address] : nil
    }
    source.generation = { generation.update { $0 } }
    let asked = try Asked(source)
    for _ in 0..<3 { #expect(try asked.ask("web").answers.count == 1) }
    for _ in 0..<3 { #expect(try asked.ask("other").code == .serverFailure) }
    #expect(looks.update { $0 } == 2)
    generation.update { $0 = 2 }
    _ = try asked.ask("web")
    #expect(looks.update { $0 } == 3)
    // Where changes are not known of, it looks every time.
    generation.update { $0 = nil }
    for _ in 0..<2 { _ = try asked.ask("web") }
    #expect(looks.update { $0 } == 5)
  }

  @Test func whatIsNoQuestionIsRefusedInItsOwnWords() throws {
    let asked = try asked()
    _ = try asked.socket.borrowed.send([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1])
    let message = try #require(try asked.answer())
    #expect(message.code == .malformed)
    #expect(message.header.identifier == 9)
  }

  @Test func severalQuestionsOfOneStreamAreAnswered() throws {
    let asked = try asked()
    let stream = try makeSocket(.ipv4, .stream, nonBlocking: true)
    do throws(Fault) { try stream.borrowed.connect(.ipv4(IPv4Address(127, 0, 0, 1), port: asked.port)) } catch {
      try #require(error.errno == .inProgress)
    }
    var bytes: [UInt8] = []
    for identifier in 1...3 as ClosedRange<UInt16> {
      bytes += framed(Query(Question(try #require(DomainName("web")), .a), identifier: identifier).bytes)
    }
    // The last one comes in two pieces.
    let view = stream.borrowed
    var rest = bytes
    var received: [UInt8] = []
    var messages: [Message] = []
    let count = try asked.work {
      if !rest.isEmpty {
        let piece = Array(rest.prefix(rest.count > 10 ? rest.count - 7 : rest.count))
        if let sent = try? view.send(piece, .doNotWait) { rest.removeFirst(sent) }
      }
      var buffer = [UInt8](repeating: 0, count: 4096)
      if let count = try? view.receive(into: &buffer, .doNotWait) { received += buffer[..<count] }
      while let message = takeFrame(from: &received) { messages.append(try #require(Message(message))) }
      return messages.count == 3 ? 3 : nil
    }
    #expect(count == 3)
    #expect(messages.map(\.header.identifier) == [1, 2, 3])
    #expect(messages.allSatisfy { $0.answers.count == 2 })
    // Half closed by the asker: the responder lets go of it too.
    try view.shutDown(reading: false, writing: true)
    let end = try asked.work { () -> Int? in
      var buffer = [UInt8](repeating: 0, count: 16)
      return try? view.receive(into: &buffer, .doNotWait)
    }
    #expect(end == 0)
    #expect(!asked.isBusy)
  }
}

@Suite struct ForwardingTests {
  @Test func anAnswerComesBackUnderTheAskersNumber() throws {
    let server = try FakeServer(answering: "192.0.2.1")
    let address = server.server
    let asked = try Asked(.sample { .servers([address]) })
    let message = try asked.ask("example.test", identifier: 4711, servers: [server])
    #expect(message.answers.map(\.valueText) == ["192.0.2.1"])
    #expect(message.header.identifier == 4711)
    #expect(!asked.isBusy)
    // A number and a port of its own for each: none can be told from the last.
    for _ in 0..<8 { _ = try asked.ask("example.test", identifier: 4711, servers: [server]) }
    #expect(Set(server.asked.map(\.header.identifier)).count > 5)
  }

  @Test func whoSendsTheSameAgainMakesNoSecondQuestion() throws {
    let record = AnswerRecord(.address(.v4(IPv4Address(192, 0, 2, 1))), lifetime: 60)
    let server = try FakeServer { query, send in
      if query.question.name.hostName != "slow.test" { send(Reply(to: query, .success, [record]).bytes(limit: nil)) }
    }
    let address = server.server
    let asked = try Asked(.sample { .servers([address]) })
    let slow = Query(Question(try #require(DomainName("slow.test")), .a), identifier: 5)
    for _ in 0..<3 { _ = try asked.socket.borrowed.send(slow.bytes) }
    _ = try asked.work([server]) { server.asked.isEmpty ? nil : true }
    // Another one is answered meanwhile: nothing waits for the slow one.
    #expect(try asked.ask("quick.test", identifier: 6, servers: [server]).header.identifier == 6)
    #expect(server.asked.filter { $0.question.name.hostName == "slow.test" }.count == 1)
  }

  @Test func forgedAnswersAreNotBelieved() throws {
    let (false_, true_) = (IPv4Address(6, 6, 6, 6), IPv4Address(192, 0, 2, 7))
    func record(_ address: IPv4Address) -> [AnswerRecord] { [AnswerRecord(.address(.v4(address)), lifetime: 60)] }
    let server = try FakeServer { query, send in
      // Another number, another question, a question instead of an answer; then what was asked.
      send(
        Reply(to: Query(query.question, identifier: query.header.identifier &+ 1), .success, record(false_)).bytes(
          limit: nil))
      guard let other = DomainName("other.test") else { return }
      let asked = Query(Question(other, .a), identifier: query.header.identifier)
      send(Reply(to: asked, .success, record(false_)).bytes(limit: nil))
      send(query.bytes)
      send([1, 2, 3])
      send(Reply(to: query, .success, record(true_)).bytes(limit: nil))
    }
    let address = server.server
    let asked = try Asked(.sample { .servers([address]) })
    #expect(try asked.ask("example.test", servers: [server]).answers.map(\.valueText) == ["192.0.2.7"])
  }

  @Test func anotherServerIsAskedWhereOneDoesNotServe() throws {
    // A port where nobody listens: the kernel says so at once.
    let closed = try FakeServer(answering: "192.0.2.9").server
    let failing = try FakeServer { query, send in send(Reply(to: query, .serverFailure).bytes(limit: nil)) }
    let server = try FakeServer(answering: "192.0.2.1")
    let all = [closed, failing.server, server.server]
    let asked = try Asked(.sample { .servers(all) })
    #expect(try asked.ask("example.test", servers: [failing, server]).answers.map(\.valueText) == ["192.0.2.1"])
    #expect(failing.asked.count == 1)
  }

  @Test func whereNobodyServesTheReasonIsToldAtOnce() throws {
    let closed = try FakeServer(answering: "192.0.2.9").server
    let asked = try Asked(.sample { .servers([closed]) })
    let message = try asked.ask("example.test")
    #expect(message.code == .serverFailure)
    #expect(message.errorText == "127.0.0.1 port \(closed.port) does not serve names")
    let none = try Asked(.sample { .servers([]) })
    #expect(try none.ask("example.test").errorText == "the host's /etc/resolv.conf names no server")
  }

  @Test func theLastServersRefusalIsPassedOn() throws {
    let refusing = try FakeServer { query, send in send(Reply(to: query, .refused).bytes(limit: nil)) }
    let address = refusing.server
    let asked = try Asked(.sample { .servers([address]) })
    #expect(try asked.ask("example.test", servers: [refusing]).code == .refused)
  }

  @Test func aSilentServerIsGivenUp() throws {
    let silent = try FakeServer { _, _ in }
    let server = try FakeServer(answering: "192.0.2.1")
    let all = [silent.server, server.server]
    let asked = try Asked(.sample { .servers(all) })
    #expect(try asked.ask("example.test", servers: [silent, server]).answers.count == 1)
    #expect(silent.asked.count == 1)
  }

  @Test func hundredsAtOnceAreAllAnswered() throws {
    let server = try FakeServer(answering: "192.0.2.1")
    let address = server.server
    let asked = try Asked(.sample { .servers([address]) })
    let count: UInt16 = 600
    var answered: Set<UInt16> = []
    let view = asked.socket.borrowed
    try view.setReceiveBuffer(4 << 20)
    try server.socket.borrowed.setReceiveBuffer(4 << 20)
    try asked.responder.sockets.datagrams.borrowed.setReceiveBuffer(4 << 20)
    for identifier in 1...count {
      _ = try view.send(
        Query(Question(try #require(DomainName("n\(identifier).test")), .a), identifier: identifier).bytes)
    }
    let all = try asked.work([server]) { () -> Bool? in
      var buffer = [UInt8](repeating: 0, count: 4096)
      while let size = try? view.receive(into: &buffer, .doNotWait) {
        guard let message = Message(Array(buffer[..<size])) else { continue }
        if message.answers.count == 1 { answered.insert(message.header.identifier) }
      }
      return answered.count == Int(count) ? true : nil
    }
    #expect(all == true)
    #expect(answered.count == Int(count))
    #expect(!asked.isBusy)
  }

  @Test func whatContainersSendDoesNotEndTheResponder() throws {
    let asked = try Asked(.sample { .closed("closed") })
    var state: UInt64 = 7
    func random(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let sample = Query(Question(try #require(DomainName("web.test")), .a), identifier: 1).bytes
    for _ in 0..<2000 {
      var bytes = sample
      for _ in 0..<random(5) { bytes[random(bytes.count)] = UInt8(random(256)) }
      bytes.removeLast(random(bytes.count))
      _ = try asked.socket.borrowed.send(bytes)
      asked.responder.serve()
      var buffer = [UInt8](repeating: 0, count: 4096)
      while (try? asked.socket.borrowed.receive(into: &buffer, .doNotWait)) != nil {}
    }
    #expect(try asked.ask("web", identifier: 9).answers.count == 2)
  }
}
