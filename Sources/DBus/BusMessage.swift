/// A message of the bus ("Message Format").
package struct BusMessage: Hashable, Sendable {
  package enum Kind: UInt8, Sendable { case call = 1, reply = 2, error = 3, signal = 4 }

  package var kind: Kind
  package var serial: UInt32 = 0
  package var path: String?
  package var interface: String?
  package var member: String?
  package var errorName: String?
  package var replySerial: UInt32?
  package var destination: String?
  package var body: [BusValue] = []

  package init(_ kind: Kind) { self.kind = kind }

  /// A method call.
  package init(_ path: String, _ interface: String, _ member: String, to destination: String?, _ body: [BusValue] = [])
  {
    self.init(.call)
    self.path = path
    self.interface = interface
    self.member = member
    self.destination = destination
    self.body = body
  }

  /// More than any answer of systemd's manager that is asked for here.
  static let largest = 1 << 20

  package var bytes: [UInt8] {
    var content = BusWriter()
    for value in body { content.write(value) }
    var fields: [BusValue] = []
    func field(_ code: UInt8, _ value: BusValue?) {
      if let value { fields.append(.structure([.byte(code), .variant(value)])) }
    }
    field(1, path.map { .objectPath($0) })
    field(2, interface.map { .string($0) })
    field(3, member.map { .string($0) })
    field(4, errorName.map { .string($0) })
    field(5, replySerial.map { .uint32($0) })
    field(6, destination.map { .string($0) })
    field(8, body.isEmpty ? nil : .signature(body.map(\.signature).joined()))
    var writer = BusWriter()
    writer.raw([UInt8(ascii: "l"), kind.rawValue, 0, 1])
    writer.integer(UInt32(content.bytes.count))
    writer.integer(serial)
    writer.write(.array(of: "(yv)", fields))
    writer.align(8)
    writer.raw(content.bytes)
    return writer.bytes
  }

  /// How long the message is that starts with these bytes; nil while that cannot be told.
  static func length(of start: ArraySlice<UInt8>) throws(MalformedMessage) -> Int? {
    guard start.count >= 16 else { return nil }
    let order = start[start.startIndex]
    guard order == UInt8(ascii: "l") || order == UInt8(ascii: "B"), start[start.startIndex + 3] == 1 else {
      throw MalformedMessage("the peer does not speak D-Bus")
    }
    var reader = BusReader(start.prefix(16), isBigEndian: order == UInt8(ascii: "B"))
    _ = try reader.integer(UInt32.self)
    let body = Int(try reader.integer(UInt32.self))
    _ = try reader.integer(UInt32.self)
    let fields = Int(try reader.integer(UInt32.self))
    guard body <= largest, fields <= 1 << 16 else { throw MalformedMessage("a message is too long") }
    return 16 + (fields + 7) / 8 * 8 + body
  }

  package init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
    guard try Self.length(of: bytes) == bytes.count else { throw MalformedMessage("a message ends too early") }
    var reader = BusReader(bytes, isBigEndian: bytes[bytes.startIndex] == UInt8(ascii: "B"))
    guard let kind = Kind(rawValue: bytes[bytes.startIndex + 1]) else {
      throw MalformedMessage("an unknown kind of message")
    }
    self.init(kind)
    _ = try reader.values("yyyyu")
    serial = try reader.integer(UInt32.self)
    guard case .array(_, let fields)? = try reader.values("a(yv)").first else { return }
    var signature = ""
    for case .structure(let field) in fields {
      guard field.count == 2, case .byte(let code) = field[0], case .variant(let value) = field[1] else { continue }
      switch code {
      case 1: path = value.text
      case 2: interface = value.text
      case 3: member = value.text
      case 4: errorName = value.text
      case 5: if case .uint32(let number) = value { replySerial = number }
      case 6: destination = value.text
      case 8: signature = value.text ?? ""
      default: break
      }
    }
    try reader.align(8)
    body = try reader.values(signature)
  }
}
