import Testing

@testable import DBus

@Suite struct BusMessageTests {
  /// The bytes that dbus-send(1) writes for the greeting, taken from the specification's rules one by one.
  @Test func writesTheGreetingAsTheWireHasIt() {
    var message = BusMessage(
      "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", to: "org.freedesktop.DBus")
    message.serial = 1
    // Order, kind, flags, version; length of the body; serial; length of the fields.
    var expected: [UInt8] = [0x6c, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0x6d, 0, 0, 0]
    func field(_ code: UInt8, _ type: String, _ text: String) {
      while expected.count % 8 != 0 { expected.append(0) }
      expected += [code, 1] + Array(type.utf8) + [0, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) + [0]
    }
    field(1, "o", "/org/freedesktop/DBus")
    field(2, "s", "org.freedesktop.DBus")
    field(3, "s", "Hello")
    field(6, "s", "org.freedesktop.DBus")
    #expect(expected.count == 16 + 0x6d)
    while expected.count % 8 != 0 { expected.append(0) }
    #expect(message.bytes == expected)
  }

  @Test func alignsWhatIsInsideOfArraysAndVariants() {
    var writer = BusWriter()
    writer.write(
      .array(
        of: "(sv)",
        [.structure([.string("A"), .variant(.uint64(5))]), .structure([.string("B"), .variant(.bool(true))])]))
    // The length, without the padding behind it; then each text, the type of its variant, and what that holds.
    var expected: [UInt8] = [40, 0, 0, 0, 0, 0, 0, 0]
    expected += [1, 0, 0, 0, 0x41, 0, 1, 0x74, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]
    expected += [1, 0, 0, 0, 0x42, 0, 1, 0x62, 0, 0, 0, 0, 1, 0, 0, 0]
    #expect(writer.bytes == expected)
    // An empty array of structures is padded all the same.
    var empty = BusWriter()
    empty.write(.array(of: "(sa(sv))", []))
    #expect(empty.bytes == [0, 0, 0, 0, 0, 0, 0, 0])
  }

  static let values: [BusValue] = [
    .byte(7), .bool(true), .int32(-5), .uint32(.max), .int64(.min), .uint64(.max), .double(1.5), .string("häuser"),
    .objectPath("/a/b"), .signature("a(sv)"), .array(of: "y", [.byte(1), .byte(2)]), .array(of: "(ss)", []),
    .structure([.string("x"), .variant(.array(of: "(ss)", [.structure([.string("/dev/char/1:3"), .string("rwm")])]))]),
    .variant(.variant(.uint64(1))),
  ]

  @Test func readsWhatItWrites() throws {
    var message = BusMessage("/p", "a.b", "C", to: nil, Self.values)
    message.serial = 9
    message.replySerial = 8
    #expect(try BusMessage(message.bytes[...]) == message)
    #expect(try BusMessage.length(of: message.bytes[...]) == message.bytes.count)
    #expect(try BusMessage.length(of: message.bytes.prefix(15)) == nil)
  }

  /// A message that is cut or bent anywhere is an error or another message, and never a crash or an endless loop.
  @Test func survivesWhatIsBent() {
    let bytes = BusMessage("/p", "a.b", "C", to: "d.e", Self.values).bytes
    for end in bytes.indices { #expect(throws: MalformedMessage.self) { try BusMessage(bytes[..<end]) } }
    for index in bytes.indices {
      for value: UInt8 in [0, 1, 0x61, 0x76, 0x7f, 0x80, 0xff] {
        var bent = bytes
        bent[index] = value
        _ = try? BusMessage(bent[...])
      }
    }
  }

  @Test func refusesMessagesThatAreTooLongOrNestTooDeep() {
    #expect(throws: MalformedMessage.self) {
      try BusMessage.length(of: [0x6c, 2, 0, 1, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0, 0, 0, 0])
    }
    #expect(throws: MalformedMessage.self) { try BusMessage.length(of: Array("HTTP/1.1 400 Bad".utf8)[...]) }
    var value = BusValue.byte(1)
    for _ in 0..<40 { value = .variant(value) }
    var message = BusMessage(.signal)
    message.body = [value]
    #expect(throws: MalformedMessage.self) { try BusMessage(message.bytes[...]) }
  }

  @Test(arguments: ["a", "(", "(s", ")", "a(", "z", "{sv"]) func aBrokenSignatureIsRefused(_ signature: String) {
    var reader = BusReader([UInt8](repeating: 0, count: 64)[...])
    #expect(throws: MalformedMessage.self) { try reader.values(signature) }
  }
}
