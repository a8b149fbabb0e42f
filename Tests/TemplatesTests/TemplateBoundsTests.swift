import JSON
import Testing

@testable import Templates

/// Templates that want more than a machine has: each ends soon, with an error that has a place.
@Suite struct TemplateBoundsTests {
  private static let many = Array(repeating: "a", count: 60).joined(separator: ",")
  private static let wide = "(split (printf \"%900000d\" 1) \" \")"

  @Test(arguments: [
    // 16 bytes, doubled sixty times.
    "{{$x := \"aaaaaaaaaaaaaaaa\"}}{{range split \"\(many)\" \",\"}}{{$x = print $x $x}}{{end}}{{len $x}}",
    "{{$x := \"<<<<<<<<<<<<<<<<\"}}{{range split \"\(many)\" \",\"}}{{$x = html $x $x}}{{end}}{{len $x}}",
    // Turns without anything in them.
    "{{range \(wide)}}{{range \(wide)}}{{end}}{{end}}",
    "{{len (printf \"\(String(repeating: "%999999d", count: 40))\" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)}}",
    "{{printf \"%*d\" -9223372036854775808 1}}", "{{printf \"%.*f\" 9223372036854775807 1.5}}",
  ])
  func whatIsTooMuchIsRefused(template: String) {
    #expect(throws: TemplateError.self) { try render(template) }
  }

  @Test func whatIsShownIsTheValuesNotTheTemplates() throws {
    var context = TemplateContext()
    context.shown = { $0.replacing("!", with: "?") }
    let made = try TextTemplate("!{{.Name}}!{{\"!\"}}{{range .List}}{{.}}{{end}}{{printf \"%s\" .Name}}")
      .text(["Name": "a!", "List": ["b!"]], context)
    #expect(made == "!a?!!b?a?")
  }
}
