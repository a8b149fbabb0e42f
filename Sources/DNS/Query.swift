/// A message that asks.
package struct Query: Hashable, Sendable {
  package var header: Header
  package var question: Question
  /// What its OPT record says; nil without one.
  package var options: QueryOptions?
  /// As it came.
  package var bytes: [UInt8]

  /// The question as it stands in the message, with the case that the asker chose: it is repeated so.
  var questionBytes: ArraySlice<UInt8> { bytes[Header.size..<(Header.size + question.name.wire.count + 4)] }

  /// What a datagram that answers may have at most: 512 without EDNS (RFC 1035 4.2.1, RFC 6891 6.2.3).
  package var datagramLimit: Int { max(512, Int(options?.payloadSize ?? 512)) }
}

/// EDNS, as far as a forwarder minds it (RFC 6891 6.1.3).
package struct QueryOptions: Hashable, Sendable {
  package var payloadSize: UInt16
  package var version: UInt8
  package var wantsDNSSEC: Bool
}

/// What came in, at first sight.
package enum Incoming: Hashable, Sendable {
  case query(Query)
  /// To be answered with a code alone: it is a question, but not one that can be read.
  case refused(Header, ResponseCode)
  /// Not even that: an answer, or noise. To answer it could make two servers talk for ever.
  case ignored

  /// More records behind a question, and more bytes in all, than anybody sends: questions are kept while others are asked.
  private static let additionalLimit = 16
  package static let sizeLimit = 4096

  package init(_ bytes: [UInt8]) {
    guard let header = Header(bytes), !header.flags.contains(.response) else {
      self = .ignored
      return
    }
    guard header.flags.operation == 0 else {
      self = .refused(header, .notImplemented)
      return
    }
    self = Self.read(header, bytes).map { .query($0) } ?? .refused(header, .malformed)
  }

  private static func read(_ header: Header, _ bytes: [UInt8]) -> Query? {
    guard bytes.count <= sizeLimit, header.questions == 1, header.answers == 0, header.authorities == 0,
      header.additional <= additionalLimit
    else { return nil }
    var reader = MessageBytes(bytes)
    reader.seek(to: Header.size)
    guard let question = reader.question(mayPoint: false) else { return nil }
    var query = Query(header: header, question: question, options: nil, bytes: bytes)
    for _ in 0..<header.additional {
      guard let record = reader.record() else { return nil }
      guard record.type == .options else { continue }
      // One, of the root (RFC 6891 6.1.1).
      guard query.options == nil, record.name == .root else { return nil }
      query.options = QueryOptions(
        payloadSize: record.recordClass, version: UInt8(record.lifetime >> 16 & 255),
        wantsDNSSEC: record.lifetime & 0x8000 != 0)
    }
    return query
  }
}

extension MessageBytes {
  mutating func question(mayPoint: Bool) -> Question? {
    guard let name = name(mayPoint: mayPoint), let type = half(), let recordClass = half() else { return nil }
    return Question(name, RecordType(type), recordClass: recordClass)
  }
}

extension Query {
  /// A question of one's own, with EDNS.
  package init(_ question: Question, identifier: UInt16, payloadSize: UInt16 = 1232) {
    var bytes = [UInt8(identifier >> 8), UInt8(identifier & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    bytes += question.name.wire
    for value in [question.type.number, question.recordClass] { bytes += [UInt8(value >> 8), UInt8(value & 255)] }
    bytes += [0, 0, 41, UInt8(payloadSize >> 8), UInt8(payloadSize & 255), 0, 0, 0, 0, 0, 0]
    var header = Header(bytes) ?? Header(identifier: identifier)
    header.identifier = identifier
    self.init(
      header: header, question: question,
      options: QueryOptions(payloadSize: payloadSize, version: 0, wantsDNSSEC: false), bytes: bytes)
  }

  /// The message as somebody else is asked it: the same but for the number, which only the two of us know.
  package func bytes(identifier: UInt16) -> [UInt8] { renumbered(bytes, identifier) }

  /// Whether `answer` answers this question when it was asked under `identifier`. A server that cannot read the question may
  /// leave it out.
  package func isAnswered(by answer: [UInt8], identifier: UInt16) -> Bool {
    guard let header = Header(answer), header.identifier == identifier, header.flags.contains(.response),
      header.flags.operation == self.header.flags.operation
    else { return false }
    if header.questions == 0 { return header.flags.code != .success && header.answers == 0 }
    var reader = MessageBytes(answer)
    reader.seek(to: Header.size)
    guard header.questions == 1, let asked = reader.question(mayPoint: false) else { return false }
    return asked.matches(question)
  }

  /// Somebody else's answer, as whoever asked this gets it: with their number, and cut where it is too long.
  ///
  /// - Parameter limit: nil by TCP.
  package func passedOn(_ answer: [UInt8], limit: Int?) -> [UInt8] {
    let answer = renumbered(answer, header.identifier)
    guard let limit, answer.count > limit, let header = Header(answer) else { return answer }
    var reply = Reply(to: self, header.flags.code)
    reply.isCut = true
    reply.isAuthoritative = header.flags.contains(.authoritative)
    return reply.bytes(limit: limit)
  }
}

private func renumbered(_ message: [UInt8], _ identifier: UInt16) -> [UInt8] {
  guard message.count >= 2 else { return message }
  var message = message
  message[0] = UInt8(identifier >> 8)
  message[1] = UInt8(identifier & 255)
  return message
}

extension Header {
  init(identifier: UInt16) {
    self.identifier = identifier
    flags = .recursionDesired
    (questions, answers, authorities, additional) = (1, 0, 0, 1)
  }
}
