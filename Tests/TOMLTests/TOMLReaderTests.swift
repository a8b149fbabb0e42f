import TOML
import Testing

@Suite struct TOMLReaderTests {
  private let example = """
    a = "x\\ty \\u00e9 \\"" # comment
    b = 'C:\\path'
    c . "d e" . f = [ 1, 2.5, # two
      [true], 1979-05-27T07:32:00Z, { g = -3, h.i = "" } ]
    j = \"""

    one \\
       two
    three\"""\"
    k = '''it's'''
    [t]
    u = false
    [t.v]
    [[w.x]]
    y = 1
    [[w.x]]
    [w.x.z]
    """

  @Test func readsTOML() throws {
    let found = try TOMLReader.read(Array(example.utf8))
    #expect(found["a"] == .string("x\ty é \""))
    #expect(found["b"] == .string("C:\\path"))
    let list: [TOMLValue] = [
      .other("1"), .other("2.5"), .array([.boolean(true)]), .other("1979-05-27T07:32:00Z"),
      .table(["g": .other("-3"), "h": .table(["i": .string("")])]),
    ]
    #expect(found["c"] == .table(["d e": .table(["f": .array(list)])]))
    #expect(found["j"] == .string("\none two\nthree\""))
    #expect(found["k"] == .string("it's"))
    #expect(found["t"] == .table(["u": .boolean(false), "v": .table([:])]))
    #expect(found["w"] == .table(["x": .tables([["y": .other("1")], ["z": .table([:])]])]))
  }

  @Test(arguments: [
    "a", "a =", "= 1", "a = 1 2", "a = x", "a = \"x", "a = \"\\q\"", "a = \"\\u12\"", "a = \"\\ud800\"", "a = [1",
    "a = [1 2]",
    "a = {b = 1", "[a", "[[a]", "[]", "a = 1\na = 2", "a = 1\n[a]", "a.b = 1\na = 2", "[[a]]\n[a]", "a = \"\n\"",
    "a..b = 1",
    "\u{0}", "a = 'x\u{1}'",
  ])
  func refusesWhatIsNoTOML(text: String) { #expect(throws: TOMLError.self) { try TOMLReader.read(Array(text.utf8)) } }

  @Test func isBounded() {
    let deep = "a = " + String(repeating: "[", count: 100_000)
    #expect(throws: TOMLError.self) { try TOMLReader.read(Array(deep.utf8)) }
    let dots = Array(repeating: "a", count: 10_000).joined(separator: ".") + " = 1"
    #expect(throws: TOMLError.self) { try TOMLReader.read(Array(dots.utf8)) }
    #expect(throws: TOMLError.self) { try TOMLReader.read([0x61, 0x3d, 0x22, 0xff, 0x22]) }
    // Every beginning of a good document ends in an answer.
    let bytes = Array(example.utf8)
    for end in bytes.indices { _ = try? TOMLReader.read(Array(bytes[..<end])) }
  }
}
