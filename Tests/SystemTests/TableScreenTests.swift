import Foundation
import Kernel
import Testing

/// Tables as a person sees them in a terminal, and as a pipe gets them.
@Suite(
  .serialized, .enabled(if: geteuid() == 0, "containers need root"),
  .enabled(if: mayExecute("/usr/bin/tmux"), "tmux is not installed"))
struct TableScreenTests {
  private func withTables(_ body: (Sandbox, [String: String]) throws -> Void) throws {
    try Sandbox.with { place in
      try body(place, ["SKIFF_ROOT": place.state, "SKIFF_STATE": place.run, "TERM": "tmux-256color"])
    }
  }

  private func start(_ place: Sandbox, _ name: String, _ flags: String...) throws {
    let started = try place.skiff(
      ["run", "-d", "--name", name, "--network", "none"] + flags + ["--rootfs", place.rootfs, "sleep", "1000"])
    #expect(started.code == 0, "\(started)")
  }

  /// What was on it when the command ended, without the lines below.
  private func screen(
    _ place: Sandbox, _ words: String, _ environment: [String: String], columns: Int, isColoured: Bool = false
  ) throws -> String {
    let screen = try Screen(place, words, environment: environment, columns: columns)
    _ = try screen.shows("\\[ended [0-9]+\\]")
    let text = try screen.text(isColoured: isColoured)
    return String(text[..<(text.range(of: "[ended")?.lowerBound ?? text.endIndex)])
  }

  /// Nothing is cut or folded for a terminal, and no blanks stand at the ends of lines that wrap into another row.
  @Test func aTerminalShowsWhatAPipeGets() throws {
    try withTables { place, environment in
      try start(place, "boat", "--label", "kind=船", "--label", "way=a\u{1b}[31m\u{202e}b")
      try start(place, "a-container-with-a-name-that-is-quite-long", "--label", "kind=raft")
      #expect(try place.skiff(["volume", "create", "store"]).code == 0)
      for words in [
        "ps --format 'table {{.ID}}\\t{{.Command}}\\t{{.Names}}\\t{{.State}}'",
        "ps --no-trunc --format 'table {{.Label \"kind\"}}\\t{{.ID}}\\t{{.Command}}\\t{{.Names}}'",
        "ps --format 'table {{.Label \"way\"}}\\t{{.Names}}'", "network ls", "volume ls",
        "top boat -o pid,comm",
      ] {
        let piped = try place.shell("\"$0\" \(words)").output
        #expect(piped.split(separator: "\n").count >= 2, "\(piped)")
        for columns in [80, 200] {
          let file = "\(place.folder.path)/line"
          try Data("'\(Sandbox.skiff)' \(words)\n".utf8).write(to: URL(filePath: file))
          let seen = try screen(place, "sh \(file)", environment, columns: columns)
          let rows = piped.split(separator: "\n").flatMap { Self.folded(String($0), columns) }
          let shown = seen.split(separator: "\n").map { Self.trimmed(String($0)) }
          #expect(shown == rows, "\(words) in \(columns) columns")
        }
      }
    }
  }

  /// As a terminal folds a line. A letter of East Asia takes two columns.
  private static func folded(_ line: String, _ columns: Int) -> [String] {
    var (rows, width) = ([""], 0)
    for letter in line {
      let more = letter == "船" ? 2 : 1
      if width + more > columns {
        rows.append("")
        width = 0
      }
      rows[rows.count - 1].append(letter)
      width += more
    }
    return rows.map(trimmed)
  }

  private static func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }

  @Test func columnsLineUpOnTheScreen() throws {
    try withTables { place, _ in
      try start(place, "boat", "--label", "kind=船船船船船船")
      try start(place, "raft", "--label", "kind=r")
      let rows = try place.skiff(["ps", "--format", "table {{.Label \"kind\"}}\\t{{.Names}}"]).output
        .split(separator: "\n")
      // Six wide letters are twelve columns; three blanks follow the widest.
      #expect(rows.dropFirst().sorted() == ["r              raft", "船船船船船船   boat"], "\(rows)")
      #expect(rows.first?.hasSuffix("NAMES") == true && rows.first?.count == 20, "\(rows)")
    }
  }

  @Test func statisticsStayOnTheScreen() throws {
    try withTables { place, environment in
      for name in ["one", "two", "three"] { try start(place, name) }
      let screen = try Screen(
        place, "\(Sandbox.skiff) stats", environment: environment, columns: 120, rows: 4)
      let text = try screen.shows("… 2 more have no room here")
      let lines = text?.split(separator: "\n") ?? []
      #expect(lines.count == 3 && lines.first?.hasPrefix("CONTAINER ID   NAME") == true, "\(lines)")
      try screen.interrupt()
      _ = try screen.shows("\\[ended 130\\]")
      // Paints over itself, however long it runs: in a large terminal all of them, once.
      let large = try Screen(place, "\(Sandbox.skiff) stats", environment: environment, columns: 120, rows: 20)
      _ = try large.shows("one")
      #expect(try place.skiff(["rm", "-f", "two"]).code == 0)
      var seen: [Substring] = []
      for _ in 0..<100 {
        seen = try large.text().split(separator: "\n")
        if !seen.joined().contains("two") { break }
        usleep(50_000)
      }
      #expect(seen.count == 3, "\(seen)")
    }
  }

  @Test func eventsComeLive() throws {
    try withTables { place, environment in
      let screen = try Screen(place, "\(Sandbox.skiff) events", environment: environment, columns: 200)
      usleep(300_000)
      try start(place, "boat", "--label", "way=a\u{1b}[31mb")
      let text = try screen.shows("container start [0-9a-f]{64} \\(.*name=boat")
      #expect(text?.contains("way=a\\x1b[31mb") == true, "\(text ?? "")")
      try screen.interrupt()
      _ = try screen.shows("\\[ended 130\\]")
    }
  }

  @Test func coloursAreForTerminalsAndEnd() throws {
    try withTables { place, environment in
      let escape = "\u{1b}["
      let wrong = "\(Sandbox.skiff) nosuch"
      let coloured = try screen(place, wrong, environment, columns: 80, isColoured: true)
      let ends = coloured.replacing("\u{1b}[0m", with: "\u{1b}[39m").replacing(
        "\u{1b}[39m\u{1b}[49m", with: "\u{1b}[39m")
      #expect(ends.contains("\(escape)31mskiff:\(escape)39m unknown command"), "\(coloured)")
      #expect(ends.contains("\(escape)36mhint:\(escape)39m see"), "\(coloured)")
      let plain = [
        (wrong, environment.merging(["NO_COLOR": "1"]) { $1 }), (wrong, environment.merging(["TERM": "dumb"]) { $1 }),
        ("\(wrong) 2>&1 | cat", environment),
      ]
      for (words, environment) in plain {
        let text = try screen(place, words, environment, columns: 80, isColoured: true)
        #expect(text.hasPrefix("skiff: unknown command") && !text.contains(escape), "\(words): \(text)")
      }
    }
  }
}
