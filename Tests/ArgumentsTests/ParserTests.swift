import Arguments
import Testing

private let table = Command(
  "run", summary: "Run", usage: ["[OPTIONS] IMAGE [COMMAND]"],
  options: [
    Option("detach", short: "d", help: "in the background"),
    Option("interactive", short: "i", help: "keep stdin"),
    Option("tty", short: "t", help: "a terminal"),
    Option("rm", help: "remove"),
    Option("name", .value, help: "a name"),
    Option("memory", short: "m", .value, value: "bytes", help: "limit"),
    Option("volume", short: "v", .repeated, value: "list", help: "mounts"),
    Option("explain", .optionalValue(given: "text"), help: "explain"),
    Option("cpus", .value, help: "cpus"),
    Option("secret-switch", help: "hidden", isHidden: true),
  ], positionals: .atLeast(1), stopsAtFirstPositional: true)

private func message(_ words: [String], _ command: Command = table) -> UsageError? {
  do throws(UsageError) {
    _ = try command.parse(words)
    return nil
  } catch { return error }
}

@Suite struct ParserTests {
  @Test func clustersAndValuesInEveryForm() throws {
    for words in [["-v=/a:/b"], ["-v/a:/b"], ["-v", "/a:/b"], ["--volume=/a:/b"], ["--volume", "/a:/b"]] {
      #expect(try table.parse(words + ["img"]).strings("volume") == ["/a:/b"])
    }
    let parsed = try table.parse(["-it", "-dm64m", "img"])
    #expect(parsed.flag("interactive") && parsed.flag("tty") && parsed.flag("detach"))
    #expect(try parsed.bytes("memory") == 64 << 20)
    #expect(!parsed.flag("rm") && !parsed.isSet("rm"))
  }

  @Test func flagsTakeBackAndCount() throws {
    #expect(try table.parse(["--rm=false", "img"]).optionalFlag("rm") == false)
    #expect(try table.parse(["--rm", "--rm=0", "img"]).flag("rm") == false)
    #expect(try table.parse(["-i=false", "-t=T", "img"]).flag("tty"))
    #expect(try table.parse(["img"]).optionalFlag("rm") == nil)
    #expect(try table.parse(["--name", "a", "--name=", "img"]).string("name") == "")
  }

  @Test func optionsEndWhereTheContainersWordsBegin() throws {
    let parsed = try table.parse(["--rm", "img", "ls", "-l", "--rm=x", "--", "y"])
    #expect(parsed.positionals == ["img", "ls", "-l", "--rm=x", "--", "y"])
    #expect(try table.parse(["--", "-img", "--rm"]).positionals == ["-img", "--rm"])
    #expect(try table.parse(["-", "x"]).positionals == ["-", "x"])
    var mixed = table
    mixed.stopsAtFirstPositional = false
    #expect(try mixed.parse(["a", "--rm", "b", "--", "--rm"]).positionals == ["a", "b", "--rm"])
  }

  @Test func anOptionalValueNeverTakesTheNextWord() throws {
    #expect(try table.parse(["--explain", "img"]).string("explain") == "text")
    #expect(try table.parse(["--explain=shell", "img"]).string("explain") == "shell")
    #expect(try table.parse(["--explain", "img"]).positionals == ["img"])
  }

  @Test func helpStopsTheReading() throws {
    #expect(try table.parse(["--help", "--nonsense"]).wantsHelp)
    #expect(try table.parse(["-h"]).wantsHelp)
    #expect(try !table.parse(["img", "--help"]).wantsHelp)
  }

  @Test(arguments: [
    (["--nmae", "x", "img"], "unknown flag: --nmae", "did you mean --name?"),
    (["--zzzzz", "img"], "unknown flag: --zzzzz", nil),
    (["--secret-swich", "img"], "unknown flag: --secret-swich", nil),
    (["-iz", "img"], "unknown shorthand flag: 'z' in -iz", nil),
    (["-name", "img"], "unknown shorthand flag: 'n' in -name", "did you mean --name?"),
    (["--name"], "flag needs an argument: --name", nil),
    (["-im"], "flag needs an argument: -m", nil),
    (["--rm=maybe", "img"], "invalid argument \"maybe\" for \"--rm\": expected true or false", nil),
  ])
  func whatItDoesNotTake(words: [String], text: String, suggestion: String?) throws {
    let error = try #require(message(words))
    #expect(error.message == text)
    #expect(error.suggestion == suggestion)
    #expect(error.description == "run: \(text)")
    #expect(error.hint().hasSuffix("see 'skiff run --help'"))
  }

