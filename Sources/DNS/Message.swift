package import Kernel

/// A record of a message.
package struct Record: Hashable, Sendable {
  package var name: DomainName
  package var type: RecordType
  package var recordClass: UInt16
  package var lifetime: UInt32
  package var value: Value

  package enum Value: Hashable, Sendable {
    case address(IPAddress)
    /// CNAME, PTR, NS
    case name(DomainName)
    /// As it stands there.
    case other([UInt8])
  }

  /// The value as a zone file has it; of what is only bytes, their number.
  package var valueText: String {
    switch value {
    case .address(let address): address.description
    case .name(let name): name.description
    case .other(let bytes): "\(bytes.count) bytes"
    }
  }
}

/// A whole message, for who wants to see what it says.
package struct Message: Hashable, Sendable {
  package var header: Header
  package var questions: [Question] = []
  package var answers: [Record] = []
  package var authorities: [Record] = []
  package var additional: [Record] = []

  /// Nil for what is cut or makes no sense.
  package init?(_ bytes: [UInt8]) {
    guard let header = Header(bytes) else { return nil }
    self.header = header
    var reader = MessageBytes(bytes)
    reader.seek(to: Header.size)
    // The counts are only the sender's word: it is the bytes that end the loops.
    for index in 0..<header.questions {
      guard let question = reader.question(mayPoint: index > 0) else { return nil }
      questions.append(question)
    }
    func records(_ count: UInt16) -> [Record]? {
      var found: [Record] = []
      for _ in 0..<count {
        guard let record = reader.record() else { return nil }
        found.append(record)
      }
      return found
    }
    guard let answers = records(header.answers), let authorities = records(header.authorities),
      let additional = records(header.additional)
    else { return nil }
    self.answers = answers
    self.authorities = authorities
    self.additional = additional
  }

  /// The code, with the upper bits that EDNS adds.
  package var code: ResponseCode {
    let upper = additional.first { $0.type == .options }.map { UInt16($0.lifetime >> 24) } ?? 0
    return ResponseCode(upper << 4 | header.flags.code.number)
  }

  /// The reason in words that came with it.
  package var errorText: String? {
    guard case .other(let data)? = additional.first(where: { $0.type == .options })?.value else { return nil }
    var reader = MessageBytes(data)
    while let option = reader.half(), let length = reader.half(), let value = reader.take(Int(length)) {
      if option == 15, value.count > 2 { return String(decoding: value.dropFirst(2), as: UTF8.self) }
    }
    return nil
  }
}

extension MessageBytes {
  mutating func record() -> Record? {
    guard let name = name(), let type = half(), let recordClass = half(), let lifetime = word(), let length = half(),
      bytes.count - position >= Int(length)
    else { return nil }
    let end = position + Int(length)
    var value: Record.Value?
    switch (RecordType(type), length) {
    case (.a, 4) where recordClass == 1:
      value = IPv4Address(bytes: bytes[position..<end]).map { .address(.v4($0)) }
    case (.aaaa, 16) where recordClass == 1:
      value = IPv6Address(bytes: bytes[position..<end]).map { .address(.v6($0)) }
    case (.cname, _), (.ptr, _), (RecordType(2), _):
      // It may point to before, and has to end where its record does.
      guard let target = self.name(), position == end else { return nil }
      value = .name(target)
    default: break
    }
    seek(to: end)
    return Record(
      name: name, type: RecordType(type), recordClass: recordClass, lifetime: lifetime,
      value: value ?? .other(Array(bytes[(end - Int(length))..<end])))
  }
}
