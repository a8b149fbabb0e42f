import JSON
import Testing

@testable import Templates

/// Templates that nobody would write: each is text or an error with a place in it.
@Suite struct TemplateDamageTests {
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  @Test(arguments: 0..<8) func everyMutationEnds(seed: Int) {
    var numbers = Numbers(state: UInt64(seed) &* 7919 &+ 1)
    let pieces = [
      "{{", "}}", "{{- ", " -}}", "{{range .Env}}", "{{end}}", "{{else}}", "{{if ", "{{with .State}}", "$x", ":=", "=",
      ",",
      "|", "(", ")", ".Name", ".", "json", "printf", "\"%08.3f%-*d\"", "\"", "`", "'a'", "index", "slice", "1", "-2",
      "0x", "1e9", "9223372036854775807", "{{break}}", "/*", "*/", " ", "\n", "é", "\u{0}", "nil", "true", "len",
    ]
    var (texts, refusals) = (0, 0)
    for _ in 0..<600 {
      let text = (0..<Int.random(in: 1...14, using: &numbers)).map { _ in pieces.randomElement(using: &numbers) ?? "" }
        .joined()
      do {
        #expect(try render(text).utf8.count < 1 << 22)
        texts += 1
      } catch let error as TemplateError {
        #expect(error.line >= 1 && error.column >= 1 && !error.reason.isEmpty)
        refusals += 1
      } catch { Issue.record(error) }
    }
    #expect(texts > 10 && refusals > 10, "\(texts) texts, \(refusals) refusals")
  }
}
