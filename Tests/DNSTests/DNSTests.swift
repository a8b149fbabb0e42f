import Kernel
import Testing

@testable import DNS

/// `dig +edns` for example.test A, as bytes.
private let question: [UInt8] =
  [0x12, 0x34, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1] + [7] + Array("eXample".utf8) + [4] + Array("test".utf8)
  + [0, 0, 1, 0, 1, 0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0]

private func read(_ bytes: [UInt8]) -> Query? { if case .query(let query) = Incoming(bytes) { query } else { nil } }

@Suite struct QueryTests {
  @Test func readsAQuestion() throws {
    let query = try #require(read(question))
    #expect(query.header.identifier == 0x1234)
    #expect(query.question.name.description == "eXample.test.")
    #expect(query.question.name.hostName == "example.test")
    #expect(query.question.type == .a)
    #expect(query.options == QueryOptions(payloadSize: 4096, version: 0, wantsDNSSEC: true))
    #expect(query.datagramLimit == 4096)
  }

  @Test func everyPrefixIsRefusedOrIgnored() {
    for count in question.indices {
      switch Incoming(Array(question[..<count])) {
      case .query: Issue.record("\(count) bytes were taken for a question")
      case .ignored: #expect(count < 12)
      case .refused(let header, let code):
        #expect(count >= 12)
        #expect(code == .malformed)
        #expect(header.identifier == 0x1234)
      }
    }
  }

  @Test func answersAndOtherOperationsAreNoQuestions() {
    var answer = question
    answer[2] |= 0x80
    #expect(Incoming(answer) == .ignored)
    var update = question
    update[2] |= 5 << 3
    guard case .refused(_, .notImplemented) = Incoming(update) else {
      Issue.record("an update was taken for a question")
      return
    }
  }

  @Test(
    arguments: [
      [0xc0, 12],  // a pointer to itself
      [0xc0, 0], [0x40, 1, 0], [0x80, 1, 0], [63, 1, 2],
    ] as [[UInt8]])
  func hostileNamesAreRefused(name: [UInt8]) {
    #expect(read(Array(question[..<12]) + name + [0, 1, 0, 1]) == nil)
  }

  @Test func namesMayHave255BytesAndNotOneMore() throws {
    func name(_ last: UInt8) -> [UInt8] {
      var wire: [UInt8] = []
      for _ in 0..<3 { wire += [63] + [UInt8](repeating: 97, count: 63) }
      return wire + [last] + [UInt8](repeating: 98, count: Int(last)) + [0]
    }
    #expect(name(61).count == 255)
    let header = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] as [UInt8]
    let longest = try #require(read(header + name(61) + [0, 1, 0, 1]))
    #expect(longest.question.name.labels.count == 4)
    #expect(read(header + name(62) + [0, 1, 0, 1]) == nil)
    let text = String(longest.question.name.description.dropLast())
    #expect(DomainName(text)?.wire == name(61))
    #expect(DomainName(text + "b") == nil)
  }

  @Test func longQuestionsAreRefused() {
    // One option of so many bytes.
    func padded(_ count: Int) -> [UInt8] {
      Array(question.dropLast(2)) + [UInt8(count >> 8), UInt8(count & 255)] + [UInt8](repeating: 0, count: count)
    }
    #expect(read(padded(4096 - question.count)) != nil)
    #expect(read(padded(4097 - question.count)) == nil)
  }

  @Test func twoOptionRecordsAreRefused() {
    var twice = question + question.suffix(11)
    twice[11] = 2
    #expect(read(question) != nil)
    #expect(read(twice) == nil)
  }

  @Test func textBecomesNames() {
    #expect(DomainName("web")?.wire == [3, 119, 101, 98, 0])
    #expect(DomainName("web.") == DomainName("web"))
    #expect(DomainName(".")?.wire == [0])
    for text in ["", "..", ".web", "a..b", "a..", String(repeating: "a", count: 64)] {
      #expect(DomainName(text) == nil, "\(text)")
    }
    #expect(DomainName(wire: [3, 27, 46, 92, 0]).description == "\\027\\.\\\\.")
    #expect(DomainName(wire: [3, 27, 46, 92, 0]).hostName == nil)
  }

  @Test(arguments: ["10.1.2.3", "fd00::1:2", "::"])
  func addressesTurnedRoundComeBack(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(DomainName(reversing: address).reversedAddress == address)
  }

  @Test(arguments: ["3.2.1.in-addr.arpa", "3.2.1.010.in-addr.arpa", "256.2.1.10.in-addr.arpa", "1.ip6.arpa", "arpa"])
  func othersBelowArpaAreNoAddresses(text: String) throws {
    #expect(try #require(DomainName(text)).reversedAddress == nil)
  }
}

@Suite struct ReplyTests {
  private func addresses(_ count: Int) -> [AnswerRecord] {
    (0..<count).map { AnswerRecord(.address(.v4(IPv4Address(10, 0, UInt8($0 >> 8), UInt8($0 & 255)))), lifetime: 0) }
  }

  @Test func aReplyRepeatsTheQuestionAsItWasWritten() throws {
    let query = try #require(read(question))
    let bytes = Reply(to: query, .success, addresses(2)).bytes(limit: query.datagramLimit)
    let message = try #require(Message(bytes))
    #expect(message.header.identifier == 0x1234)
    #expect(message.header.flags.contains([.response, .recursionDesired, .recursionAvailable, .authoritative]))
    #expect(message.questions == [query.question])
    #expect(message.answers.map(\.valueText) == ["10.0.0.0", "10.0.0.1"])
    #expect(message.answers.allSatisfy { $0.name == query.question.name })
    #expect(message.additional.map(\.type) == [.options])
    #expect(query.isAnswered(by: bytes, identifier: 0x1234))
    #expect(!query.isAnswered(by: bytes, identifier: 0x1235))
  }

