import Kernel
import Testing

@testable import Netlink

/// Answers as a kernel gives them when it is busy, short of memory, or out of step; made-up bytes.
@Suite struct ReplyReaderTests {
  private static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  /// struct nlmsghdr: length, type, flags, sequence, port; the payload.
  private static func message(_ type: UInt16, _ sequence: UInt32, flags: UInt16 = 0, _ payload: [UInt8]) -> [UInt8] {
    word(UInt32(16 + payload.count)) + [UInt8(type & 255), UInt8(type >> 8), UInt8(flags & 255), UInt8(flags >> 8)]
      + word(sequence) + word(0) + payload
  }

  private static func refusal(_ sequence: UInt32, _ errno: Int32) -> [UInt8] {
    message(2, sequence, word(UInt32(bitPattern: -errno)) + message(16, sequence, []))
  }

  private static func end(_ sequence: UInt32, _ errno: Int32 = 0) -> [UInt8] {
    message(3, sequence, flags: 2, word(UInt32(bitPattern: -errno)))
  }

  private static func answer(
    _ question: ReplyReader.Question, _ datagrams: [[UInt8]]
  ) throws -> (reader: ReplyReader, isOver: Bool) {
    var reader = ReplyReader(question, 7)
    for datagram in datagrams { if try reader.take(parseMessages(datagram[...])) { return (reader, true) } }
    return (reader, false)
  }

  @Test(arguments: [16, 105, 1, 95] as [Int32]) func refusalsAreFaults(number: Int32) throws {
    let questions: [ReplyReader.Question] = [.request, .dump, .transaction(first: 5)]
    for question in questions {
      let fault = #expect(throws: Fault.self) { try Self.answer(question, [Self.refusal(7, number)]) }
      #expect(fault?.errno.rawValue == number)
    }
    // A dump that ends in a fault has none of its objects to give.
    let fault = #expect(throws: Fault.self) {
      try Self.answer(.dump, [Self.message(16, 7, [1, 0, 0, 0]) + Self.end(7, number)])
    }
    #expect(fault?.errno.rawValue == number)
  }

  /// What was asked before and given up is still being answered.
  @Test func anotherQuestionsAnswerIsPassedOver() throws {
    let strange = Self.refusal(6, 16) + Self.message(16, 6, [9, 9, 9, 9]) + Self.end(6)
    for question in [ReplyReader.Question.request, .dump] {
      let (reader, isOver) = try Self.answer(
        question, [strange, Self.message(16, 7, [1, 0, 0, 0]), strange, Self.refusal(7, 0) + Self.end(7)])
      #expect(isOver && reader.objects.map(\.sequence) == [7])
    }
    // Of a transaction every number counts, and none before or behind.
    #expect(throws: Fault.self) { try Self.answer(.transaction(first: 5), [Self.refusal(5, 2)]) }
    for other in [4, 8, UInt32.max] {
      #expect(try !Self.answer(.transaction(first: 5), [Self.refusal(other, 2)]).isOver)
    }
    #expect(try Self.answer(.transaction(first: 5), [Self.refusal(6, 0), Self.refusal(7, 0)]).isOver)
    #expect(try !Self.answer(.transaction(first: 5), [Self.refusal(6, 0)]).isOver)
  }

  @Test func aDumpWithoutItsEndIsNotOver() throws {
    let whole =
      Self.message(16, 7, flags: 2, [1, 0, 0, 0]) + Self.message(16, 7, flags: 2, [2, 0, 0, 0]) + Self.end(7)
    let (reader, isOver) = try Self.answer(.dump, [whole])
    #expect(isOver && !reader.isInterrupted && reader.objects.map { $0.payload.first } == [1, 2])
    for count in 0..<whole.count {
      // Between two messages there is nothing wrong with it but that it goes on; anywhere else nothing of it is believed.
      if count % 20 == 0 {
        #expect(try !Self.answer(.dump, [Array(whole[..<count])]).isOver)
      } else {
        let fault = #expect(throws: Fault.self) { try Self.answer(.dump, [Array(whole[..<count])]) }
        #expect(fault?.errno == .badMessage)
      }
    }
    // NLM_F_DUMP_INTR on any message, the last among them.
    for marked in [
      Self.message(16, 7, flags: 0x12, [1, 0, 0, 0]) + Self.end(7), Self.message(3, 7, flags: 0x12, Self.word(0)),
    ] {
      let (reader, isOver) = try Self.answer(.dump, [marked])
      #expect(isOver && reader.isInterrupted)
    }
  }

  /// An acknowledgement without a number, and one that is no errno, are no acknowledgement.
  @Test func nonsenseIsNoAnswer() {
    for payload in [[], [1, 0, 0, 0], [0, 0, 0, 0x80]] as [[UInt8]] {
      let fault = #expect(throws: Fault.self) { try Self.answer(.request, [Self.message(2, 7, payload)]) }
      #expect(fault?.errno == .badMessage)
    }
  }

  @Test func whatPassesIsAskedAgain() throws {
    var answers: [Result<[Message]?, Fault>] = [
      .failure(Fault("netlink", .busy)), .success(nil), .failure(Fault("netlink", .noBufferSpace)), .success([]),
    ]
    var asked = 0
    #expect(
      try readAgain(8) { () throws(Fault) in
        asked += 1
        return try answers.removeFirst().get()
      }.isEmpty)
    #expect(asked == 4)
    for (fault, count) in [(Errno.busy, 8), (.noBufferSpace, 8), (.notPermitted, 1)] {
      asked = 0
      let thrown = #expect(throws: Fault.self) {
        try readAgain(8) { () throws(Fault) in
          asked += 1
          throw Fault("netlink", fault)
        }
      }
      #expect(thrown?.errno == fault && asked == count)
    }
    let changing = #expect(throws: Fault.self) { try readAgain(3) { () throws(Fault) in nil } }
    #expect(changing?.errno == .interrupted)
  }
}
