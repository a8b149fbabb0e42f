/// Messages of the Domain Name System as bytes (RFC 1035, EDNS by RFC 6891, reasons in words by RFC 8914).
///
/// It may know the format and nothing of who asks or answers: bytes come in, values go out, and the other way round. All
/// input is hostile: every length, count and pointer is checked, and nothing grows beyond the message that it came in.
internal import Kernel

/// What a message asks for (RFC 1035 4.1.2).
package struct Question: Hashable, Sendable {
  package var name: DomainName
  package var type: RecordType
  /// 1 is the internet.
  package var recordClass: UInt16

  package init(_ name: DomainName, _ type: RecordType, recordClass: UInt16 = 1) {
    self.name = name
    self.type = type
    self.recordClass = recordClass
  }

  /// Whether both ask for the same; case counts for nothing in names (RFC 4343).
  package func matches(_ other: Question) -> Bool {
    type == other.type && recordClass == other.recordClass && name.lowercased == other.name.lowercased
  }
}

/// The type of a record, or of all records that are asked for.
package struct RecordType: Hashable, Sendable, CustomStringConvertible {
  package var number: UInt16
  package init(_ number: UInt16) { self.number = number }

  package static let a = RecordType(1)
  package static let cname = RecordType(5)
  package static let ptr = RecordType(12)
  package static let aaaa = RecordType(28)
  /// EDNS: no record of a name, but what the sender can do.
  package static let options = RecordType(41)
  package static let any = RecordType(255)

  private static let names: [(UInt16, String)] = [
    (1, "A"), (2, "NS"), (5, "CNAME"), (6, "SOA"), (12, "PTR"), (15, "MX"), (16, "TXT"), (28, "AAAA"), (33, "SRV"),
    (41, "OPT"), (43, "DS"), (46, "RRSIG"), (48, "DNSKEY"), (64, "SVCB"), (65, "HTTPS"), (255, "ANY"), (257, "CAA"),
  ]

  /// `A`, or `TYPE1234` as RFC 3597 has it.
  package var description: String { Self.names.first { $0.0 == number }?.1 ?? "TYPE\(number)" }

  package init?(_ text: String) {
    let word = text.uppercased()
    if let known = Self.names.first(where: { $0.1 == word }) {
      self.init(known.0)
    } else if word.hasPrefix("TYPE"), let number = UInt16(word.dropFirst(4)) {
      self.init(number)
    } else {
      return nil
    }
  }
}

/// How a server says that it went (RFC 1035 4.1.1).
package struct ResponseCode: Hashable, Sendable, CustomStringConvertible {
  package var number: UInt16
  package init(_ number: UInt16) { self.number = number }

  package static let success = ResponseCode(0)
  package static let malformed = ResponseCode(1)
  package static let serverFailure = ResponseCode(2)
  package static let noSuchName = ResponseCode(3)
  package static let notImplemented = ResponseCode(4)
  package static let refused = ResponseCode(5)
  /// Of EDNS: the upper eight bits are in the OPT record.
  package static let badVersion = ResponseCode(16)

  /// As dig prints it.
  package var description: String {
    switch number {
    case 0: "NOERROR"
    case 1: "FORMERR"
    case 2: "SERVFAIL"
    case 3: "NXDOMAIN"
    case 4: "NOTIMP"
    case 5: "REFUSED"
    case 16: "BADVERS"
    default: "RCODE\(number)"
    }
  }
}

/// The second word of a message.
package struct HeaderFlags: FlagWord {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }
  package static let response = HeaderFlags(rawValue: 0x8000)
  package static let authoritative = HeaderFlags(rawValue: 0x0400)
  /// There was more than fit: ask again by TCP.
  package static let truncated = HeaderFlags(rawValue: 0x0200)
  package static let recursionDesired = HeaderFlags(rawValue: 0x0100)
  package static let recursionAvailable = HeaderFlags(rawValue: 0x0080)
  package static let checkingDisabled = HeaderFlags(rawValue: 0x0010)

  /// 0 is a question.
  package var operation: UInt16 { rawValue >> 11 & 15 }
  package var code: ResponseCode { ResponseCode(rawValue & 15) }
}

/// The first twelve bytes.
package struct Header: Hashable, Sendable {
  package var identifier: UInt16
  package var flags: HeaderFlags
  package var questions: UInt16
  package var answers: UInt16
  package var authorities: UInt16
  package var additional: UInt16

  /// Nil for fewer than twelve bytes.
  package init?(_ bytes: some RandomAccessCollection<UInt8>) {
    guard bytes.count >= Header.size else { return nil }
    var reader = MessageBytes(Array(bytes.prefix(Header.size)))
    guard let identifier = reader.half(), let flags = reader.half(), let questions = reader.half(),
      let answers = reader.half(), let authorities = reader.half(), let additional = reader.half()
    else { return nil }
    self.identifier = identifier
    self.flags = HeaderFlags(rawValue: flags)
    self.questions = questions
    self.answers = answers
    self.authorities = authorities
    self.additional = additional
  }

  static let size = 12
}

/// The bytes of a message, taken from front to back. Nil is the answer to whatever does not fit.
struct MessageBytes {
  let bytes: [UInt8]
  private(set) var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    position += 1
    return bytes[position - 1]
  }

  mutating func half() -> UInt16? {
    guard bytes.count - position >= 2 else { return nil }
    position += 2
    return UInt16(bytes[position - 2]) << 8 | UInt16(bytes[position - 1])
  }

  mutating func word() -> UInt32? {
    guard let high = half(), let low = half() else { return nil }
    return UInt32(high) << 16 | UInt32(low)
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, bytes.count - position >= count else { return nil }
    position += count
    return bytes[(position - count)..<position]
  }

  mutating func seek(to position: Int) {
    self.position = min(max(0, position), bytes.count)
  }
}
