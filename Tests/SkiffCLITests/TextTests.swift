import Arguments
import JSON
import Kernel
import Testing

@testable import SkiffCLI

@Suite struct TextTests {
  @Test(
    arguments: [
      (0, "0B"), (999, "999B"), (1000, "1kB"), (1234, "1.23kB"), (117_000_000, "117MB"), (999_999, "1000kB"),
      (1_500_000_000, "1.5GB"), (-1500, "-1.5kB"), (Int64.max, "9.22EB"),
    ] as [(Int64, String)])
  func decimalSizes(bytes: Int64, text: String) { #expect(humanSize(bytes) == text) }

  @Test(
    arguments: [
      (0, "0B"), (64 << 20, "64MiB"), (1536, "1.5KiB"), (3_373_000, "3.217MiB"), (Int64.min, "-8EiB"),
    ] as [(Int64, String)])
  func binarySizes(bytes: Int64, text: String) { #expect(binarySize(bytes) == text) }

  @Test(
    arguments: [
      (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (150, "2 minutes"),
      (3599, "59 minutes"), (3600, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"), (48 * 3600, "2 days"),
      (14 * 86_400, "2 weeks"), (70 * 86_400, "2 months"), (800 * 86_400, "2 years"), (-5, "Less than a second"),
    ] as [(Int64, String)])
  func durations(seconds: Int64, text: String) { #expect(humanDuration(seconds: seconds) == text) }

  @Test func ages() {
    let time = Timestamp(seconds: 1000, nanoseconds: 0)
    #expect(humanAge(of: time, at: Timestamp(seconds: 1120, nanoseconds: 0)) == "2 minutes ago")
  }

  @Test func aNewlineMakesNoRow() {
    var table = Table("COMMAND")
    table.add("sh -c\nforged")
    #expect(table.text == "COMMAND\nsh -c\\nforged\n")
  }

  @Test func tablesLineUp() {
    var table = Table("CONTAINER ID", "NAMES")
    table.add("abc", "x\u{1b}[31m")
    #expect(table.text == "CONTAINER ID   NAMES\nabc            x\\x1b[31m\n")
  }

  @Test func aFormatOfATableHasHeadings() throws {
    let headings: KeyValuePairs = ["ID": "CONTAINER ID", "Names": "NAMES"]
    let rows: [JSONValue] = [["ID": "abc", "Names": "web"], ["ID": "def", "Names": "db"]]
    #expect(
      try Template.lines("table {{.Names}}\\t{{.ID}}", rows, headings: headings)
        == "NAMES     CONTAINER ID\nweb       abc\ndb        def\n")
    #expect(try Template.lines("{{.Names}}", rows, headings: headings) == "web\ndb\n")
    #expect(throws: Template.Failure.self) { try Template.lines("table {{.Nope}}", rows, headings: headings) }
  }

  @Test func aNameCannotSteerTheTerminal() {
    #expect(printable("a\u{9b}b\r\u{7}") == "a\\x9bb\\x0d\\x07")
    #expect(printable("grün\nzwei") == "grün\nzwei")
    #expect(printableLine("grün\nskiff: zwei\u{1b}[2J\n") == "grün\\nskiff: zwei\\x1b[2J\\n")
    // Bidirectional overrides would show what follows from right to left.
    #expect(printable("a\u{202e}b\u{2066}") == "a\\u{202e}b\\u{2066}")
  }

  @Test func whatIsPaintedFitsTheScreen() {
    let text = "NAMES     PIDS\none       1\ntwo       2\nthree     3\n"
    let whole =
      "\u{1b}[HNAMES     PIDS\u{1b}[K\none       1\u{1b}[K\ntwo       2\u{1b}[K\nthree     3\u{1b}[K\n\u{1b}[J"
    #expect(painted(text, on: nil) == whole)
    #expect(painted(text, on: WindowSize(rows: 5, columns: 80)) == whole)
    let cut = painted(text, on: WindowSize(rows: 4, columns: 80))
    #expect(cut == "\u{1b}[HNAMES     PIDS\u{1b}[K\none       1\u{1b}[K\n… 2 more have no room here\u{1b}[K\n\u{1b}[J")
    // A line that wraps takes two rows.
    #expect(painted(text, on: WindowSize(rows: 8, columns: 10)).contains("two       2\u{1b}[K\n… 1 more"))
  }

  @Test func widthsAreThoseOfTheScreen() {
    #expect(
      [("abc", 3), ("größe", 5), ("船团", 4), ("e\u{301}", 1), ("🚢", 2), ("❤\u{fe0f}", 2), ("ｈ", 2), ("", 0)].allSatisfy {
        screenWidth($0) == $1
      })
    #expect(shortened("船船船船", to: 8) == "船船船船" && shortened("船船船船", to: 7) == "船船船…")
    #expect(shortened("船船船船", to: 6) == "船船…" && shortened("abcdef", to: 6) == "abcdef")
    var table = Table("NAMES", "X")
    table.add("船", "1")
    table.add("ab", "2")
    #expect(table.text == "NAMES     X\n船        1\nab        2\n")
  }
}
