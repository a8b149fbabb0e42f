// libFuzzer's way into the messages that containers ask with and servers answer: Fuzz/run DNS.
// The same is held on bounded, deterministic mutations by Tests/DNSTests/DNSTests.swift.
import Kernel
@testable import DNS

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  if let message = Message(bytes) {
    let records = message.answers + message.authorities + message.additional
    // Each takes a byte of name and ten more.
    precondition(records.count <= count / 11)
    for record in records {
      precondition(record.name.wire.count <= 255)
      _ = record.name.description
      _ = record.valueText
    }
    _ = message.code
    _ = message.errorText
  }
  guard case .query(let query) = Incoming(bytes) else { return 0 }
  precondition(query.question.name.wire.count <= 255)
  precondition(DomainName(wire: query.question.name.wire).labels.allSatisfy { (1...63).contains($0.count) })
  _ = query.question.name.reversedAddress
  if let name = query.question.name.hostName {
    precondition(DomainName(name) == query.question.name.lowercased)
  }
  let records = (0..<40).map { AnswerRecord(.address(.v4(IPv4Address(value: $0))), lifetime: 0) }
  let reply = Reply(to: query, .success, records, error: ExtendedError(.other, "why"))
  let answer = reply.bytes(limit: query.datagramLimit)
  precondition(answer.count <= query.datagramLimit)
  precondition(Message(answer) != nil)
  precondition(query.isAnswered(by: answer, identifier: query.header.identifier))
  precondition(query.passedOn(bytes, limit: 512).count <= 512 || count <= 512)
  // What a server may answer, cut out of the same bytes.
  _ = query.isAnswered(by: Array(bytes.dropFirst(count / 2)), identifier: query.header.identifier)
  return 0
}
