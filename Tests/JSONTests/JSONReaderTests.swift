import JSON
import Testing

private func parse(_ text: String, limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
  try JSONValue(parsing: Array(text.utf8), limits: limits)
}

@Suite struct JSONReaderTests {
  @Test func walksAnObject() throws {
    var reader = try JSONReader(
      Array(#" {"a" : "x", "skip": [1, {"b": null}], "n": -12, "list": ["p", "q"], "t": true}"#.utf8))
    var seen: [String] = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "a": seen.append(try reader.string())
      case "n": seen.append("\(try reader.integer(Int32.self))")
      case "list": seen += try reader.strings()
      case "t": seen.append("\(try reader.bool())")
      default: try reader.skip()
      }
    }
    try reader.finish()
    #expect(seen == ["x", "-12", "p", "q", "true"])
  }

  @Test func nullMembersAreAsGoodAsAbsent() throws {
    var reader = try JSONReader(Array(#"{"a": null, "b": 1, "c": null}"#.utf8))
    try reader.beginObject()
    #expect(try reader.nextMember() == "b")
    #expect(try reader.integer(Int.self) == 1)
    #expect(try reader.nextMember() == nil)
    try reader.finish()
  }

  @Test func theLastOfTwoEqualMembersCounts() throws {
    let value = try parse(#"{"a": 1, "b": 2, "a": [3]}"#)
    #expect(value["a"] == [3])
    #expect(value.object?.keys == ["a", "b"])
  }

  @Test(arguments: [
    (#""""#, ""), (#""a\"b\\c\/d\b\f\n\r\t""#, "a\"b\\c/d\u{8}\u{c}\n\r\t"), (#""\u00e9\u20AC""#, "é€"),
    (#""\uD83D\uDE00!""#, "😀!"), (#""naïve 😀""#, "naïve 😀"), (#""\u0000""#, "\0"), (#""\\""#, "\\"),
  ])
  func strings(_ text: String, _ expected: String) throws {
    #expect(try parse(text) == .string(expected))
  }

  @Test(arguments: [
    ("0", JSONValue.number(.integer(0))), ("-0", 0), ("9223372036854775807", .number(.integer(.max))),
    ("-9223372036854775808", .number(.integer(.min))), ("9223372036854775808", .number(.unsigned(1 << 63))),
    ("18446744073709551615", .number(.unsigned(.max))),
    ("18446744073709551616", .number(.double(18446744073709551616))),
    ("-9223372036854775809", .number(.double(-9223372036854775809))), ("1.0", 1.0), ("1e3", 1000.0),
    ("-2.5E-3", -0.0025),
    ("0.1", 0.1),
  ])
  func numbers(_ text: String, _ expected: JSONValue) throws {
    #expect(try parse(text) == expected)
  }

  @Test func integersAreExactOrRefused() throws {
    func read<Value: FixedWidthInteger>(_ text: String, _ type: Value.Type) throws(JSONError) -> Value {
      var reader = try JSONReader(Array(text.utf8))
      return try reader.integer(type)
    }
    #expect(try read("255", UInt8.self) == 255)
    #expect(try read("-128", Int8.self) == -128)
    #expect(try read("18446744073709551615", UInt64.self) == .max)
    for text in ["256", "-1", "1.0", "1e1", "18446744073709551616", "\"1\"", "null", ""] {
      #expect(throws: JSONError.self, "\(text)") { try read(text, UInt8.self) }
    }
    #expect(throws: JSONError(path: "", offset: 0, reason: "4294967296 is not in 0…4294967295")) {
      try read("4294967296", UInt32.self)
    }
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}", "01", "-", "-a", "+1", "1.", ".5", "1e", "1e+", "0x10", "1.e1", "NaN", "Infinity", "nul",
    "nulll", "tru",
    "falsy", "True", "\"", "\"\\", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\ude00\"",
    "\"\\ud83d\\u0041\"", "\"\\ud83dx\"", "\"\\ud83d\\", "\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "1 2", "[] []", "[]]",
    "{}}", "]",
    "}", ",", ":", "\u{feff}1", "1e999", "-1e999", "// x\n1", "[1]/**/", "\u{a0}1",
  ])
  func malformedTextIsRefused(_ text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
    #expect(throws: JSONError.self) { try skip(Array(text.utf8)) }
  }

  /// Over a whole document, which is checked as one that is read.
  private func skip(_ bytes: [UInt8]) throws(JSONError) {
    var reader = try JSONReader(bytes)
    try reader.skip()
    try reader.finish()
  }

  @Test(
    arguments: [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc3, 0x22],
      [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], [0x22, 0x5c, 0x6e, 0xff, 0x22], [0xff], [0x22, 0xe2, 0x82, 0x22],
    ] as [[UInt8]])
  func whatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    #expect(throws: JSONError.self) { try skip(bytes) }
  }

  @Test func errorsSayWhere() {
    func failure(_ text: String) -> String {
      do throws(JSONError) {
        _ = try parse(text)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(failure("") == "expected a value, found the end (byte 0)")
    #expect(
      failure(#"{"linux": {"namespaces": [{}, {"type": x}]}}"#)
        == "linux.namespaces[1].type: expected a value, found 'x' (byte 39)")
    #expect(failure(#"{"a.b": [1,]}"#) == #"["a.b"][1]: expected a value, found ']' (byte 11)"#)
    #expect(failure("[1] x") == "unexpected 'x' after the end of the document (byte 4)")
  }

  @Test func limitsHold() throws {
    let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    _ = try parse(deep)
    #expect(throws: JSONError.self) { try parse("[\(deep)]") }
    #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 1 << 20)) }
    #expect(throws: JSONError.self) { try parse("[1,2]", limits: JSONLimits(length: 4)) }
    _ = try parse("[1,2]", limits: JSONLimits(values: 3))
    #expect(throws: JSONError.self) { try parse("[1,2,3]", limits: JSONLimits(values: 3)) }
    #expect(throws: JSONError.self) { try parse(#""a\u0000b""#, limits: JSONLimits(allowsNUL: false)) }
    // Skipping checks as much as reading does.
    for text in ["[1,2,3]", #"["\u0000"]"#, "[[[[]]]]", "[\"\\q\"]", "[01]"] {
      #expect(throws: JSONError.self, "\(text)") {
        var reader = try JSONReader(Array(text.utf8), limits: JSONLimits(depth: 3, values: 3, allowsNUL: false))
        try reader.skip()
      }
    }
  }
}
