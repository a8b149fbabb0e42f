import Terminals
import Testing

private func feed(_ keys: inout DetachKeys, _ text: String) -> (String, Bool) {
  let result = keys.feed(Array(text.utf8)[...])
  return (String(decoding: result.bytes, as: UTF8.self), result.isDetached)
}

@Suite struct DetachKeysTests {
  @Test func theSequenceLeavesEvenInPieces() {
    var keys = DetachKeys()
    #expect(feed(&keys, "ls\n") == ("ls\n", false))
    #expect(feed(&keys, "a\u{10}") == ("a", false))
    #expect(feed(&keys, "\u{11}rest") == ("", true))
    #expect(feed(&keys, "on") == ("on", false))
  }

  @Test func whatOnlyBeginsLikeItPasses() {
    var keys = DetachKeys()
    #expect(feed(&keys, "\u{10}") == ("", false))
    #expect(feed(&keys, "x") == ("\u{10}x", false))
    #expect(feed(&keys, "\u{11}") == ("\u{11}", false))
    // The second ctrl-p begins anew.
    #expect(feed(&keys, "\u{10}\u{10}\u{11}") == ("\u{10}", true))
  }

  @Test func overlappingBeginnings() throws {
    var keys = try #require(DetachKeys("a,a,b"))
    #expect(feed(&keys, "aaab") == ("a", true))
    #expect(feed(&keys, "aacaab") == ("aac", true))
  }

  @Test func words() throws {
    for (text, bytes) in [("ctrl-]", [29]), ("ctrl-@", [0]), ("ctrl-_,q", [31, 113]), ("ctrl-a", [1])]
      as [(String, [UInt8])]
    {
      var keys = try #require(DetachKeys(text))
      let result = keys.feed(bytes[...])
      #expect(result.isDetached && result.bytes.isEmpty)
    }
  }

  @Test(arguments: ["", "ctrl-", "ctrl-A", "ctrl-1", "abc", "a,,b", "ctrl-p,", "\u{1}", "ü"])
  func noWords(text: String) { #expect(DetachKeys(text) == nil) }
}