  @Test func counts() throws {
    #expect(message([])?.message == "requires at least 1 argument")
    let one = Command("logs", summary: "", usage: ["CONTAINER"], positionals: .exactly(1))
    #expect(message([], one)?.message == "requires 1 argument")
    #expect(message(["a", "b"], one)?.message == "accepts at most 1 argument, \"b\" is one too many")
    #expect(message(["a"], Command("ps", summary: "", usage: [""]))?.message == "accepts no arguments, got \"a\"")
  }

  @Test func badValuesNameTheOption() throws {
    let parsed = try table.parse(["-m", "lots", "--cpus", "x", "img"])
    let error = #expect(throws: UsageError.self) { try parsed.bytes("memory") }
    #expect(error?.message.hasPrefix("invalid argument \"lots\" for \"-m, --memory\": expected a size") == true)
    #expect(throws: UsageError.self) { try parsed.nanoCPUs("cpus") }
    #expect(throws: UsageError.self) { try table.parse(["--name=5", "x"]).integer("name", in: 0...4) }
    let choice = #expect(throws: UsageError.self) {
      try table.parse(["--explain=shel", "x"]).choice("explain", of: ["text", "shell", "json"])
    }
    #expect(choice?.suggestion == "did you mean shell?")
  }
}

@Suite struct ValueTests {
  @Test(
    arguments: [
      ("0", 0), ("512", 512), ("1k", 1024), ("64m", 64 << 20), ("64MB", 64 << 20), ("64MiB", 64 << 20),
      ("1.5g", 3 << 29),
      ("1 g", 1 << 30), ("2T", 2 << 40), ("10b", 10), ("0.5k", 512), ("8e", nil), ("", nil), ("m", nil), ("-1", nil),
      ("1mm", nil), ("1.2.3", nil), ("9223372036854775807", Int64.max), ("9223372036854775808", nil),
      ("99999999p", nil),
      ("1\u{301}m", nil), ("1ib", nil),
    ] as [(String, Int64?)])
  func bytes(text: String, expected: Int64?) { #expect(parseBytes(text) == expected) }

  @Test(
    arguments: [
      ("1", 1_000_000_000), ("0.5", 500_000_000), (".25", 250_000_000), ("1.000000001", 1_000_000_001),
      ("0.0000000001", nil), ("", nil), ("one", nil), ("1e3", nil), ("-1", nil),
    ] as [(String, Int64?)])
  func cpus(text: String, expected: Int64?) { #expect(parseNanoCPUs(text) == expected) }

  @Test(
    arguments: [
      ("0", 0), ("1ns", 1), ("300ms", 300_000_000), ("1.5s", 1_500_000_000), ("1h30m", 5_400_000_000_000),
      ("-2m", -120_000_000_000), ("5us", 5000), ("5µs", 5000), ("10", nil), ("", nil), ("-", nil), ("1d", nil),
      ("999999999h", nil), ("h", nil),
    ] as [(String, Int64?)])
  func durations(text: String, expected: Int64?) { #expect(parseDuration(text) == expected) }
}

@Suite struct NearestTests {
  @Test func nearWordsAndFarOnes() {
    let commands = ["run", "rm", "rmi", "stage", "stats", "stop", "network", "inspect"]
    #expect(nearest(to: "rnu", in: commands) == "run")
    #expect(nearest(to: "inspct", in: commands) == "inspect")
    #expect(nearest(to: "netw", in: commands) == "network")
    #expect(nearest(to: "STAGE", in: commands) == "stage")
    #expect(nearest(to: "frobnicate", in: commands) == nil)
    #expect(nearest(to: "", in: commands) == nil)
    #expect(nearestMatches(to: "sta", in: commands) == ["stage", "stats"])
  }

  @Test func aLongWordCostsNoMoreThanItsHead() {
    #expect(nearest(to: String(repeating: "a", count: 1_000_000), in: ["ab"]) == nil)
  }
}
