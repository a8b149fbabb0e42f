import Testing

@testable import SkiffCLI

/// `--filter name=`: regular expressions as Go reads them.
@Suite struct NamePatternTests {
  @Test(arguments: [
    ("web", "my-web-1", true), ("^web", "my-web", false), ("^/web$", "/web", true), ("web$", "web1", false),
    ("w.b", "wab", true), ("a*b", "b", true), ("^a+b$", "aaab", true), ("^a+b$", "b", false), ("^ab?c$", "ac", true),
    ("[a-c]1", "x-b1", true), ("[^a-c]1", "b1", false), ("[]x]", "]", true), ("a|^b$", "b", true),
    ("a|^b$", "cb", false),
    ("^(ab|cd)+$", "abcdab", true), ("^(?:a|b)c", "bc", true), ("a\\.b", "a.b", true), ("a\\.b", "axb", false),
    ("\\d\\d$", "web42", true), ("", "anything", true),
  ])
  func fits(pattern: String, text: String, expected: Bool) {
    #expect(NamePattern(pattern)?.matches(text) == expected)
  }

  @Test(arguments: ["(", ")", "[a", "*", "a(b", "\\", "[b-a]"]) func refuses(pattern: String) {
    #expect(NamePattern(pattern) == nil)
  }

  @Test func aHostilePatternEnds() {
    let text = String(repeating: "a", count: 60)
    #expect(NamePattern("^(a*)*(a*)*(a|a)*b$")?.matches(text) == false)
    #expect(NamePattern(String(repeating: "(", count: 100) + String(repeating: ")", count: 100)) == nil)
  }
}