  @Test func withoutEDNSAnAnswerHas512BytesAndNoOptions() throws {
    var plain = Array(question.dropLast(11))
    plain[11] = 0
    let query = try #require(read(plain))
    let bytes = Reply(to: query, .success, addresses(100)).bytes(limit: query.datagramLimit)
    #expect(bytes.count <= 512)
    let message = try #require(Message(bytes))
    #expect(message.header.flags.contains(.truncated))
    #expect(message.answers.count == (512 - 12 - 18) / 16)
    #expect(message.additional == [])
    let whole = try #require(Message(Reply(to: query, .success, addresses(100)).bytes(limit: nil)))
    #expect(whole.answers.count == 100)
    #expect(!whole.header.flags.contains(.truncated))
  }

  @Test func aReasonInWordsComesWithTheCode() throws {
    let query = try #require(read(question))
    let reply = Reply(to: query, .serverFailure, error: ExtendedError(.prohibited, "network back is internal"))
    let message = try #require(Message(reply.bytes(limit: 512)))
    #expect(message.code == .serverFailure)
    #expect(message.errorText == "network back is internal")
    let bad = try #require(Message(Reply(to: query, .badVersion).bytes(limit: 512)))
    #expect(bad.code == .badVersion)
  }

  @Test func anAnswerThatIsTooLongIsCutAndKeepsItsNumber() throws {
    let query = try #require(read(question))
    let long = Reply(to: query, .success, addresses(1000)).bytes(limit: nil)
    let cut = query.passedOn(query.bytes(identifier: 7) + long.dropFirst(query.bytes.count), limit: 512)
    #expect(cut.count <= 512)
    #expect(Header(cut)?.flags.contains(.truncated) == true)
    let passed = query.passedOn(long, limit: nil)
    #expect(passed == long)
  }

  @Test func anAnswerToAnotherQuestionIsNone() throws {
    let query = try #require(read(question))
    var other = question
    other[13] = UInt8(ascii: "f")
    let answer = Reply(to: try #require(read(other)), .success).bytes(limit: 512)
    #expect(!query.isAnswered(by: answer, identifier: 0x1234))
    #expect(!query.isAnswered(by: question, identifier: 0x1234))
    // A server that cannot read EDNS says so without the question.
    #expect(query.isAnswered(by: [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0], identifier: 0x1234))
    #expect(!query.isAnswered(by: [0x12, 0x34, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0], identifier: 0x1234))
  }
}

@Suite struct MessageTests {
  /// www.a.test CNAME b.test, b.test A 10.0.0.9, with pointers.
  private let chained: [UInt8] =
    [0, 1, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0] + [3, 119, 119, 119, 1, 97, 4, 116, 101, 115, 116, 0, 0, 1, 0, 1]
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, 98, 0xc0, 18]
    + [0xc0, 40, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 9]

  @Test func followsPointers() throws {
    let message = try #require(Message(chained))
    #expect(message.answers.map(\.name.description) == ["www.a.test.", "b.test."])
    #expect(message.answers.map(\.valueText) == ["b.test.", "10.0.0.9"])
  }

  @Test func everyPrefixIsNoMessage() {
    for count in chained.indices { #expect(Message(Array(chained[..<count])) == nil, "\(count)") }
  }

  @Test func loopsOfPointersEnd() {
    var loop = chained
    // The CNAME's target points to itself, then to what points back to it.
    (loop[42], loop[43]) = (0xc0, 40)
    #expect(Message(loop) == nil)
    (loop[28], loop[29]) = (0xc0, 42)
    #expect(Message(loop) == nil)
  }

  /// The same as Fuzz/DNSFuzzer.swift, on mutations that are always the same.
  @Test func mutationsAreSurvived() {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    func random(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    var (messages, queries) = (0, 0)
    for round in 0..<40_000 {
      var bytes = round % 2 == 0 ? chained : question
      for _ in 0..<(1 + random(6)) {
        switch random(3) {
        case 0 where !bytes.isEmpty: bytes[random(bytes.count)] = UInt8(random(256))
        case 1 where !bytes.isEmpty: bytes.removeLast(random(bytes.count))
        default: bytes.insert(UInt8([0, 12, 0xc0, 0xff, 63][random(5)]), at: random(bytes.count + 1))
        }
      }
      if let message = Message(bytes) {
        messages += 1
        for record in message.answers { #expect(record.name.wire.count <= 255) }
        _ = message.errorText
      }
      guard case .query(let query) = Incoming(bytes) else { continue }
      queries += 1
      #expect(query.question.name.wire.count <= 255)
      let reply = Reply(to: query, .success, [AnswerRecord(.address(.v4(IPv4Address(1, 2, 3, 4))), lifetime: 0)])
      #expect(Message(reply.bytes(limit: query.datagramLimit)) != nil)
      #expect(query.isAnswered(by: reply.bytes(limit: nil), identifier: query.header.identifier))
    }
    #expect(messages > 1000 && queries > 1000, "\(messages) messages and \(queries) queries were read at all")
  }
}
