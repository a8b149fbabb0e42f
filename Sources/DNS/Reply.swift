package import Kernel

/// A record that we answer with, of the name that was asked for.
package struct AnswerRecord: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case address(IPAddress)
    /// PTR
    case name(DomainName)
  }
  package var value: Value
  /// For how many seconds it may be remembered.
  package var lifetime: UInt32

  package init(_ value: Value, lifetime: UInt32) {
    self.value = value
    self.lifetime = lifetime
  }

  var type: RecordType {
    switch value {
    case .address(.v4): .a
    case .address(.v6): .aaaa
    case .name: .ptr
    }
  }

  var data: [UInt8] {
    switch value {
    case .address(let address): address.bytes
    case .name(let name): name.wire
    }
  }
}

/// Why there is no answer, for people: dig prints it (RFC 8914).
package struct ExtendedError: Hashable, Sendable {
  package enum Code: UInt16, Sendable {
    case other = 0
    case prohibited = 18
    case noReachableAuthority = 22
    case networkError = 23
  }
  package var code: Code
  package var text: String
  package init(_ code: Code, _ text: String) {
    self.code = code
    self.text = text
  }
}

/// An answer of ours.
package struct Reply: Hashable, Sendable {
  private let header: Header
  private let question: ArraySlice<UInt8>
  private let hasOptions: Bool
  package var code: ResponseCode
  package var records: [AnswerRecord]
  package var error: ExtendedError?
  /// We are who knows it.
  package var isAuthoritative = true
  /// More than what is here; the asker is to come again by TCP.
  package var isCut = false

  /// The size of datagrams that we take: no packet of that size is split on the way (the DNS flag day of 2020).
  static let payloadSize: UInt16 = 1232

  package init(to query: Query, _ code: ResponseCode, _ records: [AnswerRecord] = [], error: ExtendedError? = nil) {
    header = query.header
    question = query.questionBytes
    hasOptions = query.options != nil
    self.code = code
    self.records = records
    self.error = error
  }

  /// To a question that cannot be read.
  package init(to header: Header, _ code: ResponseCode) {
    self.header = header
    question = []
    hasOptions = false
    self.code = code
    records = []
    isAuthoritative = false
  }

  /// - Parameter limit: in bytes; nil by TCP, where 65,535 fit. Records that do not fit are left out, and TC says so.
  package func bytes(limit: Int?) -> [UInt8] {
    let limit = min(limit ?? 65_535, 65_535)
    var flags = header.flags.intersection([.recursionDesired, .checkingDisabled]).union([
      .response, .recursionAvailable,
    ])
    if isAuthoritative { flags.insert(.authoritative) }
    let options = optionRecord(room: limit - Header.size - question.count)
    var body: [UInt8] = []
    var count = 0
    var isCut = isCut
    for record in records {
      let data = record.data
      // A pointer to the question's name, which stands right behind the header.
      guard Header.size + question.count + body.count + 12 + data.count + options.count <= limit else {
        isCut = true
        break
      }
      body += [0xc0, UInt8(Header.size)]
      body.append(record.type.number)
      body.append(1 as UInt16)
      body.append(UInt16(record.lifetime >> 16))
      body.append(UInt16(truncatingIfNeeded: record.lifetime))
      body.append(UInt16(data.count))
      body += data
      count += 1
    }
    if isCut { flags.insert(.truncated) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Header.size + question.count + body.count + options.count)
    bytes.append(header.identifier)
    bytes.append(flags.rawValue | header.flags.operation << 11 | code.number & 15)
    for count in [question.isEmpty ? 0 : 1, UInt16(count), 0, options.isEmpty ? 0 : 1] as [UInt16] {
      bytes.append(count)
    }
    return bytes + question + body + options
  }

  /// OPT, for who sent one: our size, the upper bits of the code, the reason in words where there is room for it.
  private func optionRecord(room: Int) -> [UInt8] {
    guard hasOptions else { return [] }
    var data: [UInt8] = []
    if let error {
      let text = Array(error.text.utf8.prefix(max(0, min(room - 17, 300))))
      data.append(15 as UInt16)  // EDE
      data.append(UInt16(text.count + 2))
      data.append(error.code.rawValue)
      data += text
    }
    if data.count + 11 > room { data = [] }
    var record: [UInt8] = [0]
    record.append(RecordType.options.number)
    record.append(Self.payloadSize)
    record += [UInt8(code.number >> 4 & 255), 0, 0, 0]
    record.append(UInt16(data.count))
    return record + data
  }
}

extension [UInt8] {
  /// In network order.
  fileprivate mutating func append(_ half: UInt16) {
    append(UInt8(half >> 8))
    append(UInt8(half & 255))
  }
}
